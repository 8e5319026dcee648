// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDamaged reads file systems without checksums after random damage: it may
// come to any result, but soon, and without a panic.
func TestDamaged(t *testing.T) {
	dir := tree(t, true)
	if err := os.Remove(filepath.Join(dir, "file-7")); err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	ext, xfs, proto := filepath.Join(tmp, "ext"), filepath.Join(tmp, "xfs"), filepath.Join(tmp, "proto")
	program(t, "mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^has_journal", "-N", "2000", "-d", dir, ext, "12M")
	if err := os.WriteFile(proto, []byte("/dev/null\n0 0\n"+protoOf(t, dir, "", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, "truncate", "-s", "320M", xfs)
	program(t, "mkfs.xfs", "-q", "-f", "-m", "crc=0", "-p", proto, xfs)

	rounds := 300
	if n, err := strconv.Atoi(os.Getenv("GUESTREAD_DAMAGE_ROUNDS")); err == nil {
		rounds = n
	}
	for _, img := range []string{ext, xfs} {
		image, err := os.ReadFile(img)
		if err != nil {
			t.Fatal(err)
		}
		used := usedSectors(image)
		r := rand.New(rand.NewPCG(3, 4))
		results := map[string]int{}
		for range rounds {
			undo := damage(r, image, used)
			start := time.Now()
			g, err := Open(bytes.NewReader(image), int64(len(image)), Options{})
			if err == nil {
				for _, p := range []string{"/many/a-name-that-is-long-enough-to-fill-blocks-700", "/abs/b/up", "/file-6", "/sparse", "/link-4"} {
					if _, e := g.Lstat(p); e != nil {
						err = e
					}
					if _, e := g.Read(p, 10<<20); e != nil && p != "/link-4" {
						err = e
					}
				}
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("took %s", d)
			}
			what := "read"
			if err != nil {
				what = err.Error()
				if strings.Contains(what, "inconsistent") {
					t.Error(err)
				}
			}
			results[what]++
			undo()
		}
		t.Logf("%d results, %d read", len(results), results["read"])
		if len(results) < 5 || results["read"] == 0 {
			t.Error("the damage has too little effect")
		}
	}
}

// usedSectors lists the sectors that hold anything but zeros.
func usedSectors(image []byte) []int {
	var used []int
	zero := make([]byte, sector)
	for i := 0; i+sector <= len(image); i += sector {
		if !bytes.Equal(image[i:i+sector], zero) {
			used = append(used, i)
		}
	}
	return used
}

// damage changes some bytes, most of them in the first used sectors, where the
// metadata is, and returns what takes it back.
func damage(r *rand.Rand, image []byte, used []int) func() {
	old := map[int]byte{}
	for range 1 + r.IntN(300) {
		s := used[min(r.IntN(len(used)), r.IntN(len(used)), r.IntN(len(used)))]
		at := s + r.IntN(sector)
		if _, ok := old[at]; !ok {
			old[at] = image[at]
		}
		image[at] = []byte{0, 1, 0x7f, 0x80, 0xff, byte(r.Uint32())}[r.IntN(6)]
	}
	return func() {
		for at, b := range old {
			image[at] = b
		}
	}
}
