// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// Step is what was done to the content of an image. Who makes one sets Type,
// Arguments, Tools and Source; the rest is set where it is noted.
type Step = history.Step

// Types of steps that are made in here.
const (
	copyImageStep = "rbd_image_copy"
	replicaStep   = "rbd_image_replica"
	cloneStep     = "rbd_image"
	resizeStep    = "resize"
	rollBackStep  = "rbd_snapshot_rollback"
)

// SnapshotDigest is the key, among the digests of a source, of what tells a snapshot
// from any other: the cluster, the image id, and the snapshot id.
const SnapshotDigest = "rbdSnapshot"

// SnapshotSource is a snapshot as the source of a step.
func SnapshotSource(fsid string, spec Spec, imageID string, snapshotID uint64) *history.Source {
	u := url.URL{Scheme: "rbd", Host: fsid}
	for _, part := range []string{spec.Pool, spec.Namespace, spec.Image, spec.Snapshot} {
		if part != "" {
			u = *u.JoinPath(url.PathEscape(part))
		}
	}
	return &history.Source{URI: u.String(), Digest: map[string]string{SnapshotDigest: snapshotIdentityText(fsid, imageID, snapshotID)}}
}

func snapshotIdentityText(fsid, imageID string, snapshotID uint64) string {
	return fmt.Sprintf("%s/%s@%d", fsid, imageID, snapshotID)
}

// History tells what has made the content of one of the image's snapshots, as far as
// it is noted.
func (i Image) History(s Snapshot) history.State {
	n, err := history.Parse(i.Metadata[history.Key], i.ID)
	switch {
	case err == nil:
		st := n.Of(history.Content{SnapshotID: s.ID, SizeBytes: s.SizeBytes, Modified: i.ModifiedAt})
		if r, ok := i.Replica(); ok && s.ID >= r.SnapshotID && !isNoted(st, r) {
			st.Gap("the last copy from its source is not noted")
		}
		return st
	case errors.Is(err, history.ErrForeign) && i.Parent != nil && i.Parent.ImageID == n.ImageID:
		st := n.Before(i.Parent.SnapshotID)
		st.Gap("it is a clone that something else than this provider has made, and what was written to it is not noted")
		return st
	case errors.Is(err, history.ErrForeign):
		err = fmt.Errorf("%w (id %s)", err, n.ImageID)
	}
	var st history.State
	st.Gap(err.Error())
	return st
}

// isNoted tells whether the copy that the label of a replica tells of is among the
// steps.
func isNoted(st history.State, r Replica) bool {
	for _, s := range st.Steps {
		if s.Type == replicaStep && s.Source != nil && s.Source.Digest[SnapshotDigest] == snapshotIdentityText(r.SourceFSID, r.SourceImageID, r.SourceSnapshotID) {
			return true
		}
	}
	return false
}

// origin is what a copy or clone of the snapshot begins with; the source is that of
// the step which makes it.
func (i Image) origin(s Snapshot, step Step) []Step {
	return i.History(s).Carried(step)
}

// finished fills in what is the same of all steps. The image was opened after the
// content had changed: an open one does not learn of its time of modification.
func (c *Cluster) finished(img *librbd.Image, s Step) (Step, error) {
	size, err := img.GetSize()
	if err != nil {
		return s, fmt.Errorf("read the size: %w", err)
	}
	modified, err := img.GetModifyTimestamp()
	if err != nil {
		return s, fmt.Errorf("read the time of modification: %w", err)
	}
	tools := map[string]string{}
	maps.Copy(tools, s.Tools)
	for name, version := range map[string]string{"terraform-provider-rbd": c.cfg.Version, "librbd": LibraryVersion()} {
		if version != "" {
			tools[name] = version
		}
	}
	s.Tools, s.SizeBytes, s.Modified = tools, size, history.Time(utc(modified))
	s.At = time.Now().UTC().Format(time.RFC3339)
	return s, nil
}

