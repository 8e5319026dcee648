// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/blockio"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// dataReads is how many reads of data a connection has sent to the OSDs.
func dataReads(t *testing.T, socket string) int {
	t.Helper()
	var dump struct {
		Objecter map[string]json.RawMessage
	}
	out := acctest.Admin(t, "ceph", "--admin-daemon", socket, "perf", "dump", "objecter")
	if err := json.Unmarshal([]byte(out), &dump); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	n := 0
	for _, name := range []string{"osdop_read", "osdop_sparse_read"} {
		v, err := strconv.Atoi(string(dump.Objecter[name]))
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		n += v
	}
	return n
}

// Of 512 objects three are there: nothing else is read, as the counters of the
// connection tell.
func TestHashReadsNoHoles(t *testing.T) {
	spec := testSpec(t)
	socket := filepath.Join(t.TempDir(), "asok")
	c := NewCluster(Config{Options: map[string]string{"admin_socket": socket}})
	acctest.RBD(t, "create", "--size", "2G", spec.String())
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@empty")
	edit(t, NewCluster(Config{}), spec, func(img *librbd.Image) error {
		return errors.Join(write(img, 5<<20, 100), write(img, 1<<30-1, 2))
	})
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@written")
	reads := func(snapshot string, objects int) int {
		if _, err := c.FSID(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := dataReads(t, socket)
		h, err := c.HashContent(t.Context(), spec.WithSnapshot(snapshot), []string{"md5"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if h.ReadBytes != uint64(objects)*blockio.PieceBytes || h.SizeBytes != 2<<30 {
			t.Errorf("%s: %d of %d bytes were read, of %d objects", snapshot, h.ReadBytes, h.SizeBytes, objects)
		}
		return dataReads(t, socket) - before
	}
	// Headers and object maps are read too.
	empty := reads("empty", 0)
	if empty > 20 {
		t.Errorf("%d reads for an image without objects", empty)
	}
	if written := reads("written", 3); written < empty+3 || written > empty+3+5 {
		t.Errorf("%d reads for 3 objects, %d for none", written, empty)
	}
}

// resident is how much memory this process has, librbd's included, in bytes.
func resident(t *testing.T) uint64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	kib, err := strconv.ParseUint(string(match[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// However much there is to read, memory is for what is under way; also where an
// object is eight times what is read at a time.
func TestHashMemory(t *testing.T) {
	spec := testSpec(t)
	c := NewCluster(Config{})
	const size = 384 << 20
	acctest.RBD(t, "create", "--size", "384M", "--object-size", "32M", spec.String())
	edit(t, c, spec, func(img *librbd.Image) error {
		for at := uint64(0); at < size; at += 32 << 20 {
			if err := write(img, at, 32<<20); err != nil {
				return err
			}
		}
		return nil
	})
	before := resident(t)
	var most uint64
	h, err := c.HashContent(t.Context(), spec, []string{"md5", "sha512"}, func(uint64, uint64) { most = max(most, resident(t)) })
	if err != nil {
		t.Fatal(err)
	}
	if h.ReadBytes != size {
		t.Errorf("%d bytes were read", h.ReadBytes)
	}
	t.Logf("before %d MiB, at most %d MiB", before>>20, most>>20)
	if most > before+128<<20 {
		t.Errorf("memory grew from %d to %d bytes", before, most)
	}
}

// The end of ctx is the end of the call, and soon after that nobody has the
// image open.
func TestHashIsCancelled(t *testing.T) {
	spec := testSpec(t)
	c := NewCluster(Config{})
	acctest.RBD(t, "create", "--size", "2T", spec.String())
	edit(t, c, spec, func(img *librbd.Image) error { return write(img, 0, 16<<20) })
	// Amid data, and amid a long hole.
	for _, after := range []uint64{blockio.PieceBytes, 64 * blockio.PieceBytes} {
		ctx, cancel := context.WithCancel(t.Context())
		var at atomic.Pointer[time.Time]
		_, err := c.HashContent(ctx, spec, checksum.Algorithms(), func(done, _ uint64) {
			if done == after {
				now := time.Now()
				at.Store(&now)
				cancel()
			}
			if done > after {
				t.Error("there is progress after the end")
			}
		})
		if took := time.Since(*at.Load()); !errors.Is(err, context.Canceled) || took > 5*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		if !strings.Contains(err.Error(), strconv.FormatUint(after, 10)+" of 2199023255552 bytes") {
			t.Error(err)
		}
		cancel()
	}
	if _, err := c.HashContent(t.Context(), spec, nil, nil); err == nil {
		t.Error("nothing to hash with is no error")
	}
	acctest.Await(t, "the image is closed", func() bool {
		connections.Lock()
		defer connections.Unlock()
		return connections.byKey[c.cfg.connectionKey(false)].users == 0
	})
}

// A change in the middle is no hash of a mixture.
func TestHashOfWhatChanges(t *testing.T) {
	spec := testSpec(t)
	c := NewCluster(Config{})
	parent := spec.WithImage(spec.Image + "-2").WithSnapshot("p")
	acctest.RBD(t, "create", "--size", "64M", parent.ImageSpec().String())
	edit(t, c, parent.ImageSpec(), func(img *librbd.Image) error { return write(img, 0, 8<<20) })
	acctest.RBD(t, "snap", "create", "--no-progress", parent.String())
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", parent.String(), spec.String())
	acctest.RBD(t, "config", "image", "set", spec.String(), "rbd_mtime_update_interval", "1")
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@s")
	snapshot := spec.WithSnapshot("s")
	// The next write is noted in the first whole second that is one later than
	// what was noted last.
	made, err := c.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(made.ModifiedAt.Add(2 * time.Second)))

	for _, tc := range []struct {
		what   string
		of     Spec
		change func()
		want   error
	}{
		{"a write", spec, func() {
			edit(t, c, spec, func(img *librbd.Image) error { return write(img, 5<<20, 100) })
		}, ErrChanged},
		{"a write to the image of a snapshot", snapshot, func() {
			edit(t, c, spec, func(img *librbd.Image) error { return write(img, 0, 16<<20) })
		}, nil},
		{"another size", spec, func() { acctest.RBD(t, "resize", "--no-progress", "--size", "80M", spec.String()) }, ErrChanged},
		{"a lock", spec, func() { acctest.RBD(t, "lock", "add", spec.String(), "backup") }, ErrInUse},
		{"a snapshot of a locked image", snapshot, func() { unlock(t, spec) }, nil},
		{"another snapshot of this name", snapshot, func() {
			acctest.RBD(t, "snap", "rm", "--no-progress", snapshot.String())
			acctest.RBD(t, "snap", "create", "--no-progress", snapshot.String())
		}, ErrChanged},
		{"no snapshot any more", snapshot, func() { acctest.RBD(t, "snap", "rm", "--no-progress", snapshot.String()) }, ErrSnapshotNotFound},
		{"no parent any more", spec, func() { acctest.RBD(t, "flatten", "--no-progress", spec.String()) }, ErrChanged},
	} {
		var once bool
		got, err := c.HashContent(t.Context(), tc.of, []string{"sha512"}, func(uint64, uint64) {
			if !once {
				tc.change()
			}
			once = true
		})
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", tc.what, err, tc.want)
		}
		if err == nil && got.Sums["sha512"] != exported(t, tc.of)["sha512"] {
			t.Errorf("%s: the hash is wrong", tc.what)
		}
	}
	if _, err := c.HashContent(t.Context(), snapshot, []string{"sha512"}, nil); !errors.Is(err, ErrSnapshotNotFound) {
		t.Error(err)
	}
}

// unlock is the end of `rbd lock add SPEC backup`.
func unlock(t *testing.T, spec Spec) {
	t.Helper()
	out := strings.Fields(acctest.RBD(t, "lock", "ls", spec.String()))
	acctest.RBD(t, "lock", "rm", spec.String(), "backup", out[len(out)-3])
}
