// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// rollbackImage has small objects, is full of one byte, has the snapshot s of that,
// and is full of another byte since.
func rollbackImage(t *testing.T, size int) Spec {
	t.Helper()
	spec := testSpec(t)
	acctest.RBD(t, "create", "--size", strconv.Itoa(size>>20)+"M", "--object-size", "4K", spec.String())
	writeAll := func(b byte) {
		err := NewCluster(Config{}).withImage(t.Context(), spec, readWrite, func(img *librbd.Image) error {
			_, err := img.WriteAt(bytes.Repeat([]byte{b}, size), 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	writeAll('a')
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@s")
	writeAll('b')
	return spec
}

// content tells how many bytes are which.
func contentOf(t *testing.T, spec Spec) map[byte]int {
	t.Helper()
	r, err := NewCluster(Config{}).OpenReader(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	b := make([]byte, r.Size())
	if _, err := r.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	out := map[byte]int{}
	for _, v := range b {
		out[v]++
	}
	return out
}

func TestRollback(t *testing.T) {
	t.Parallel()
	c, spec := NewCluster(Config{}), rollbackImage(t, 1<<20)
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@later")
	acctest.RBD(t, "resize", "--no-progress", "--size", "5M", spec.String())
	r, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), "before")
	if err != nil || r.Resumes || !r.Counted || r.ChangedBytes != 1<<20 || len(r.Newer) != 1 || r.Newer[0].Name != "later" {
		t.Fatalf("%+v %v", r, err)
	}
	for undo, want := range map[string]error{"later": ErrExists, "s": ErrExists} {
		if _, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), undo); !errors.Is(err, want) {
			t.Errorf("undo %s: %v", undo, err)
		}
	}
	if _, err := c.CheckRollback(t.Context(), spec.WithSnapshot("none"), ""); !errors.Is(err, ErrSnapshotNotFound) {
		t.Error(err)
	}
	end := acctest.Watch(t, spec.String())
	if _, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), ""); !errors.Is(err, ErrInUse) {
		t.Errorf("planned while in use: %v", err)
	}
	if err := c.RollBack(t.Context(), r, "before", nil); !errors.Is(err, ErrInUse) {
		t.Errorf("done while in use: %v", err)
	}
	end()
	if err := c.RollBack(t.Context(), r, "before", nil); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[Spec]map[byte]int{spec: {'a': 1 << 20}, spec.WithSnapshot("before"): {'b': 1 << 20, 0: 4 << 20}, spec.WithSnapshot("later"): {'b': 1 << 20}} {
		if got := contentOf(t, at); len(got) != len(want) || got['a'] != want['a'] || got['b'] != want['b'] {
			t.Errorf("%s has %v, want %v", at, got, want)
		}
	}
	img, err := c.Image(t.Context(), spec)
	if err != nil || img.EditInterrupted() || img.CheckSettled() != nil || img.Label("rollback") != "" {
		t.Errorf("something is left: %v %v", img.Metadata, err)
	}
	if r, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), ""); err != nil || r.ChangedBytes != 0 && r.Resumes {
		t.Errorf("%+v %v", r, err)
	}
}