// readHistory reads the note on an open image, which may have none, or one that is
// not its own.
func readHistory(img *librbd.Image, id string) (n history.Note, has bool, err error) {
	text, err := ownership.Read(img, history.Key)
	if err != nil {
		return n, false, err
	}
	n, unusable := history.Parse(text, id)
	if unusable != nil { // whoever wrote it: it tells nothing of this image
		n = history.Note{ImageID: id}
	}
	return n, unusable == nil, nil
}

func writeHistory(img *librbd.Image, n history.Note) error {
	text, err := n.Text()
	if err == nil {
		err = img.SetMetadata(history.Key, text)
	}
	if err != nil {
		return fmt.Errorf("set image metadata %q: %w", history.Key, err)
	}
	return nil
}

// highestSnapshot is the highest id of a snapshot of an open image, 0 without one.
func highestSnapshot(img *librbd.Image) (id uint64, err error) {
	infos, err := img.GetSnapshotNames()
	if err != nil {
		return 0, fmt.Errorf("list snapshots: %w", err)
	}
	for _, i := range infos {
		id = max(id, i.Id)
	}
	return id, nil
}

// NoteMade has the steps that have made the content noted when the image is
// published.
func (p *Pending) NoteMade(steps ...Step) { p.made = steps }

// noteMade is called with the image newly opened.
func (p *Pending) noteMade(img *librbd.Image) error {
	if len(p.made) == 0 {
		return nil
	}
	last := len(p.made) - 1
	step, err := p.c.finished(img, p.made[last])
	if err != nil {
		return fmt.Errorf("%s: %w", p.Spec, err)
	}
	return writeHistory(img, history.Note{ImageID: p.id}.Add(p.made[:last]...).Add(step))
}

// noteCopyOf has noted, of the copy of an image with its snapshots, what has made the
// content that the image has now. Of the snapshots in the copy nothing is known.
func (p *Pending) noteCopyOf(ctx context.Context, source Spec, id string) error {
	p.NoteMade()
	img, err := p.c.Image(ctx, source)
	if err == nil && img.ID != id {
		err = fmt.Errorf("image %s has id %s, not %s: %w", source, img.ID, id, ErrOtherImage)
	}
	if err != nil {
		return err
	}
	if _, err := history.Parse(img.Metadata[history.Key], img.ID); err != nil {
		return nil //nolint:nilerr // there is nothing to be noted
	}
	step := Step{Type: copyImageStep, Source: SnapshotSource(img.FSID, img.Spec, img.ID, 0)}
	step.Source.Digest = nil // it does not stay what it is
	err = p.c.withImage(ctx, p.Spec, readOnly, func(open *librbd.Image) (err error) {
		step.Begun, err = highestSnapshot(open)
		return err
	})
	if err != nil {
		return err
	}
	step.Done = step.Begun
	p.NoteMade(img.origin(Snapshot{ID: math.MaxUint64, SizeBytes: img.SizeBytes}, step)...)
	return nil
}

// anew does something with the image, newly opened.
func (e *Edit) anew(do func(*librbd.Image) error) error {
	h, err := e.h.cn.open(e.h.spec, readOnly)
	if err != nil {
		return err
	}
	return errors.Join(do(h.img), h.close())
}

// modifiedNow is the time of modification as Ceph has it.
func (e *Edit) modifiedNow() (now string, err error) {
	err = e.anew(func(img *librbd.Image) error {
		t, err := img.GetModifyTimestamp()
		now = history.Time(utc(t))
		return err
	})
	return now, err
}

// noteBegin notes that the content is about to change, when the label that has it
// put back is there.
func (e *Edit) noteBegin() error {
	n, _, err := readHistory(e.h.img, e.id)
	if err != nil {
		return err
	}
	highest, err := highestSnapshot(e.h.img)
	if err != nil {
		return err
	}
	size, err := e.h.img.GetSize()
	if err != nil {
		return fmt.Errorf("read the size of %s: %w", e.h.spec, err)
	}
	at := time.Now().UTC().Format(time.RFC3339)
	return writeHistory(e.h.img, n.Begin(Step{At: at, SizeBytes: size, Begun: highest, Was: e.was}))
}

