// SPDX-License-Identifier: MPL-2.0

package decompress

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The compressed files were made by gzip, bzip2, xz and zstd.
func TestOpen(t *testing.T) {
	plain := file(t, "plain")
	for name, tc := range map[string]struct {
		compression string
		want        []byte
	}{
		"plain":          {None, plain},
		"plain.gz":       {"gzip", plain},
		"plain.bz2":      {"bzip2", plain},
		"plain.xz":       {"xz", plain},
		"plain.zst":      {"zstd", plain},
		"two-members.gz": {"gzip", append(bytes.Clone(plain), plain...)},
	} {
		t.Run(name, func(t *testing.T) {
			compressed := file(t, name)
			if got := Detect(compressed[:MagicBytes]); got != tc.compression {
				t.Errorf("detected %q", got)
			}
			r, compression, err := Open(iotest.HalfReader(bytes.NewReader(compressed)))
			if err != nil || compression != tc.compression {
				t.Fatal(compression, err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, tc.want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestShortAndEmpty(t *testing.T) {
	for _, want := range [][]byte{{}, {0x1f}, []byte("BZ")} {
		r, compression, err := Open(bytes.NewReader(want))
		if err != nil || compression != None {
			t.Fatal(compression, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestDamage(t *testing.T) {
	for _, name := range []string{"plain.gz", "plain.bz2", "plain.xz", "plain.zst"} {
		whole := file(t, name)
		cut, flipped := whole[:len(whole)/2], bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 0x40
		for _, b := range [][]byte{cut, flipped, append(bytes.Clone(whole[:MagicBytes]), "no such thing"...)} {
			if err := drain(bytes.NewReader(b)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// An error of the stream is that, and no damage.
		if err := drain(io.MultiReader(bytes.NewReader(cut), iotest.ErrReader(errStream))); !errors.Is(err, errStream) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What would make the decoder keep 256 MiB in memory is refused.
func TestHugeDictionary(t *testing.T) {
	if err := drain(bytes.NewReader(file(t, "huge-dictionary.xz"))); !errors.Is(err, ErrMemory) {
		t.Errorf("got %v", err)
	}
}

var errStream = errors.New("the stream broke")

func drain(r io.Reader) error {
	in, _, err := Open(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}
