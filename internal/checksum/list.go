// SPDX-License-Identifier: MPL-2.0

package checksum

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// What a list of checksums can lack.
var (
	// ErrNotListed says that a file of checksums has none for a file.
	ErrNotListed = errors.New("the file is not in the list of checksums")
	// ErrAmbiguous says that a list has several, and does not tell which is meant.
	ErrAmbiguous = errors.New("the list of checksums is ambiguous")
	// ErrListTooLong says that a list is longer than any list is.
	ErrListTooLong = errors.New("the list of checksums is too long")
)

// MaxListBytes bounds a list.
const MaxListBytes = 16 << 20

// Wanted is the file that is looked for in a list.
type Wanted struct {
	// Name is its name, or the end of its path.
	Name string
	// Path is where it lies on its server, and Relative the same seen from the
	// folder that the list lies in. Both may be empty. They tell files of one name
	// in several folders apart.
	Path, Relative string
	// List is the list's own name, which may say what is in it (B2SUMS).
	List string
}

// Find looks a file up in a list as publishers ship it (SHA512SUMS, CHECKSUM,
// disk.qcow2.sha256): what md5sum, sha256sum, b2sum and cksum, the BSD tools and
// openssl write, clearsigned or not, in sections of several algorithms or
// none. It returns all checksums of the file that can be verified, by algorithm.
//
// Errors: ErrNotListed, ErrAmbiguous, ErrListTooLong; one where there are only
// checksums of other algorithms.
func Find(list io.Reader, want Wanted) (Sums, error) {
	text, err := io.ReadAll(io.LimitReader(list, MaxListBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxListBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrListTooLong, MaxListBytes)
	}
	entries, err := parse(string(text))
	if err != nil {
		return nil, err
	}
	candidates := want.among(entries)
	if len(candidates) == 0 {
		return nil, fmt.Errorf("%w: %q%s", ErrNotListed, want.Name, listed(entries))
	}
	return want.sums(candidates)
}

// listed names the files of a list, for a message.
func listed(entries []entry) string {
	const shown, longest = 8, 200
	var names []string
	for _, e := range entries {
		if name := fmt.Sprintf("%.*q", longest, e.file); e.file != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) > shown {
			names[shown] = "and more"
			break
		}
	}
	if len(names) == 0 {
		return ", which has no names of files"
	}
	return ", which has " + strings.Join(names, ", ")
}

// among are the entries of the file. A list of nothing but checksums without a
// name is about one file, which its own name says.
func (w Wanted) among(entries []entry) (found []entry) {
	named := slices.ContainsFunc(entries, func(e entry) bool { return e.file != "" })
	for _, e := range entries {
		if !named || isBelow(cleanPath(e.file), cleanPath(w.Name)) {
			found = append(found, e)
		}
	}
	exact := []string{w.Relative, w.Path}
	if w.Path == "" || strings.Contains(w.Name, "/") {
		exact = append(exact, w.Name)
	}
	for _, path := range exact {
		same := slices.DeleteFunc(slices.Clone(found), func(e entry) bool { return path == "" || cleanPath(e.file) != cleanPath(path) })
		if len(same) > 0 {
			return same
		}
	}
	// The path on the server may be longer than the one in the list.
	above := slices.DeleteFunc(slices.Clone(found), func(e entry) bool {
		return !strings.Contains(cleanPath(e.file), "/") || !isBelow(cleanPath(w.Path), cleanPath(e.file))
	})
	plain := slices.ContainsFunc(found, func(e entry) bool { return e.file != "" && !strings.Contains(cleanPath(e.file), "/") })
	if len(above) > 0 && !plain {
		return above
	}
	return found
}

// cleanPath leaves out what does not tell paths apart.
func cleanPath(path string) string {
	for strings.HasPrefix(path, "./") {
		path = strings.TrimLeft(path[2:], "/")
	}
	return strings.TrimPrefix(path, "/")
}

// isBelow tells whether a path is end, or ends in it as a whole.
func isBelow(path, end string) bool {
	return end != "" && (path == end || strings.HasSuffix(path, "/"+end))
}

// sums takes what can be verified, and refuses what is said in two ways.
func (w Wanted) sums(entries []entry) (Sums, error) {
	found, files := Sums{}, map[string]string{}
	var others []string
	for _, e := range entries {
		algorithm, err := e.algorithm(w.List)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrAmbiguous, w.Name, err)
		}
		if _, ok := algorithms[algorithm]; !ok {
			others = append(others, algorithm)
			continue
		}
		if sum, ok := found[algorithm]; ok && sum != e.sum {
			of := ""
			if files[algorithm] != e.file {
				of = fmt.Sprintf(": one of %q, one of %q", files[algorithm], e.file)
			}
			return nil, fmt.Errorf("%w: it has two %s checksums for %q%s", ErrAmbiguous, algorithm, w.Name, of)
		}
		found[algorithm], files[algorithm] = e.sum, e.file
	}
	switch {
	case len(found) > 0:
		return found, nil
	case slices.Contains(others, "sha1"):
		return nil, fmt.Errorf("the list has a SHA-1 checksum for %q, which proves nothing any more", w.Name)
	}
	slices.Sort(others)
	return nil, fmt.Errorf("the list has for %q only checksums that can't be verified: %s", w.Name, strings.Join(slices.Compact(others), ", "))
}
