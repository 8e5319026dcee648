// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// exported is what the rbd command reads, which looks for no holes.
func exported(t *testing.T, spec Spec) checksum.Sums {
	t.Helper()
	m, s, l := md5.New(), sha256.New(), sha512.New()
	cmd := exec.Command("rbd", "export", "--no-progress", spec.String(), "-")
	cmd.Stdout = io.MultiWriter(m, s, l)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("rbd export %s: %v: %s", spec, err, stderr.String())
	}
	return checksum.Sums{
		"md5": hex.EncodeToString(m.Sum(nil)), "sha256": hex.EncodeToString(s.Sum(nil)), "sha512": hex.EncodeToString(l.Sum(nil)),
	}
}

// hashed fails the test where the rbd command reads something else.
func hashed(t *testing.T, c *Cluster, spec Spec) Hashes {
	t.Helper()
	var last, steps uint64
	got, err := c.HashContent(t.Context(), spec, checksum.Algorithms(), func(done, total uint64) {
		if done <= last || done > total {
			t.Errorf("%s: progress from %d to %d of %d", spec, last, done, total)
		}
		last = done
		steps++
	})
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	for a, want := range exported(t, spec) {
		if got.Sums[a] != want {
			t.Errorf("%s: %s is %s, the exported content has %s", spec, a, got.Sums[a], want)
		}
	}
	if last != got.SizeBytes || steps != (got.SizeBytes+blockio.PieceBytes-1)/blockio.PieceBytes {
		t.Errorf("%s: progress ended at %d of %d after %d steps", spec, last, got.SizeBytes, steps)
	}
	return got
}

// edit opens an image for writing.
func edit(t *testing.T, c *Cluster, spec Spec, fn func(*librbd.Image) error) {
	t.Helper()
	if err := c.withImage(t.Context(), spec, readWrite, fn); err != nil {
		t.Fatal(err)
	}
}

func write(img *librbd.Image, at, length uint64) error {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	_, err := img.WriteAt(b, int64(at))
	return err
}

// Whatever was written, discarded, cut off, cloned and taken snapshots of, and
// whatever librbd knows of the objects: the hashes are those of what the rbd
// command reads.
func TestHashOfAnyHistory(t *testing.T) {
	for name, args := range map[string][]string{
		"fast-diff":     {"--object-size", "4M"},
		"small objects": {"--object-size", "64K"},
		"large objects": {"--object-size", "8M"},
		"no object map": {"--image-feature", "layering"},
		"striped":       {"--object-size", "4M", "--stripe-unit", "64K", "--stripe-count", "3"},
		"striped, no object map": {"--object-size", "4M", "--stripe-unit", "1M", "--stripe-count", "4",
			"--image-feature", "layering,striping"},
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			spec := testSpec(t)
			spec.Image = strings.NewReplacer("/", "-", ",", "").Replace(spec.Image)
			t.Cleanup(func() {
				_, _ = acctest.TryRBD(t, "snap", "purge", "--no-progress", spec.String())
				_, _ = acctest.TryRBD(t, "rm", "--no-progress", spec.String())
			})
			c := NewCluster(Config{})
			acctest.RBD(t, append([]string{"create", "--size", "60M", spec.String()}, args...)...)
			seen := map[string]bool{}
			check := func(spec Spec) {
				t.Helper()
				seen[hashed(t, c, spec).Sums["sha512"]] = true
			}
			change := func(spec Spec, steps int) {
				t.Helper()
				edit(t, c, spec, func(img *librbd.Image) error { return randomChanges(r, img, steps) })
			}
			check(spec)
			for i := range 3 {
				change(spec, 8)
				snapshot := spec.WithSnapshot(fmt.Sprint("s", i))
				acctest.RBD(t, "snap", "create", "--no-progress", snapshot.String())
			}
			change(spec, 3)
			for i := range 3 {
				check(spec.WithSnapshot(fmt.Sprint("s", i)))
			}
			check(spec)
			if len(seen) < 4 {
				t.Errorf("only %d of the contents differ", len(seen))
			}
			// A clone of a clone, with more and less than its parents have.
			parent := spec.WithSnapshot("s1")
			for i := range 2 {
				clone := spec.WithImage(fmt.Sprintf("%s-%d", spec.Image, i+2))
				acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", parent.String(), clone.String())
				t.Cleanup(func() {
					_, _ = acctest.TryRBD(t, "snap", "purge", clone.String())
					_, _ = acctest.TryRBD(t, "rm", "--no-progress", clone.String())
				})
				check(clone)
				change(clone, 4)
				parent = clone.WithSnapshot("s")
				acctest.RBD(t, "snap", "create", "--no-progress", parent.String())
				change(clone, 4)
				check(parent)
				check(clone)
			}
		})
	}
}

func randomChanges(r *rand.Rand, img *librbd.Image, steps int) error {
	for range steps {
		size, err := img.GetSize()
		if err != nil {
			return err
		}
		at := r.Uint64N(size)
		length := min(size-at, 1+r.Uint64N(1<<(10+r.IntN(14))))
		switch r.IntN(8) {
		case 0:
			// Sizes that are multiples of nothing, and of everything.
			size = 1 + r.Uint64N(70<<20)
			if r.IntN(2) == 0 {
				size = (1 + r.Uint64N(16)) << 22
			}
			err = img.Resize(size)
		case 1, 2:
			_, err = img.Discard(at, length)
		case 3:
			at -= at % (4 << 20)
			_, err = img.Discard(at, min(size-at, 8<<20))
		default:
			err = write(img, at, length)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
