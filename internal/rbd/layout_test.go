// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

func TestCheckFeatures(t *testing.T) {
	for set, ok := range map[string]bool{
		"": true, "layering": true, "layering exclusive-lock": true,
		"exclusive-lock object-map fast-diff": true, "exclusive-lock journaling": true,
		"layering object-map fast-diff":   false, // without exclusive-lock
		"exclusive-lock object-map":       false, // librbd adds fast-diff by itself
		"exclusive-lock fast-diff":        false, // and drops it alone
		"layering journaling":             false,
		"layering striping":               false, // follows from stripe_count
		"layering operations data-pool":   false,
		"layering exclusive-lock fastdif": false,
	} {
		if err := CheckFeatures(strings.Fields(set)); (err == nil) != ok {
			t.Errorf("%q: %v", set, err)
		}
	}
}

// Every set that passes our check can be had by create and reached from every
// other by switching, as far as ChangeFeatures says that it can.
func TestFeaturesAsLibrbdTakesThem(t *testing.T) {
	base := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	sets := [][]string{
		{"layering"},
		{"layering", "exclusive-lock"},
		{"layering", "exclusive-lock", "fast-diff", "object-map"},
		{"exclusive-lock", "journaling", "layering"},
		{"deep-flatten", "exclusive-lock", "fast-diff", "journaling", "layering", "object-map"},
	}
	for _, from := range sets {
		for _, to := range sets {
			if err := c.CreateImage(ctx, base, Layout{SizeBytes: 4 << 20, Features: from}, "t"); err != nil {
				t.Fatal(from, err)
			}
			img, err := c.Image(ctx, base)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(from)
			if !slices.Equal(img.Features, from) {
				t.Errorf("created with %v: %v", from, img.Features)
			}
			err = c.SetFeatures(ctx, base, img.ID, to)
			fixed := ChangeFeatures(from, to).Fixed
			if (err == nil) != (len(fixed) == 0) {
				t.Errorf("%v to %v: %v", from, to, err)
			}
			info := acctest.RBD(t, "info", base.String())
			if err == nil && (strings.Contains(info, "invalid") || !sameFeatures(info, to)) {
				t.Errorf("%v to %v: %s", from, to, info)
			}
			if err := c.RemoveImage(ctx, base, img.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func sameFeatures(info string, want []string) bool {
	for line := range strings.Lines(info) {
		if f, ok := strings.CutPrefix(strings.TrimSpace(line), "features: "); ok {
			got := strings.Split(f, ", ")
			slices.Sort(got)
			want = slices.Sorted(slices.Values(want))
			return slices.Equal(got, want)
		}
	}
	return false
}

func TestLayout(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	err := c.CreateImage(ctx, spec, Layout{
		SizeBytes: 64 << 20, ObjectSizeBytes: 1 << 20, StripeUnitBytes: 64 << 10, StripeCount: 4,
		DataPool: "volumes", Features: []string{"layering", "exclusive-lock"},
		Metadata: MetadataEntries(map[string]string{"team": "web"}, map[string]string{"rbd_qos_iops_limit": "500"}),
	}, "t")
	if err != nil {
		t.Fatal(err)
	}
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if img.ObjectSizeBytes != 1<<20 || img.StripeUnitBytes != 64<<10 || img.StripeCount != 4 || img.DataPool != "volumes" ||
		img.UserMetadata()["team"] != "web" || img.Conf()["rbd_qos_iops_limit"] != "500" {
		t.Errorf("%+v", img)
	}
	info := acctest.RBD(t, "info", spec.String())
	for _, want := range []string{"data_pool: volumes", "stripe unit: 64 KiB", "stripe count: 4", "1 MiB objects"} {
		if !strings.Contains(info, want) {
			t.Errorf("no %q in %s", want, info)
		}
	}
	if got := SettableFeatures(img.Features); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"exclusive-lock", "layering"}) {
		t.Errorf("features %v of %v", got, img.Features)
	}
	err = c.CreateImage(ctx, spec.WithImage(spec.Image+"-2"), Layout{SizeBytes: 1, DataPool: "no-such-pool"}, "t")
	if !errors.Is(err, ErrPoolNotFound) {
		t.Errorf("a data pool that is not there: %v", err)
	}
}

func TestCheckConf(t *testing.T) {
	for option, tc := range map[string]struct {
		value string
		ok    bool
	}{
		"rbd_qos_iops_limit": {"500", true},
		"rbd_cache":          {"false", true},
		"rbd_qos_bps_limit":  {"many", false},
		"rbd_nonsense":       {"1", false},
		"mon_host":           {"127.0.0.1", false},
	} {
		if err := CheckConf(option, tc.value); (err == nil) != tc.ok {
			t.Errorf("%s = %q: %v", option, tc.value, err)
		}
	}
}

func TestMetadata(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	if err := c.CreateImage(ctx, spec, Layout{SizeBytes: 4 << 20}, "t"); err != nil {
		t.Fatal(err)
	}
	img, _ := c.Image(ctx, spec)
	if err := c.SetMetadata(ctx, spec, img.ID, map[string]string{"a": "1", "b": "2"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.SetMetadata(ctx, spec, img.ID, map[string]string{"b": "3"}, []string{"a", "never-there"}); err != nil {
		t.Fatal(err)
	}
	if out := acctest.RBD(t, "image-meta", "get", spec.String(), "b"); strings.TrimSpace(out) != "3" {
		t.Error(out)
	}
	if img, _ = c.Image(ctx, spec); len(img.UserMetadata()) != 1 {
		t.Errorf("%v", img.UserMetadata())
	}
	if err := c.SetMetadata(ctx, spec, "0", map[string]string{"b": "4"}, nil); !errors.Is(err, ErrOtherImage) {
		t.Errorf("another image: %v", err)
	}
	for _, key := range []string{"", "conf_rbd_cache", ownership.Prefix + "image"} {
		if err := CheckMetadataKey(key); !errors.Is(err, ErrReservedKey) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// parentOf makes an image with a snapshot.
func parentOf(t *testing.T, spec Spec, protect bool) Origin {
	t.Helper()
	parent := spec.WithImage(spec.Image + "-parent")
	acctest.RBD(t, "create", "--size", "8M", parent.String())
	acctest.RBD(t, "image-meta", "set", parent.String(), ownership.Prefix+"image", "owned:somebody")
	acctest.RBD(t, "snap", "create", "--no-progress", parent.String()+"@s")
	if protect {
		acctest.RBD(t, "snap", "protect", parent.String()+"@s")
	}
	t.Cleanup(func() {
		for _, n := range []string{spec.Image, PendingName(spec.Image), spec.Image + "-2"} {
			_, _ = acctest.TryRBD(t, "rm", "--no-progress", "vms/"+n)
		}
		for id := range acctest.Trash(t, "vms", spec.Image) {
			_, _ = acctest.TryRBD(t, "trash", "rm", "--force", "--no-progress", "vms/"+id)
		}
		_, _ = acctest.TryRBD(t, "snap", "unprotect", parent.String()+"@s")
		_, _ = acctest.TryRBD(t, "snap", "rm", "--no-progress", parent.String()+"@s")
		acctest.RBD(t, "rm", "--no-progress", parent.String())
	})
	img, err := NewCluster(Config{}).Image(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	s, err := img.Snapshot("s")
	if err != nil {
		t.Fatal(err)
	}
	return Origin{Spec: parent.WithSnapshot("s"), ImageID: img.ID, SnapshotID: s.ID}
}

// flattener is who flattens a clone in the lab.
func flattener(t *testing.T) string {
	t.Helper()
	if acctest.TakesTasks(t) {
		return FlattenByManager
	}
	return FlattenByClient
}

func TestClone(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	from := parentOf(t, spec, false)

	// The lab's clients may be as old as Luminous, so v1 is the default.
	if err := c.CloneImage(ctx, spec, from, Layout{}, "t"); !errors.Is(err, ErrNotProtected) {
		t.Errorf("a v1 clone of an unprotected snapshot: %v", err)
	}
	from.CloneFormat = 2
	// A run that was cut off before the clone got its label.
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", from.Spec.String(), "vms/"+PendingName(spec.Image))
	if err := c.CloneImage(ctx, spec, from, Layout{SizeBytes: 4 << 20}, "t"); !errors.Is(err, ErrShrink) {
		t.Errorf("a clone smaller than its parent: %v", err)
	}
	if err := c.CloneImage(ctx, spec, from, Layout{SizeBytes: 16 << 20}, "t"); err != nil {
		t.Fatal(err)
	}
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if img.SizeBytes != 16<<20 || !img.Parent.Is(from.ImageID, from.SnapshotID) || img.PendingToken() != "t" {
		t.Errorf("%+v", img)
	}
	for _, by := range []string{flattener(t), ""} {
		if got, err := c.FlattenImage(ctx, spec, img.ID); err != nil || got != by {
			t.Errorf("flatten: by %q, %v; want %q", got, err, by)
		}
	}
	if out := acctest.RBD(t, "info", spec.String()); strings.Contains(out, "parent") {
		t.Error(out)
	}
}

// A manager that takes longer to answer than the monitors may is waited for: librados
// would write its answer to memory that is another's by then.
func TestFlattenBySlowManager(t *testing.T) {
	spec, ctx := testSpec(t), t.Context()
	c := NewCluster(Config{ConnectTimeout: time.Second})
	if err := c.CloneImage(ctx, spec, parentOf(t, spec, true), Layout{}, "t"); err != nil {
		t.Fatal(err)
	}
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	thaw := acctest.FreezeManager(t)
	type result struct {
		by  string
		err error
	}
	done := make(chan result, 1)
	go func() {
		by, err := c.FlattenImage(ctx, spec, img.ID)
		done <- result{by, err}
	}()
	select {
	case r := <-done:
		t.Errorf("nobody waited: by %q, %v", r.by, r.err)
	case <-time.After(3 * time.Second): // that nothing happens takes its time
		thaw()
		if r := <-done; r.by != flattener(t) || r.err != nil {
			t.Errorf("by %q, %v", r.by, r.err)
		}
	}
}

// An unlabeled clone under the temporary name that has data of its own is
// somebody's.
func TestCloneLeavesOthersAlone(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	from := parentOf(t, spec, true)
	pending := "vms/" + PendingName(spec.Image)
	acctest.RBD(t, "clone", from.Spec.String(), pending)
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "4K", pending)
	if err := c.CloneImage(ctx, spec, from, Layout{}, "t"); !errors.Is(err, ErrExists) {
		t.Errorf("got %v", err)
	}
	acctest.RBD(t, "info", pending)
}

// librbd gives a clone its parent after its name and its size.
func TestCloneAfterOneWithoutAParent(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	from := parentOf(t, spec, true)
	pending := "vms/" + PendingName(spec.Image)
	acctest.RBD(t, "create", "--size", "8M", pending)
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "4K", pending)
	if err := c.CloneImage(ctx, spec, from, Layout{}, "t"); !errors.Is(err, ErrExists) {
		t.Errorf("one that somebody has written to: %v", err)
	}
	acctest.RBD(t, "rm", "--no-progress", pending)
	acctest.RBD(t, "create", "--size", "8M", pending)
	if err := c.CloneImage(ctx, spec, from, Layout{}, "t"); err != nil {
		t.Error(err)
	}
	if out := acctest.RBD(t, "info", spec.String()); !strings.Contains(out, "parent: "+from.Spec.String()) {
		t.Error(out)
	}
}

// noManager is a user without caps for the manager, as Glance's keys in a production
// cloud often are.
func noManager(t *testing.T) Config {
	t.Helper()
	keyring := fmt.Sprintf("%s/unit-%d.keyring", t.TempDir(), os.Getpid())
	acctest.Admin(t, "ceph", "auth", "get-or-create", "client.no-mgr", "mon", "profile rbd", "osd", "profile rbd", "-o", keyring)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "auth", "rm", "client.no-mgr") })
	return Config{User: "no-mgr", KeyringFile: keyring}
}

func TestFlattenByClient(t *testing.T) {
	spec := testSpec(t)
	ctx := t.Context()
	from := parentOf(t, spec, true)
	acctest.RBD(t, "clone", from.Spec.String(), spec.String())
	c := NewCluster(noManager(t))
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	by, err := c.FlattenImage(ctx, spec, img.ID)
	if err != nil || by != FlattenByClient {
		t.Errorf("by %q, %v", by, err)
	}
	if out := acctest.RBD(t, "info", spec.String()); strings.Contains(out, "parent") {
		t.Error(out)
	}
}

func TestTrash(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	from := parentOf(t, spec, true)
	if err := c.CloneImage(ctx, spec, from, Layout{}, "t"); err != nil {
		t.Fatal(err)
	}
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is there already
		if err := c.TrashImage(ctx, spec, img.ID, 0); err != nil {
			t.Fatal(err)
		}
	}
	in, err := c.FindImage(ctx, spec, img.ID)
	if err != nil || in.Trash == nil || in.Spec != spec || in.SizeBytes != img.SizeBytes || !in.Parent.Is(from.ImageID, from.SnapshotID) {
		t.Fatalf("%+v, %v", in, err)
	}
	// The name is free meanwhile, and then it is not.
	acctest.RBD(t, "create", "--size", "4M", spec.String())
	if err := c.RestoreImage(ctx, spec, img.ID); !errors.Is(err, ErrExists) {
		t.Errorf("restore under a taken name: %v", err)
	}
	if again, err := c.FindImage(ctx, spec, img.ID); err != nil || again.Trash == nil {
		t.Errorf("%+v, %v", again, err)
	}
	acctest.RBD(t, "rm", "--no-progress", spec.String())
	if err := c.RestoreImage(ctx, spec, img.ID); err != nil {
		t.Fatal(err)
	}
	if err := c.TrashImage(ctx, spec, img.ID, 3600e9); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveTrashed(ctx, spec, img.ID); !errors.Is(err, ErrDeferred) {
		t.Errorf("removal before its time: %v", err)
	}
	if err := c.FlattenChildren(ctx, from.Spec, from.SnapshotID, nil); err != nil { // it is in the trash
		t.Fatal(err)
	}
	if out := acctest.RBD(t, "children", "--all", from.Spec.String()); out != "" {
		t.Error(out)
	}
	acctest.RBD(t, "trash", "restore", "--image", spec.Image, "vms/"+img.ID)
	if err := c.TrashImage(ctx, spec, img.ID, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.RemoveTrashed(ctx, spec, img.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// A snapshot that was removed while v2 clones depended on it keeps its image.
func TestSnapshotInTheTrash(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	from := parentOf(t, spec, false)
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", from.Spec.String(), spec.String())
	if err := c.RemoveSnapshot(ctx, from.Spec, from.SnapshotID, false); !errors.Is(err, ErrHasChildren) {
		t.Errorf("removal of a snapshot with a v2 clone: %v", err)
	}
	if err := c.ProtectSnapshot(ctx, from.Spec, from.SnapshotID, true); err != nil {
		t.Fatal(err)
	}
	v1 := spec.WithImage(spec.Image + "-2")
	acctest.RBD(t, "clone", from.Spec.String(), v1.String())
	for _, err := range []error{
		c.ProtectSnapshot(ctx, from.Spec, from.SnapshotID, false), c.RemoveSnapshot(ctx, from.Spec, from.SnapshotID, true),
	} {
		if !errors.Is(err, ErrHasChildren) || !strings.Contains(err.Error(), v1.String()) || strings.Contains(err.Error(), spec.String()+",") {
			t.Errorf("with a v1 clone: %v", err)
		}
	}
	acctest.RBD(t, "rm", "--no-progress", v1.String())
	if err := c.RemoveSnapshot(ctx, from.Spec, from.SnapshotID, true); err != nil {
		t.Fatal(err)
	}
	parent, err := c.Image(ctx, from.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if len(parent.Snapshots) != 1 || parent.Snapshots[0].Kind != TrashSnapshot || parent.Snapshots[0].Name != "s" {
		t.Errorf("%+v", parent.Snapshots)
	}
	if _, err := parent.Snapshot("s"); !errors.Is(err, ErrSnapshotNotFound) {
		t.Errorf("got %v", err)
	}
	err = c.CheckDelete(ctx, from.Spec, parent.ID, nil)
	if !errors.Is(err, ErrHasSnapshots) || !strings.Contains(err.Error(), spec.String()) {
		t.Errorf("got %v", err)
	}
}

func TestRenameSnapshot(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	from := parentOf(t, spec, false)
	image := from.Spec.ImageSpec()
	acctest.RBD(t, "snap", "create", "--no-progress", image.String()+"@taken")
	t.Cleanup(func() { _, _ = acctest.TryRBD(t, "snap", "purge", "--no-progress", image.String()) })
	if err := c.RenameSnapshot(ctx, from.Spec, from.SnapshotID, "taken"); !errors.Is(err, ErrExists) {
		t.Errorf("got %v", err)
	}
	if err := c.RenameSnapshot(ctx, from.Spec, from.SnapshotID+7, "new"); !errors.Is(err, ErrOtherSnapshot) {
		t.Errorf("got %v", err)
	}
	if err := c.RenameSnapshot(ctx, from.Spec, from.SnapshotID, "new"); err != nil {
		t.Fatal(err)
	}
	img, err := c.Image(ctx, image)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := img.SnapshotByID(from.SnapshotID); err != nil || s.Name != "new" || !img.OwnsSnapshot("new") || img.OwnsSnapshot("s") {
		t.Errorf("%+v, %v", img, err)
	}
}