// NoteMade notes what this edit has done to the content, before Accept: where that
// is not reached, the note is taken back with the content.
func (e *Edit) NoteMade(ctx context.Context, s Step) error {
	return e.step(ctx, func() error { return e.noteMade(s) })
}

func (e *Edit) noteMade(s Step) error {
	n, _, err := readHistory(e.h.img, e.id)
	if err != nil {
		return err
	}
	if s.Done, err = highestSnapshot(e.h.img); err != nil {
		return err
	}
	err = e.anew(func(img *librbd.Image) (err error) {
		s, err = e.h.c.finished(img, s)
		return err
	})
	if err != nil {
		return err
	}
	return writeHistory(e.h.img, n.Finish(s))
}

// takeBackHistory notes that the content was put back to the undo snapshot.
func (e *Edit) takeBackHistory() error {
	n, has, err := readHistory(e.h.img, e.id)
	if err != nil {
		return err
	}
	if e.was, err = e.modifiedNow(); err != nil || !has {
		return err
	}
	undo, err := findSnapshot(e.h.img, e.Protected())
	if err != nil {
		return err
	}
	highest, err := highestSnapshot(e.h.img)
	if err != nil {
		return err
	}
	if n, ok := n.TakeBack(undo.ID, highest, e.was); ok {
		return writeHistory(e.h.img, n)
	}
	return nil
}

// noteResize notes another size of an image that has a note. begun is the highest id
// of a snapshot from before.
func (c *Cluster) noteResize(img *librbd.Image, id string, begun uint64) error {
	n, has, err := readHistory(img, id)
	if err != nil || !has {
		return err
	}
	s, err := c.finished(img, Step{Type: resizeStep, Begun: begun})
	if err == nil {
		s.Was = s.Modified // a resize leaves that
		s.Done, err = highestSnapshot(img)
	}
	if err != nil {
		return err
	}
	return writeHistory(img, n.Add(s))
}

// noteCopied notes on a replica, of which last is the newest snapshot, that it has
// become a copy of the source's.
func (c *Cluster) noteCopied(e *Edit, last Snapshot, source Image, from ReplicaSource) error {
	s, err := source.SnapshotByID(from.SnapshotID)
	if err != nil {
		return err
	}
	n, _, err := readHistory(e.h.img, e.id)
	if err != nil {
		return err
	}
	steps := source.origin(s, copyStep(source, from))
	for i := range steps { // its snapshot has it, and those before do not
		steps[i].Begun, steps[i].Done = last.ID-1, last.ID-1
	}
	err = e.anew(func(img *librbd.Image) (err error) {
		end := len(steps) - 1
		steps[end], err = c.finished(img, steps[end])
		return err
	})
	if err != nil {
		return err
	}
	return writeHistory(e.h.img, n.Add(steps...))
}

func copyStep(source Image, from ReplicaSource) Step {
	return Step{Type: replicaStep, Source: SnapshotSource(source.FSID, from.Spec, from.ImageID, from.SnapshotID)}
}

// readHistory reads what History needs of an open image beside its snapshots. What a
// clone was made of is not asked.
func (i *Image) readHistory(open *librbd.Image) error {
	text, err := ownership.Read(open, history.Key)
	if err != nil {
		return err
	}
	label, err := ownership.Read(open, ownership.Prefix+replicaLabel)
	if err != nil {
		return err
	}
	modified, err := open.GetModifyTimestamp()
	i.Metadata, i.ModifiedAt = map[string]string{history.Key: text, ownership.Prefix + replicaLabel: label}, utc(modified)
	return err
}
