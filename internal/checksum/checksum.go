// Package checksum holds a stream against the checksums that its publisher gives.
package checksum

import (
	"bufio"
	"crypto/md5"  //nolint:gosec // what publishers and Glance still give
	"crypto/sha1" //nolint:gosec // only to say that it is not taken
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// ErrMismatch says that the data is not what was published.
var ErrMismatch = errors.New("the checksum is another one")

// ErrNotListed says that a file of checksums has none for a file.
var ErrNotListed = errors.New("the file is not in the list of checksums")

var algorithms = map[string]func() hash.Hash{"md5": md5.New, "sha256": sha256.New, "sha512": sha512.New}

// Algorithms are the names of the checksums that can be verified.
func Algorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

// New makes the hash of an algorithm.
func New(algorithm string) (hash.Hash, error) {
	make, ok := algorithms[algorithm]
	if !ok {
		return nil, fmt.Errorf("no such algorithm: %q", algorithm)
	}
	return make(), nil
}

// Check tells whether text can be a checksum of the algorithm: so many hex
// digits.
func Check(algorithm, text string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != algorithms[algorithm]().Size() {
		return fmt.Errorf("a %s checksum has %d hex digits", algorithm, 2*algorithms[algorithm]().Size())
	}
	return nil
}

// Sums are checksums, expected or found, in hex by algorithm.
type Sums map[string]string

// Verifier hashes what is written to it.
type Verifier struct {
	want   Sums
	hashes map[string]hash.Hash
	all    io.Writer
}

// NewVerifier makes a Verifier for the algorithms of want.
func NewVerifier(want Sums) *Verifier {
	v := &Verifier{want: want, hashes: map[string]hash.Hash{}}
	var all []io.Writer
	for name := range want {
		v.hashes[name] = algorithms[name]()
		all = append(all, v.hashes[name])
	}
	v.all = io.MultiWriter(all...)
	return v
}

// Write never fails.
func (v *Verifier) Write(b []byte) (int, error) { return v.all.Write(b) }

// Verify compares when all was written.
//
// Errors: ErrMismatch.
func (v *Verifier) Verify() error {
	got := Sums{}
	for name, h := range v.hashes {
		got[name] = hex.EncodeToString(h.Sum(nil))
	}
	return v.want.Compare(got)
}

// Compare compares with what was found.
//
// Errors: ErrMismatch.
func (s Sums) Compare(found Sums) error {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if got := found[name]; !strings.EqualFold(got, s[name]) {
			return fmt.Errorf("%w: %s is %s, expected %s", ErrMismatch, name, got, s[name])
		}
	}
	return nil
}

// Lines of `sha256sum FILE` and of `sha256sum --tag FILE`. A list may be wrapped
// in a PGP signature, whose lines match neither.
var (
	plainLine  = regexp.MustCompile(`^\\?([0-9a-fA-F]{32,128}) [ *](.+)$`)
	taggedLine = regexp.MustCompile(`^[A-Z0-9-]+ \((.+)\) = ([0-9a-fA-F]{32,128})$`)
)

// Find looks a file up by its name in a list as publishers ship it (SHA512SUMS).
// Names with folders in front match by their last part.
//
// Errors: ErrNotListed; one for an algorithm that is not known.
func Find(list io.Reader, name string) (Sums, error) {
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		sum, file := "", ""
		if m := plainLine.FindStringSubmatch(line); m != nil {
			sum, file = m[1], m[2]
		} else if m := taggedLine.FindStringSubmatch(line); m != nil {
			file, sum = m[1], m[2]
		}
		if file == "" || file[strings.LastIndexByte(file, '/')+1:] != name {
			continue
		}
		for algorithm, make := range algorithms {
			if 2*make().Size() == len(sum) {
				return Sums{algorithm: strings.ToLower(sum)}, nil
			}
		}
		if len(sum) == 2*sha1.Size {
			return nil, fmt.Errorf("the list has a SHA-1 checksum for %q, which proves nothing any more", name)
		}
		return nil, fmt.Errorf("the list has a checksum of %d digits for %q, which is of no known algorithm", len(sum), name)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %q", ErrNotListed, name)
}
