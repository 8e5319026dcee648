// SPDX-License-Identifier: MPL-2.0

package replication_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/replication"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const mib = 1 << 20

// lab is the lab's cluster, as a run of a state.
func lab(t *testing.T, state, run string) replication.Deps {
	t.Helper()
	return deps(rbd.Config{FSID: acctest.FSID(t)}, state, run)
}

func deps(c rbd.Config, state, run string) replication.Deps {
	c.Run = rbd.Run{State: state, ID: run}
	return replication.Deps{Ceph: rbd.NewCluster(c)}
}

// pair is an image and what is to become its copy.
type pair struct {
	t      *testing.T
	d      replication.Deps
	source string // spec of the image
	copied rbd.Spec
}

// newPair makes the source, all of it data.
func newPair(t *testing.T, name string, size int) pair {
	t.Helper()
	p := pair{t, lab(t, "state", "1"), "images/" + name + "-source", rbd.Spec{Pool: "vms", Image: name}}
	acctest.RBD(t, "import", "--no-progress", disktest.Noise(t, size), p.source)
	return p
}

// snapshot is one of the source.
func (p pair) snapshot(name string) replication.Request {
	p.t.Helper()
	acctest.RBD(p.t, "snap", "create", "--no-progress", p.source+"@"+name)
	return p.request(name)
}

// change writes other data to so much of the source, and makes a snapshot.
func (p pair) change(size int, name string) replication.Request {
	p.t.Helper()
	acctest.RBD(p.t, "bench", "--io-type", "write", "--io-size", "1M", "--io-pattern", "seq", "--io-total", fmt.Sprint(size), p.source)
	return p.snapshot(name)
}

// request is for the snapshot of this name, which the plan has seen.
func (p pair) request(snapshot string) replication.Request {
	p.t.Helper()
	r := request(p.source+"@"+snapshot, p.copied)
	found, err := replication.Find(p.t.Context(), p.d, r.Source)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Planned = found.ID()
	return r
}

func request(snapshot string, target rbd.Spec) replication.Request {
	return replication.Request{
		Source: replication.Reference{Snapshot: snapshot}, Target: target, Protect: true, Keep: 2,
		Token: func(id replication.ID) string { return fmt.Sprintf("replica:%s:%d", id.ImageID, id.SnapshotID) },
	}
}

// do makes the first copy.
func (p pair) do(r replication.Request) replication.Before {
	p.t.Helper()
	got, err := replication.Do(p.t.Context(), p.d, r)
	if err != nil {
		p.t.Fatal(err)
	}
	if got.Copied != r.Planned || len(got.Kept) > 0 {
		p.t.Errorf("told %+v, planned was %+v", got, r.Planned)
	}
	return p.holds(r)
}

// update brings the copy up to date.
func (p pair) update(before replication.Before, r replication.Request) replication.Before {
	p.t.Helper()
	got, err := replication.Update(p.t.Context(), p.d, before, r)
	if err != nil {
		p.t.Fatal(err)
	}
	if got.Copied != r.Planned || len(got.Kept) > 0 {
		p.t.Errorf("told %+v, planned was %+v", got, r.Planned)
	}
	return p.holds(r)
}

// read is the copy with its note.
func (p pair) read() (rbd.Image, rbd.Replica) {
	p.t.Helper()
	img, err := p.d.Ceph.Image(p.t.Context(), p.copied)
	if err != nil {
		p.t.Fatal(err)
	}
	note, ok := img.Replica()
	if !ok {
		p.t.Fatalf("%s has no note", p.copied)
	}
	return img, note
}

// holds fails the test where the copy, its snapshot and its note are not what the
// request asks for, or something else is left. It returns what a refresh finds.
func (p pair) holds(r replication.Request) replication.Before {
	p.t.Helper()
	_, name, _ := strings.Cut(r.Source.Snapshot, "@")
	p.same(name, p.copied.String(), p.copied.WithSnapshot(name).String())
	img, note := p.read()
	s, err := img.Snapshot(name)
	if err != nil || s.ID != note.SnapshotID || s.Protected != r.Protect || !img.OwnsSnapshot(name) {
		p.t.Errorf("snapshot %+v, %v, noted is %+v", s, err, note)
	}
	if note.Writing != 0 || note.SourceFSID != acctest.FSID(p.t) || (replication.ID{ImageID: note.SourceImageID, SnapshotID: note.SourceSnapshotID}) != r.Planned {
		p.t.Errorf("noted is %+v, planned was %+v", note, r.Planned)
	}
	p.left(p.copied.Image)
	return p.before()
}

// before is what a refresh finds.
func (p pair) before() replication.Before {
	p.t.Helper()
	img, note := p.read()
	b := replication.Before{Spec: img.Spec, ImageID: img.ID, Source: replication.ID{ImageID: note.SourceImageID, SnapshotID: note.SourceSnapshotID}}
	if s, err := img.SnapshotByID(note.SnapshotID); err == nil {
		b.Snapshot = img.Spec.WithSnapshot(s.Name).String()
	}
	return b
}

// same compares with a snapshot of the source what the rbd command reads.
func (p pair) same(snapshot string, specs ...string) {
	p.t.Helper()
	want := content(p.t, p.source+"@"+snapshot)
	for _, spec := range specs {
		if !bytes.Equal(content(p.t, spec), want) {
			p.t.Errorf("%s is not what %s@%s is", spec, p.source, snapshot)
		}
	}
}

func content(t *testing.T, spec string) []byte {
	t.Helper()
	b, err := exec.Command("rbd", "export", "--no-progress", spec, "-").Output()
	if err != nil {
		t.Fatalf("rbd export %s: %v", spec, err)
	}
	return b
}

// left fails the test unless these images are all there are of the copy.
func (p pair) left(want ...string) {
	p.t.Helper()
	if got := acctest.Images(p.t, p.copied.Pool, p.copied.Image); strings.Join(got, " ") != strings.Join(want, " ") {
		p.t.Errorf("there are the images %q, want %q", got, want)
	}
}

// snapshots are the names of the copy's.
func (p pair) snapshots() string {
	p.t.Helper()
	img, _ := p.read()
	var names []string
	for _, s := range img.Snapshots {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}
