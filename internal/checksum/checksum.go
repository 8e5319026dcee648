// SPDX-License-Identifier: MPL-2.0

// Package checksum holds a stream against the checksums that its publisher gives.
package checksum

import (
	"crypto/md5" //nolint:gosec // what publishers and Glance still give
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// ErrMismatch says that the data is not what was published.
var ErrMismatch = errors.New("the checksum is another one")

var algorithms = map[string]func() hash.Hash{
	"md5": md5.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	"sha3-256": func() hash.Hash { return sha3.New256() },
	"sha3-384": func() hash.Hash { return sha3.New384() },
	"sha3-512": func() hash.Hash { return sha3.New512() },
	"blake2b": func() hash.Hash {
		h, _ := blake2b.New512(nil) // only a key can be wrong
		return h
	},
}

// byStrength are all algorithms that can be verified, the strongest first. Of
// equals, what every machine can compute comes first.
var byStrength = []string{"sha512", "sha3-512", "blake2b", "sha384", "sha3-384", "sha256", "sha3-256", "md5"}

// Algorithms are the names of the checksums that can be asked for. Lists may
// have others too, which New knows as well.
func Algorithms() []string { return []string{"md5", "sha256", "sha512"} }

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

// Strongest is the strongest of several checksums of one file alone.
func (s Sums) Strongest() Sums {
	for _, algorithm := range byStrength {
		if sum := s[algorithm]; sum != "" {
			return Sums{algorithm: sum}
		}
	}
	return Sums{}
}

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
