// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
)

// ErrIncomparable says that the revision in the state can't be told any more.
var ErrIncomparable = errors.New("what the source's revision is told by is not there any more")

// RevisionNow asks what the source's revision is: the checksum in the list where
// there is one, or else what the server says. It is told by the same as before,
// where there was one.
//
// Errors: ErrIncomparable, where that is not there any more.
func RevisionNow(ctx context.Context, ref Reference, before string) (string, error) {
	kind, _, _ := strings.Cut(before, ":")
	if ref.ChecksumsURL != "" {
		all, err := listed(ctx, ref)
		if err != nil {
			return "", err
		}
		if sum, ok := all[kind]; ok {
			return revisionOf(checksum.Sums{kind: sum}), nil
		}
		if before != "" {
			return "", fmt.Errorf("%w: the list has no %s checksum of it", ErrIncomparable, kind)
		}
		return revisionOf(all.Strongest()), nil
	}
	if ref.URL == "" {
		return "", nil
	}
	info, _, err := fetch.ReadHead(ctx, ref.URL, 1)
	now := info.Revision()
	if err != nil || now == "" || before == "" {
		return now, err
	}
	if nowKind, _, _ := strings.Cut(now, ":"); nowKind == kind {
		return now, nil
	}
	was, is := sizeIn.FindString(before), sizeIn.FindString(now)
	if was != "" && is != "" && was != is {
		return now, nil
	}
	return "", fmt.Errorf("%w: it was %s, and the server tells %s", ErrIncomparable, before, now)
}

// sizeIn is a size in a revision, which can be compared with one in another.
var sizeIn = regexp.MustCompile(`\bsize:[0-9]+$`)

// SameRevision takes weak and strong ETags of the same text as equal: a server
// weakens one where it compresses.
func SameRevision(a, b string) bool {
	plain := func(s string) string { return strings.Replace(s, "etag:W/", "etag:", 1) }
	return plain(a) == plain(b)
}

// revisionOf is that of a source with one checksum.
func revisionOf(want checksum.Sums) string {
	for algorithm, s := range want.Strongest() {
		return algorithm + ":" + s
	}
	return ""
}
