// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// deepSource is what is copied: its states differ in size, data and holes.
func deepSource(t *testing.T, make func(spec string)) (source, target Spec) {
	t.Helper()
	source = testSpec(t)
	source.Image = strings.NewReplacer("/", "-", ",", "").Replace(source.Image)
	target = source.WithImage(source.Image + "-copy")
	target.Pool = "volumes"
	t.Cleanup(func() {
		for _, s := range []Spec{target, target.WithImage(PendingName(target.Image)), source, clonedFrom(source)} {
			acctest.Drop(t, s.String())
		}
	})
	make(source.String())
	return source, target
}

// clonedFrom is dropped after its clone.
func clonedFrom(source Spec) Spec { return source.WithImage(source.Image + "-parent") }

func putAt(t *testing.T, spec Spec, at int64, n int, b byte) {
	t.Helper()
	err := NewCluster(Config{}).withImage(t.Context(), spec, readWrite, func(img *librbd.Image) error {
		_, err := img.WriteAt(bytes.Repeat([]byte{b}, n), at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func quiet(Spec) (func(done, total uint64), func()) { return nil, func() {} }

func deepCopy(ctx context.Context, c *Cluster, source, target Spec, flatten bool) error {
	d, err := c.CheckDeepCopy(ctx, source, target, "", flatten)
	if err == nil {
		err = c.CopyImage(ctx, d, DeepCopyOptions{State: quiet, Compare: true})
	}
	return err
}

// sameStates compares a copy with its source by the rbd command.
func sameStates(t *testing.T, source, target Spec, snapshots ...string) {
	t.Helper()
	for _, s := range append(snapshots, "") {
		if a, b := exported(t, source.WithSnapshot(s))["sha512"], exported(t, target.WithSnapshot(s))["sha512"]; a != b || a == "" {
			t.Errorf("%s is another content than %s", target.WithSnapshot(s), source.WithSnapshot(s))
		}
	}
}

// What a clone is copied to shows the same, with its parent and without, where the
// clone was shrunk and grown, has holes of its own, and snapshots of other sizes.
func TestDeepCopyOfClone(t *testing.T) {
	t.Parallel()
	c := NewCluster(Config{})
	source, target := deepSource(t, func(string) {})
	parent := clonedFrom(source)
	acctest.RBD(t, "create", "--size", "12M", parent.String())
	putAt(t, parent, 0, 12<<20, 'p')
	imagestest.Snapshot(t, parent.String()+"@s", true)
	acctest.RBD(t, "image-meta", "set", parent.String(), "of", "the parent")
	acctest.RBD(t, "clone", "--rbd-default-clone-format", "2", parent.String()+"@s", source.String())
	acctest.RBD(t, "image-meta", "remove", source.String(), "of")
	putAt(t, source, 1<<20, 4096, 'a')
	putAt(t, source, 4<<20, 4<<20, 0)
	acctest.RBD(t, "snap", "create", "--no-progress", source.String()+"@z")
	acctest.RBD(t, "resize", "--no-progress", "--allow-shrink", "--size", "6M", source.String())
	acctest.RBD(t, "resize", "--no-progress", "--size", "20M", source.String())
	putAt(t, source, 18<<20, 4096, 'b')
	imagestest.Snapshot(t, source.String()+"@a", true)
	acctest.RBD(t, "resize", "--no-progress", "--allow-shrink", "--size", "10M", source.String())
	putAt(t, source, 0, 4096, 'c')
	for _, flatten := range []bool{false, true} {
		to := target.WithImage(fmt.Sprint(target.Image, flatten))
		t.Cleanup(func() { acctest.Drop(t, to.String()) })
		if err := deepCopy(t.Context(), c, source, to, flatten); err != nil {
			t.Fatal(err)
		}
		sameStates(t, source, to, "z", "a")
		img, err := c.Image(t.Context(), to)
		if err != nil || (img.Parent == nil) != flatten || len(img.Metadata) != 0 || img.SizeBytes != 10<<20 {
			t.Errorf("flatten %t: %+v %v", flatten, img, err)
		}
		if s, err := img.Snapshot("a"); err != nil || !s.Protected || s.SizeBytes != 20<<20 {
			t.Errorf("%+v %v", s, err)
		}
		if s, err := img.Snapshot("z"); err != nil || s.Protected || s.SizeBytes != 12<<20 {
			t.Errorf("%+v %v", s, err)
		}
	}

	// With a key of its own, nobody flattens it without that.
	putAt(t, source, 0, 4096, 0)
	err := c.withImage(t.Context(), source, readWrite, func(img *librbd.Image) error {
		_, err := img.WriteAt(luksMagic, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CheckDeepCopy(t.Context(), source, target, "", true); !errors.Is(err, ErrEncryptedClone) {
		t.Errorf("an encrypted clone is flattened: %v", err)
	}
	acctest.RBD(t, "snap", "unprotect", parent.String()+"@s")
	acctest.RBD(t, "snap", "rm", "--no-progress", parent.String()+"@s")
	if _, err := c.CheckDeepCopy(t.Context(), source, target, "", false); !errors.Is(err, ErrParentGone) {
		t.Errorf("a parent in the trash: %v", err)
	}
}

// copyKilledWhile has a copy kill its process, as a machine that goes down.
const copyKilledWhile = "RBD_TEST_COPY_KILLED"

// A copy whose process is killed leaves what the next of this state removes, and no
// other touches; one that was complete is finished.
func TestDeepCopyKilled(t *testing.T) {
	ours := NewCluster(Config{Run: Run{State: "copy-state", ID: "next"}})
	if name := os.Getenv(copyKilledWhile); name != "" {
		c := NewCluster(Config{Run: Run{State: "copy-state", ID: "killed"}})
		source := Spec{Pool: "vms", Image: name}
		d, err := c.CheckDeepCopy(t.Context(), source, Spec{Pool: "volumes", Image: name + "-copy"}, "", false)
		if err == nil {
			err = c.CopyImage(t.Context(), d, DeepCopyOptions{State: func(spec Spec) (func(done, total uint64), func()) {
				if spec.Snapshot == "" { // after the first snapshot
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				}
				return nil, func() {}
			}})
		}
		t.Fatal("it was not killed: ", err)
	}
	t.Parallel()
	source, target := deepSource(t, func(spec string) { acctest.RBD(t, "create", "--size", "8M", spec) })
	putAt(t, source, 0, 4096, 'a')
	imagestest.Snapshot(t, source.String()+"@s", true)
	cmd := exec.Command(os.Args[0], "-test.run=^TestDeepCopyKilled$")
	cmd.Env = append(os.Environ(), copyKilledWhile+"="+source.Image)
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("it was not killed: %v %s", err, out)
	}
	temporary := target.WithImage(PendingName(target.Image))
	if left := acctest.RBD(t, "snap", "ls", temporary.String()); !strings.Contains(left, " s ") {
		t.Fatalf("the snapshot is not there: %s", left)
	}
	imagestest.Forget(t, temporary.String())
	if _, err := NewCluster(Config{Run: Run{State: "another"}}).CheckDeepCopy(t.Context(), source, target, "", false); !errors.Is(err, ErrOtherState) {
		t.Errorf("another state: %v", err)
	}
	d, err := ours.CheckDeepCopy(t.Context(), source, target, "", false)
	if err != nil || !d.Left {
		t.Fatalf("%+v %v", d, err)
	}
	if err := ours.CopyImage(t.Context(), d, DeepCopyOptions{State: quiet}); err != nil {
		t.Fatal(err)
	}
	sameStates(t, source, target, "s")

	img, err := ours.Image(t.Context(), target)
	if err != nil || len(img.Metadata) != 0 {
		t.Fatalf("%v %v", img.Metadata, err)
	}
	if err := ours.SetLabel(t.Context(), target, "image", Run{State: "copy-state", ID: "killed"}.Sign(d.token())+":"+img.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.CheckDeepCopy(t.Context(), source, target, "", true); !errors.Is(err, ErrOtherArguments) {
		t.Errorf("with other arguments: %v", err)
	}
	if d, err = ours.CheckDeepCopy(t.Context(), source, target, "", false); err != nil || !d.Made {
		t.Fatalf("%+v %v", d, err)
	}
	if err := ours.CopyImage(t.Context(), d, DeepCopyOptions{State: quiet}); err != nil {
		t.Fatal(err)
	}
	if img, err = ours.Image(t.Context(), target); err != nil || len(img.Metadata) != 0 {
		t.Errorf("%v %v", img.Metadata, err)
	}
}

// A copy that is ended, or whose source changes, leaves nothing.
func TestDeepCopyCutOff(t *testing.T) {
	t.Parallel()
	c := NewCluster(Config{})
	source, target := deepSource(t, func(spec string) { acctest.RBD(t, "create", "--size", "8M", spec) })
	putAt(t, source, 0, 4096, 'a')
	imagestest.Snapshot(t, source.String()+"@s", true)
	for what, during := range map[string]func(cancel func()){
		"ended":            func(cancel func()) { cancel() },
		"a changed source": func(func()) { acctest.RBD(t, "resize", "--no-progress", "--size", "12M", source.String()) },
	} {
		d, err := c.CheckDeepCopy(t.Context(), source, target, "", false)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = c.CopyImage(ctx, d, DeepCopyOptions{State: func(spec Spec) (func(done, total uint64), func()) {
			if spec.Snapshot == "" {
				during(cancel)
			}
			return nil, func() {}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) && !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", what, err)
		}
		if left, err := c.CheckTemporary(t.Context(), target); err != nil || left {
			t.Errorf("%s left something: %v", what, err)
		}
	}
}