// A rollback that was cut off leaves an image that this provider makes nothing of
// until the next has finished it, with the snapshot from before.
func TestRollbackCutOff(t *testing.T) {
	t.Parallel()
	c, spec := NewCluster(Config{}), rollbackImage(t, 8<<20)
	r, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), "before")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = c.RollBack(ctx, r, "before", func(done, total uint64) {
		if done > 0 && total == 8<<20 {
			cancel()
		}
	})
	if !errors.Is(err, ErrRollbackCutOff) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if half := contentOf(t, spec); half['a'] == 0 || half['b'] == 0 {
		t.Fatalf("it is not half done: %v", half)
	}
	if _, err := c.BeginEdit(t.Context(), spec, r.Image.ID); !errors.Is(err, ErrRollbackCutOff) {
		t.Errorf("an edit: %v", err)
	}
	if _, err := c.CreateSnapshot(t.Context(), spec.WithSnapshot("golden"), r.Image.ID, false); !errors.Is(err, ErrRollbackCutOff) {
		t.Errorf("a snapshot: %v", err)
	}
	img, err := c.Image(t.Context(), spec)
	if err != nil || !errors.Is(img.CheckSettled(), ErrRollbackCutOff) {
		t.Error(err, img.Metadata)
	}
	if _, err := c.CheckFreeSnapshot(img, "golden"); !errors.Is(err, ErrRollbackCutOff) {
		t.Errorf("a snapshot is planned: %v", err)
	}
	if _, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), "other"); !errors.Is(err, ErrRollbackCutOff) {
		t.Errorf("another snapshot of what is half done: %v", err)
	}
	r, err = c.CheckRollback(t.Context(), spec.WithSnapshot("s"), "before")
	if err != nil || !r.Resumes || r.KeptUndo != "before" {
		t.Fatalf("%+v %v", r, err)
	}
	if err := c.RollBack(t.Context(), r, "before", nil); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, spec); got['a'] != 8<<20 {
		t.Errorf("%v", got)
	}
	if got := contentOf(t, spec.WithSnapshot("before")); got['b'] != 8<<20 {
		t.Errorf("before: %v", got)
	}
	if img, err = c.Image(t.Context(), spec); err != nil || img.CheckSettled() != nil || !slices.Contains(img.StepsAfter("x"), RollbackStep) && img.Label("steps") == "" {
		t.Error(err, img.Metadata)
	}
}

// A snapshot from before that a rollback took which was cut off right then is good
// as long as nobody wrote.
func TestRollbackUndoTakenBefore(t *testing.T) {
	t.Parallel()
	c, spec := NewCluster(Config{}), rollbackImage(t, 1<<20)
	img, err := c.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	s, err := img.Snapshot("s")
	if err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "image-meta", "set", spec.String(), "terraform-provider-rbd.rollback", rollbackNote{id: s.ID, undo: "before"}.word()+":"+img.ID)
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@before")
	r, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), "before")
	if err != nil || r.Resumes {
		t.Fatalf("%+v %v", r, err)
	}
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "4K", "--io-total", "4K", spec.String())
	if err := c.RollBack(t.Context(), r, "before", nil); !errors.Is(err, ErrExists) {
		t.Errorf("somebody wrote: %v", err)
	}
	acctest.RBD(t, "snap", "rm", "--no-progress", spec.String()+"@before")
	acctest.RBD(t, "snap", "create", "--no-progress", spec.String()+"@before")
	if err := c.RollBack(t.Context(), r, "before", nil); err != nil {
		t.Fatal(err)
	}
}

// killedWhile has RollBack kill its process, as a machine that goes down.
const killedWhile = "RBD_TEST_ROLLBACK_KILLED"

// A rollback whose process is killed is finished by the next.
func TestRollbackKilled(t *testing.T) {
	c := NewCluster(Config{})
	if name := os.Getenv(killedWhile); name != "" {
		spec := Spec{Pool: "vms", Image: name, Snapshot: "s"}
		r, err := c.CheckRollback(t.Context(), spec, "before")
		if err == nil {
			err = c.RollBack(t.Context(), r, "before", func(done, _ uint64) {
				if done > 0 {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				}
			})
		}
		t.Fatal("it was not killed: ", err)
	}
	t.Parallel()
	spec := rollbackImage(t, 8<<20)
	cmd := exec.Command(os.Args[0], "-test.run=^TestRollbackKilled$")
	cmd.Env = append(os.Environ(), killedWhile+"="+spec.Image)
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("it was not killed: %v %s", err, out)
	}
	if half := contentOf(t, spec); half['a'] == 0 || half['b'] == 0 {
		t.Fatalf("it is not half done: %v", half)
	}
	imagestest.Forget(t, spec.String())
	r, err := c.CheckRollback(t.Context(), spec.WithSnapshot("s"), "before")
	if err != nil || !r.Resumes || r.KeptUndo != "before" {
		t.Fatalf("%+v %v", r, err)
	}
	if err := c.RollBack(t.Context(), r, "before", nil); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[Spec]byte{spec: 'a', spec.WithSnapshot("before"): 'b'} {
		if got := contentOf(t, at); got[want] != 8<<20 {
			t.Errorf("%s has %v", at, got)
		}
	}
	if img, err := c.Image(t.Context(), spec); err != nil || img.EditInterrupted() || img.CheckSettled() != nil {
		t.Errorf("something is left: %v %v", img.Metadata, err)
	}
}
