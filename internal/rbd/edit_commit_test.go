// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// another is a client of its own, as one on another machine is.
func another() *Cluster {
	return NewCluster(Config{Options: map[string]string{"client_mount_timeout": "303"}})
}

func readAll(t *testing.T, c *Cluster, spec Spec) []byte {
	t.Helper()
	r, err := c.OpenReader(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, r.Size())
	if _, err := r.ReadAt(b, 0); len(b) > 0 && err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

// clean expects nothing of an edit on the image.
func clean(t *testing.T, c *Cluster, spec Spec) {
	t.Helper()
	img, err := c.Image(t.Context(), spec)
	if err != nil || img.EditInterrupted() || len(img.Snapshots) > 0 || len(img.Labels("snapshot.")) > 0 {
		t.Errorf("left: %+v, %v", img, err)
	}
}

// Whoever opens, writes and closes the image while a change is prepared has the
// change refused, and keeps what was written.
func TestEditSeesWhoWroteMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		features string
		size     string
		write    func(*librbd.Image) error
		same     bool
	}{
		"nothing":      {write: func(*librbd.Image) error { return nil }, same: true},
		"content":      {write: func(img *librbd.Image) error { return write(img, 1<<20, 100) }},
		"the end":      {write: func(img *librbd.Image) error { return write(img, 9<<20-1, 1) }},
		"what was new": {write: func(img *librbd.Image) error { return write(img, 5<<20, 4096) }},
		"zeros":        {write: func(img *librbd.Image) error { _, err := img.Discard(0, 4<<20); return err }},
		"the same":     {write: func(img *librbd.Image) error { return writeBytes(img, 0, bytes.Repeat([]byte("x"), 100)) }, same: true},
		"larger":       {write: func(img *librbd.Image) error { return img.Resize(10 << 20) }},
		"smaller":      {write: func(img *librbd.Image) error { return img.Resize(8 << 20) }},
		"layering":     {features: "layering", write: func(img *librbd.Image) error { return write(img, 1<<20, 100) }},
		"no size":      {size: "0", write: func(*librbd.Image) error { return nil }, same: true},
		"from no size": {size: "0", write: func(img *librbd.Image) error { return img.Resize(1 << 20) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, ours, theirs := testSpec(t), NewCluster(Config{}), another()
			size := c.size
			if size == "" {
				size = "9M"
			}
			args := []string{"create", "--size", size, spec.String()}
			if c.features != "" {
				args = append(args, "--image-feature", c.features)
			}
			acctest.RBD(t, args...)
			if size != "0" {
				edit(t, ours, spec, func(img *librbd.Image) error { return writeBytes(img, 0, bytes.Repeat([]byte("x"), 2<<20)) })
			}
			img, err := ours.Image(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			e, err := ours.BeginEdit(t.Context(), spec, img.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Protect(t.Context()); err != nil {
				t.Fatal(err)
			}
			edit(t, theirs, spec, c.write)
			written := readAll(t, theirs, spec)
			err = e.BeginCommit(t.Context())
			if c.same && err != nil || !c.same && !errors.Is(err, ErrWrittenMeanwhile) {
				t.Errorf("got %v", err)
			}
			if err := e.End(); err != nil {
				t.Error(err)
			}
			if got := readAll(t, theirs, spec); !bytes.Equal(got, written) {
				t.Error("what was written is not there any more")
			}
			clean(t, ours, spec)
		})
	}
}

// Who has the image open when the change is done is named, with or without
// having written; who comes after that can't write before the end.
func TestCommitKeepsOthersOut(t *testing.T) {
	t.Parallel()
	spec, ours, theirs := testSpec(t), NewCluster(Config{}), another()
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	img, err := ours.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	begin := func() *Edit {
		t.Helper()
		e, err := ours.BeginEdit(t.Context(), spec, img.ID)
		if err == nil {
			err = e.Protect(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, alters := range []bool{false, true} {
		e := begin()
		h, err := theirs.openHandle(t.Context(), spec, readWrite)
		if err != nil {
			t.Fatal(err)
		}
		if alters {
			if err := write(h.img, 0, 512); err != nil {
				t.Fatal(err)
			}
		}
		var used *InUseError
		err = e.BeginCommit(t.Context())
		if !errors.As(err, &used) || len(used.Watchers) != 1 || errors.Is(err, ErrWrittenMeanwhile) != alters {
			t.Errorf("written: %t: %v", alters, err)
		}
		if err := errors.Join(e.End(), h.close()); err != nil {
			t.Error(err)
		}
	}

	e := begin()
	if err := e.BeginCommit(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := theirs.openHandle(t.Context(), spec, readWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(h.img, 0, 512); err == nil {
		t.Error("another client wrote during the commit")
	}
	content := e.Content(t.Context())
	if _, err := content.WriteAt(bytes.Repeat([]byte("new"), 1000), 1<<20); err != nil {
		t.Error(err)
	}
	if err := errors.Join(content.Flush(), e.Accept(t.Context()), e.End(), h.close()); err != nil {
		t.Error(err)
	}
	if got := readAll(t, theirs, spec); !bytes.Equal(got[1<<20:1<<20+3000], bytes.Repeat([]byte("new"), 1000)) {
		t.Error("the change is not in the image")
	}
	edit(t, theirs, spec, func(img *librbd.Image) error { return write(img, 0, 512) })
	clean(t, ours, spec)
}

// An edit is cut off at each step: the next one puts the old content back where
// the change had begun to be written, and else leaves alone what is there, also
// what somebody has written since.
func TestCutOffEditIsTakenBack(t *testing.T) {
	old, half, theirs := []byte("old"), []byte("half"), []byte("a stranger's")
	put := func(text []byte) func(*librbd.Image) error {
		return func(img *librbd.Image) error { return writeBytes(img, 0, text) }
	}
	for name, c := range map[string]struct {
		steps []func(*Edit) error
		later []byte // what a stranger writes before the next edit
		want  []byte
	}{
		"begun":     {later: theirs, want: theirs},
		"protected": {steps: []func(*Edit) error{protect}, later: theirs, want: theirs},
		"writing":   {steps: []func(*Edit) error{protect, beginCommit, writes(half)}, want: old},
		"written":   {steps: []func(*Edit) error{protect, beginCommit, writes(half), accepted}, later: theirs, want: theirs},
		"snapshot gone": {steps: []func(*Edit) error{protect, beginCommit, writes(half), func(e *Edit) error {
			return e.h.img.GetSnapshot(UndoSnapshot).Remove()
		}}, want: half},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, ours := testSpec(t), NewCluster(Config{})
			acctest.RBD(t, "create", "--size", "8M", spec.String())
			edit(t, ours, spec, put(old))
			img, err := ours.Image(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			e, err := ours.BeginEdit(t.Context(), spec, img.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range c.steps {
				if err := step(e); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.close(); err != nil { // without End
				t.Fatal(err)
			}
			if c.later != nil {
				edit(t, another(), spec, put(c.later))
			}
			if img, err = ours.Image(t.Context(), spec); err != nil || !img.EditInterrupted() {
				t.Errorf("interrupted: %t, %v", img.EditInterrupted(), err)
			}
			if img.ContentInDoubt() != slices.Contains([]string{"writing", "snapshot gone"}, name) {
				t.Errorf("content in doubt: %t", img.ContentInDoubt())
			}
			if e, err = ours.BeginEdit(t.Context(), spec, img.ID); err != nil {
				t.Fatal(err)
			}
			if err := e.End(); err != nil {
				t.Error(err)
			}
			if got := readAll(t, ours, spec); !bytes.HasPrefix(got, c.want) {
				t.Errorf("the content is %q, not %q", got[:12], c.want)
			}
			clean(t, ours, spec)
		})
	}
}

func protect(e *Edit) error     { return e.Protect(context.Background()) }
func beginCommit(e *Edit) error { return e.BeginCommit(context.Background()) }
func accepted(e *Edit) error {
	return ownership.Set(e.h.img, ownership.SnapshotKey(UndoSnapshot), ownership.Pending)
}

func writes(b []byte) func(*Edit) error {
	return func(e *Edit) error {
		_, err := e.Content(context.Background()).WriteAt(b, 0)
		return err
	}
}

// An edit that ends without being accepted has changed nothing.
func TestEditThatIsGivenUp(t *testing.T) {
	t.Parallel()
	spec, ours := testSpec(t), NewCluster(Config{})
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	img, err := ours.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, steps := range [][]func(*Edit) error{nil, {protect}, {protect, beginCommit}, {protect, beginCommit, writes([]byte("half"))}} {
		e, err := ours.BeginEdit(t.Context(), spec, img.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			if err := step(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.End(); err != nil {
			t.Error(err)
		}
		if !blocks.AllZero(readAll(t, ours, spec)) {
			t.Errorf("after %d steps there is something", len(steps))
		}
		clean(t, ours, spec)
	}
}

// A snapshot of somebody else's that has the name is neither taken nor removed.
func TestEditLeavesAStrangersSnapshotAlone(t *testing.T) {
	t.Parallel()
	spec, ours := testSpec(t), NewCluster(Config{})
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	acctest.RBD(t, "snap", "create", "--no-progress", spec.WithSnapshot(UndoSnapshot).String())
	img, err := ours.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e, err := ours.BeginEdit(t.Context(), spec, img.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Protect(t.Context()); !errors.Is(err, ErrExists) {
			t.Errorf("got %v", err)
		}
		if err := e.End(); err != nil {
			t.Error(err)
		}
	}
	if got := acctest.RBD(t, "snap", "ls", spec.String()); !strings.Contains(got, UndoSnapshot) {
		t.Error("the snapshot is gone")
	}
}

func writeBytes(img *librbd.Image, at int64, b []byte) error {
	_, err := img.WriteAt(b, at)
	return err
}
