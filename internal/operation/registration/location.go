// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// shownURL is which of the record's locations stands for ours: the one that
// should be there, or else the first; empty where it has none of RBD. A record
// that shows none to this caller proves nothing.
func shownURL(rec *glance.Image, want string) string {
	urls := rec.LocationURLs()
	switch {
	case len(urls) == 0 && rec.Status == glance.StatusQueued:
		return ""
	case len(urls) == 0 || slices.Contains(urls, want):
		return want
	case strings.HasPrefix(urls[0], "rbd://"):
		return urls[0]
	}
	return "" // of another store, with a password in it perhaps
}

// StoreOf is where Glance says that the data is; empty where it has but one
// store, or does not say.
func StoreOf(rec *glance.Image) string {
	// A copy is called by the ID; Glance may have put it first.
	for _, copied := range []bool{false, true} {
		for _, l := range rec.Locations {
			if s := l.Metadata["store"]; s != "" && copied == (strings.Contains(l.URL, rec.ID) && !strings.Contains(l.URL, aliasName(rec.ID))) {
				return s
			}
		}
	}
	if len(rec.Stores) > 0 {
		return rec.Stores[0]
	}
	return ""
}

// onlyOurData refuses a record with more locations than ours, as Glance would
// remove their data.
func onlyOurData(ctx context.Context, d Deps, ref Ref, rec *glance.Image) error {
	fsid, err := d.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	if others := otherLocations(rec, rbd.LocationURL(fsid, ref.Location()), nil); len(others) > 0 {
		return fmt.Errorf("%w: %s", ErrOtherData, strings.Join(others, ", "))
	}
	return nil
}

// otherLocations are those of a record beside ours and the copies in these stores,
// without passwords.
func otherLocations(rec *glance.Image, ours string, copies []string) (others []string) {
	known := []string{ours}
	for _, l := range rec.Locations {
		if slices.Contains(copies, l.Metadata["store"]) {
			known = append(known, l.URL)
		}
	}
	for _, u := range rec.LocationURLs() {
		if slices.Contains(known, u) {
			continue
		}
		if scheme, _, _ := strings.Cut(u, "://"); scheme != "rbd" {
			u = scheme + "://…"
		}
		others = append(others, u)
	}
	return others
}

// hasSnapshot expects a record that was found by the image.
func hasSnapshot(i *glance.Image, s rbd.Spec) bool {
	return slices.ContainsFunc(i.LocationURLs(), func(u string) bool {
		_, spec, err := rbd.ParseLocationURL(u)
		return err == nil && spec == s
	})
}
