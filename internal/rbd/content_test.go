// SPDX-License-Identifier: MPL-2.0

package rbd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// content is what rbd itself exports.
func content(t *testing.T, spec string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "content")
	acctest.RBD(t, "export", "--no-progress", spec, file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readAll puts together what ReadExtents hands over.
func readAll(t *testing.T, c *rbd.Cluster, spec rbd.Spec, size int, exact bool) []byte {
	t.Helper()
	extents, err := c.Extents(t.Context(), spec, exact)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, size)
	last := int64(0)
	err = c.ReadExtents(t.Context(), spec, extents, func(at int64, b []byte) error {
		if at < last || len(b) > 4<<20 {
			return fmt.Errorf("%d bytes at %d, after %d", len(b), at, last)
		}
		last = at + int64(len(b))
		copy(out[at:], b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// scribble writes some MiB of something at random places.
func scribble(t *testing.T, spec string, mib int) {
	t.Helper()
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "512K", "--io-threads", "1",
		"--io-pattern", "rand", "--io-total", fmt.Sprintf("%dM", mib), spec)
}

// Data is found wherever it is: in the image, in its parents as far as they are
// overlapped, and under the snapshots of all of them.
func TestReadExtents(t *testing.T) {
	for _, features := range []string{"layering", "layering,exclusive-lock,object-map,fast-diff"} {
		t.Run(features, func(t *testing.T) {
			prefix := fmt.Sprintf("rbd-extents-%d-%d", os.Getpid(), rand.IntN(1<<20))
			t.Cleanup(func() {
				for _, n := range []string{"-c", "-b", ""} { // clones of clones go first
					acctest.Purge(t, prefix+n)
				}
			})
			name := func(n string) string { return "vms/" + prefix + "-" + n }
			snap := func(n string) {
				acctest.RBD(t, "snap", "create", "--no-progress", n)
				acctest.RBD(t, "snap", "protect", n)
			}
			acctest.RBD(t, "create", "--size", "120M", "--image-feature", features, name("a"))
			scribble(t, name("a"), 6)
			snap(name("a") + "@one")
			scribble(t, name("a"), 6)
			acctest.RBD(t, "resize", "--no-progress", "--size", "160M", name("a"))
			snap(name("a") + "@two")
			acctest.RBD(t, "clone", "--image-feature", features, name("a")+"@two", name("b"))
			snap(name("b") + "@fresh")
			scribble(t, name("b"), 4)
			acctest.RBD(t, "resize", "--no-progress", "--allow-shrink", "--size", "50M", name("b"))
			acctest.RBD(t, "resize", "--no-progress", "--size", "70000001B", name("b"))
			snap(name("b") + "@cut")
			acctest.RBD(t, "clone", "--image-feature", features, "--object-size", "1M", "--stripe-unit", "1M", "--stripe-count", "1", name("b")+"@cut", name("c"))
			acctest.RBD(t, "resize", "--no-progress", "--size", "100M", name("c"))
			scribble(t, name("c"), 3)
			snap(name("c") + "@end")
			scribble(t, name("c"), 3)

			c := rbd.NewCluster(rbd.Config{})
			for _, s := range []string{"a@one", "a@two", "b@fresh", "b@cut", "c@end", "c"} {
				spec, err := rbd.ParseSpec(name(s))
				if err != nil {
					t.Fatal(err)
				}
				want := content(t, spec.String())
				for _, exact := range []bool{false, true} {
					if !bytes.Equal(readAll(t, c, spec, len(want), exact), want) {
						t.Errorf("%s (exact: %v): what was read is not what rbd exports", s, exact)
					}
				}
			}
		})
	}
}

// What use says ends the reading, and so does the end of the context.
func TestReadExtentsEnds(t *testing.T) {
	prefix := fmt.Sprintf("rbd-extents-%d-end", os.Getpid())
	t.Cleanup(func() { acctest.Purge(t, prefix) })
	acctest.RBD(t, "create", "--size", "64M", "vms/"+prefix)
	spec := rbd.Spec{Pool: "vms", Image: prefix}
	c := rbd.NewCluster(rbd.Config{})
	all := []rbd.Extent{{At: 0, Length: 64 << 20}}

	stop, n := errors.New("stop"), 0
	err := c.ReadExtents(t.Context(), spec, all, func(int64, []byte) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d pieces, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = c.ReadExtents(ctx, spec, all, func(int64, []byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	err = c.ReadExtents(t.Context(), spec, []rbd.Extent{{At: 60 << 20, Length: 8 << 20}}, func(int64, []byte) error { return nil })
	if err == nil {
		t.Error("read beyond the end")
	}
	if _, err := c.Extents(t.Context(), spec.WithSnapshot("none"), false); !errors.Is(err, rbd.ErrSnapshotNotFound) {
		t.Errorf("no snapshot: %v", err)
	}
}
