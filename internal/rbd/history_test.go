// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// storied is an image whose content was made here, by a cluster that notes the time of
// each write.
type storied struct {
	t    *testing.T
	c    *Cluster
	spec Spec
	id   string
}

func newStoried(t *testing.T) storied {
	t.Helper()
	s := storied{t: t, spec: testSpec(t), c: NewCluster(Config{Version: "1.2.3", Options: map[string]string{"rbd_mtime_update_interval": "1"}})}
	p, err := s.c.NewPending(t.Context(), s.spec, Layout{SizeBytes: 4 << 20}, "t")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteStream(t.Context(), bytes.NewReader(bytes.Repeat([]byte{1}, 4<<20)), nil); err != nil {
		t.Fatal(err)
	}
	p.NoteMade(Step{Type: "conversion", Fresh: true, Source: &history.Source{URI: "file:///a"}})
	if err := p.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.id = p.ID()
	return s
}

func (s storied) snapshot(name string) Snapshot {
	s.t.Helper()
	made, err := s.c.CreateSnapshot(s.t.Context(), s.spec.WithSnapshot(name), s.id, true)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

// edit writes to the image; what is not accepted is taken back.
func (s storied) edit(name string, b byte, accept bool) {
	s.t.Helper()
	ctx := s.t.Context()
	e, err := s.c.BeginEdit(ctx, s.spec, s.id)
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	must(err)
	must(e.Protect(ctx))
	must(e.BeginCommit(ctx))
	to := e.Content(ctx)
	_, err = to.WriteAt([]byte{b}, 0)
	must(err)
	must(to.Flush())
	must(e.NoteMade(ctx, Step{Type: name}))
	if accept {
		must(e.Accept(ctx))
	}
	must(e.End())
}

// told are the steps of a snapshot, and the reasons why these are not all.
func told(t *testing.T, spec Spec) string {
	t.Helper()
	img, err := NewCluster(Config{}).Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := img.Snapshot(spec.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	st := img.History(snap)
	var out []string
	for _, step := range st.Steps {
		out = append(out, step.Type)
		if step.At == "" || step.SizeBytes == 0 || step.Tools["librbd"] == "" || step.Tools["terraform-provider-rbd"] != "1.2.3" {
			t.Errorf("%s: %+v", spec, step)
		}
	}
	for _, gap := range st.Gaps {
		out = append(out, "("+gap+")")
	}
	return strings.Join(out, " ")
}

// tells expects what is told of snapshots to begin so, and nothing to be missing where
// no reason is among it.
func (s storied) tells(want map[string]string) {
	s.t.Helper()
	for name, text := range want {
		spec := s.spec.WithSnapshot(name)
		if strings.Contains(name, "/") {
			var err error
			if spec, err = ParseSpec(name); err != nil {
				s.t.Fatal(err)
			}
		}
		got := told(s.t, spec)
		if got != text && (!strings.Contains(text, "(") || !strings.HasPrefix(got, text)) {
			s.t.Errorf("%s: it tells %q, not %q", spec, got, text)
		}
	}
}

// A snapshot has the steps that were done before it was taken, whatever is done later,
// and a clone those of its snapshot.
func TestHistoryOfSnapshots(t *testing.T) {
	t.Parallel()
	s := newStoried(t)
	ctx := t.Context()
	s.snapshot("a")
	s.edit("one", 2, true)
	b := s.snapshot("b")
	s.edit("two", 3, false)
	s.snapshot("c")
	r, err := s.c.CheckRollback(ctx, s.spec.WithSnapshot("a"), "")
	if err == nil {
		err = s.c.RollBack(ctx, r, "", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.snapshot("d")
	if err := s.c.ResizeImage(ctx, s.spec, s.id, 5<<20, false); err != nil {
		t.Fatal(err)
	}
	s.snapshot("e")
	clone, others, copied := s.spec.WithImage(s.spec.Image+"-clone"), s.spec.WithImage(s.spec.Image+"-others"), s.spec.WithImage(s.spec.Image+"-copy")
	if err := s.c.CloneImage(ctx, clone, Origin{Spec: s.spec.WithSnapshot("b"), ImageID: s.id, SnapshotID: b.ID}, Layout{}, "t"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		acctest.Drop(t, clone.String())
		acctest.Drop(t, s.spec.String()+"-renamed")
	})
	imagestest.Clone(t, 2, s.spec.String()+"@b", others.String())
	imagestest.Make(t, copied.String(), "deep", "cp", "--no-progress", s.spec.String())
	for _, spec := range []Spec{clone, others} {
		imagestest.Snapshot(t, spec.String()+"@s", false)
	}
	renamed := s
	renamed.spec.Image += "-renamed"
	acctest.RBD(t, "rename", s.spec.String(), renamed.spec.String())
	renamed.tells(map[string]string{
		"a":                    "conversion",
		"b":                    "conversion one",
		"c":                    "conversion one",
		"d":                    "conversion rbd_snapshot_rollback",
		"e":                    "conversion rbd_snapshot_rollback resize",
		clone.String() + "@s":  "conversion one rbd_image",
		others.String() + "@s": "conversion one (it is a clone that something else",
		copied.String() + "@b": "(the note of what has made its content is of another image (id " + s.id + "))",
	})

	// Somebody writes, and a later step does not hide that.
	acctest.Await(t, "a later time of modification", func() bool {
		if err := s.c.withImage(ctx, renamed.spec, readWrite, func(img *librbd.Image) error {
			_, err := img.WriteAt([]byte{9}, 4096)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return told(t, renamed.spec.WithSnapshot("e")) != "conversion rbd_snapshot_rollback resize"
	})
	renamed.snapshot("f")
	renamed.edit("three", 4, true)
	renamed.snapshot("g")
	renamed.tells(map[string]string{
		"d": "conversion rbd_snapshot_rollback",
		"f": "conversion rbd_snapshot_rollback resize (somebody wrote to the image between",
		"g": "conversion rbd_snapshot_rollback resize three (somebody wrote to the image between",
	})
}

// What strangers put in the place of the note is unknown, and no error; the next step
// begins a new one.
func TestHistoryOfStrangers(t *testing.T) {
	t.Parallel()
	s := newStoried(t)
	s.snapshot("a")
	for text, want := range map[string]string{
		"":      "(nothing is noted on it",
		"owned": "(the note of what has made its content is none that",
		`{"rbd_image_id":"` + s.id + `","steps":[{"type":"x y"}]}`:     "(the note of what has made its content is none that",
		`{"rbd_image_id":"` + s.id + `"}` + strings.Repeat(" ", 40000): "(the note of what has made its content is none that",
	} {
		if err := s.c.SetLabel(t.Context(), s.spec, "history", text); err != nil {
			t.Fatal(err)
		}
		s.tells(map[string]string{"a": want})
		if err := s.c.ResizeImage(t.Context(), s.spec, s.id, 8<<20, false); err != nil {
			t.Fatal(err)
		}
		if err := s.c.ResizeImage(t.Context(), s.spec, s.id, 4<<20, true); err != nil {
			t.Fatal(err)
		}
	}
	s.edit("one", 2, true)
	s.snapshot("b")
	s.tells(map[string]string{"a": "(nothing is noted of what the image was", "b": "one (what the image was before"})
}

// A replica has the steps of the source's snapshots, also where its note is behind: a
// run that was killed right after a copy.
func TestHistoryOfReplicas(t *testing.T) {
	t.Parallel()
	s := newStoried(t)
	ctx := t.Context()
	target := s.spec.WithImage(s.spec.Image + "-copy")
	t.Cleanup(func() { acctest.Drop(t, target.String()) })
	at := func(name string) string { return target.String() + "@" + name }
	source := func(snap Snapshot) ReplicaSource {
		return ReplicaSource{Cluster: s.c, Spec: s.spec.WithSnapshot(snap.Name), ImageID: s.id, SnapshotID: snap.ID}
	}
	if err := s.c.NewReplica(ctx, target, Layout{}, "t", source(s.snapshot("a")), ReplicaOptions{}); err != nil {
		t.Fatal(err)
	}
	first, err := s.c.Image(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	s.edit("one", 2, true)
	b := source(s.snapshot("b"))
	advance := func() {
		t.Helper()
		if err := s.c.AdvanceReplica(ctx, target, first.ID, b, ReplicaOptions{Keep: 2}); err != nil {
			t.Fatal(err)
		}
	}
	both := map[string]string{at("a"): "conversion rbd_image_replica", at("b"): "conversion one rbd_image_replica"}
	advance()
	s.tells(both)
	if err := s.c.SetLabel(ctx, target, "history", first.Label("history")); err != nil {
		t.Fatal(err)
	}
	if got := told(t, target.WithSnapshot("b")); !strings.HasPrefix(got, "conversion rbd_image_replica (") || !strings.Contains(got, "(the last copy from its source is not noted)") {
		t.Errorf("behind, it tells %q", got)
	}
	advance()
	s.tells(both)
}

// A copy with its snapshots has the steps of what the image is at the end: those of its
// snapshots are not told apart.
func TestHistoryOfDeepCopies(t *testing.T) {
	t.Parallel()
	s := newStoried(t)
	s.snapshot("a")
	s.edit("one", 2, true)
	copied := s
	copied.spec.Image += "-copy"
	t.Cleanup(func() { acctest.Drop(t, copied.spec.String()) })
	if err := deepCopy(t.Context(), s.c, s.spec, copied.spec, false); err != nil {
		t.Fatal(err)
	}
	imagestest.Snapshot(t, copied.spec.String()+"@b", false)
	copied.tells(map[string]string{"a": "(nothing is noted of what the image was", "b": "conversion one rbd_image_copy"})
}

// A copy of what nobody knows says so.
func TestHistoryOfUnknownSource(t *testing.T) {
	t.Parallel()
	o, target := newOriginal(t)
	o.c = NewCluster(Config{Version: "1.2.3"})
	o.first(target, Layout{})
	want := "rbd_image_replica (of its source: nothing is noted on it of what has made its content)"
	if got := told(t, target.WithSnapshot("s0")); got != want {
		t.Errorf("it tells %q", got)
	}
}
