// SPDX-License-Identifier: MPL-2.0

// Package history is the note on an image of the steps that have made its content,
// and what that says of the content of a snapshot.
//
// Each step has its place among the snapshots of the image by their ids, which only
// grow: a snapshot has what was done before it was taken. Nothing here asks a
// cluster.
package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// Key is the key of the note in the metadata of an image.
const Key = ownership.Prefix + "history"

const (
	// MaxSteps is how many steps of an image are kept, and MaxBytes how long the
	// note may become for that: the oldest go first.
	MaxSteps = 64
	MaxBytes = 32 << 10
	// maxText bounds each text in a step, and maxEntries each of its maps.
	maxText    = 2 << 10
	maxEntries = 16
)

var (
	// ErrNone says that nothing is noted.
	ErrNone = errors.New("nothing is noted on it of what has made its content")
	// ErrUnreadable says that somebody else has written the note.
	ErrUnreadable = errors.New("the note of what has made its content is none that this provider writes")
	// ErrForeign says that the note is of another image, of which this one is a copy
	// or a clone. The note is returned with it.
	ErrForeign = errors.New("the note of what has made its content is of another image")
)

// Step is what was done to the content of an image.
type Step struct {
	// Type is the type of the resource or action that did it.
	Type string `json:"type"`
	// At is when it was finished, in RFC 3339.
	At string `json:"at"`
	// Arguments is the SHA-256 of its arguments, in hexadecimal digits. What is secret
	// is not among them.
	Arguments string `json:"arguments,omitempty"`
	// Tools are the versions of the programs and libraries.
	Tools map[string]string `json:"tools,omitempty"`
	// Source is what the content comes from; nil for a change of what is there.
	Source *Source `json:"source,omitempty"`
	// SizeBytes is the size of the image then.
	SizeBytes uint64 `json:"size"`
	// Fresh tells that nothing of what was before is left.
	Fresh bool `json:"fresh,omitempty"`
	// BackTo is the id of the snapshot of this image that it went back to.
	BackTo uint64 `json:"back_to,omitempty"`
	// Gap says why what is before it is not all; empty where it is.
	Gap string `json:"gap,omitempty"`
	// Undone is for a change that was begun, and did not come to its end: the content
	// was put back.
	Undone bool `json:"undone,omitempty"`

	// Begun is the highest id of a snapshot of the image when the content was about to
	// change, and Done the one when it had.
	Begun uint64 `json:"begun,omitempty"`
	Done  uint64 `json:"done,omitempty"`
	// Was and Modified are the times of modification before and after it, as Ceph has
	// them; empty where they say nothing.
	Was      string `json:"was,omitempty"`
	Modified string `json:"modified,omitempty"`
}

// Source is what the content of an image comes from.
type Source struct {
	// URI has no secret in it.
	URI string `json:"uri"`
	// Digest are its hashes, by algorithm, or what else is the same for ever.
	Digest map[string]string `json:"digest,omitempty"`
}

// Note is what is noted on an image.
type Note struct {
	// ImageID is that of the image: clones and copies get a copy of the note.
	ImageID string `json:"rbd_image_id"`
	// Dropped is how many of the oldest steps were not kept.
	Dropped int    `json:"dropped,omitempty"`
	Steps   []Step `json:"steps"`
}

// Parse reads the note on the image with this id.
//
// Errors: ErrNone, ErrUnreadable, ErrForeign.
func Parse(text, id string) (Note, error) {
	var n Note
	switch {
	case text == "":
		return n, ErrNone
	case len(text) > MaxBytes || json.Unmarshal([]byte(text), &n) != nil || !n.plausible():
		return Note{}, ErrUnreadable
	case n.ImageID != id:
		return n, ErrForeign
	}
	return n, nil
}

func (n Note) plausible() bool {
	return n.ImageID != "" && plain(n.ImageID) && n.Dropped >= 0 && len(n.Steps) > 0 && len(n.Steps) <= MaxSteps &&
		!slices.ContainsFunc(n.Steps, func(s Step) bool { return !s.plausible() })
}

var (
	typeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	digest   = regexp.MustCompile(`^([0-9a-f]{64})?$`)
)

func (s Step) plausible() bool {
	if !typeName.MatchString(s.Type) || !digest.MatchString(s.Arguments) || !plain(s.Gap) || !plainMap(s.Tools) || !timed(s.At) {
		return false
	}
	for _, t := range []string{s.Was, s.Modified} {
		if t != "" && !timed(t) {
			return false
		}
	}
	return s.Source == nil || plain(s.Source.URI) && plainMap(s.Source.Digest)
}

func timed(text string) bool {
	t, err := time.Parse(time.RFC3339Nano, text)
	return err == nil && Time(t) == text
}

// plain tells whether a text is short, and can be shown as it is.
func plain(text string) bool {
	return len(text) <= maxText && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func plainMap(m map[string]string) bool {
	for k, v := range m {
		if !plain(k) || !plain(v) {
			return false
		}
	}
	return len(m) <= maxEntries
}

// Time is a time as it is noted.
func Time(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Text is the note as it is written. Steps that would not be read again are cut down
// to what would, and the oldest that have no room are dropped.
func (n Note) Text() (string, error) {
	n.Steps = slices.Clone(n.Steps)
	for i := range n.Steps {
		n.Steps[i].fit()
	}
	for {
		text, err := json.Marshal(n)
		if err != nil || len(n.Steps) <= 1 || len(text) <= MaxBytes && len(n.Steps) <= MaxSteps {
			return string(text), err
		}
		n.Steps = n.Steps[1:]
		n.Dropped++
	}
}

// fit leaves out what is too long, or can't be shown.
func (s *Step) fit() {
	if s.Source != nil && (!plain(s.Source.URI) || !plainMap(s.Source.Digest)) {
		s.Source = nil
		s.Gap = "what it comes from has a name that can't be noted"
	}
	if !plain(s.Gap) {
		s.Gap = "what came before it is not fully known"
	}
	if !plainMap(s.Tools) {
		s.Tools = nil
	}
}

// Begin adds that the content is about to change. TakeBack or Finish follow.
func (n Note) Begin(at Step) Note {
	if last := len(n.Steps) - 1; last >= 0 && n.Steps[last].begun() {
		return n // a rollback that was cut off goes on
	}
	at.Type, at.Undone, at.Done = Editing, true, at.Begun
	return n.with(at)
}

// begun tells whether neither TakeBack nor Finish has followed.
func (s Step) begun() bool { return s.Undone && s.Modified == "" }

// Editing is the type of a step that was begun, and was not finished.
const Editing = "edit"

// Finish puts the step in the place of its beginning, if that is noted.
func (n Note) Finish(s Step) Note {
	if last := len(n.Steps) - 1; last >= 0 && n.Steps[last].begun() {
		s.Begun, s.Was = n.Steps[last].Begun, n.Steps[last].Was
		n.Steps = n.Steps[:last]
	}
	return n.with(s)
}

// TakeBack notes that the content was put back to the snapshot of this id, which an
// edit took before it changed anything. ok is false where none is noted. highest and
// modified are of now.
func (n Note) TakeBack(undo, highest uint64, modified string) (_ Note, ok bool) {
	last := len(n.Steps) - 1
	if last < 0 || n.Steps[last].Done < undo {
		return n, false
	}
	s := n.Steps[last]
	at := Step{Type: Editing, At: s.At, SizeBytes: s.SizeBytes, Undone: true, Begun: s.Begun, Done: max(highest, undo), Was: s.Was, Modified: modified}
	n.Steps = slices.Clone(n.Steps[:last])
	if last > 0 && n.Steps[last-1].Modified == at.Was && highest <= at.Begun {
		n.Steps[last-1].Modified = modified // nothing is to be told of it
		return n, true
	}
	return n.with(at), true
}

// Add adds steps that were done.
func (n Note) Add(steps ...Step) Note { return n.with(steps...) }

func (n Note) with(steps ...Step) Note {
	n.Steps = append(slices.Clone(n.Steps), steps...)
	return n
}

// State is what is noted of the content of a snapshot.
type State struct {
	// Steps are what has made it, oldest first.
	Steps []Step
	// Gaps say, in clauses, why that is not all, or may not be.
	Gaps []string

	last  *Step // the last one before the snapshot, also one that was put back
	after *Step // the first one after it
}

// Content is a content of which a Note tells.
type Content struct {
	SnapshotID uint64
	SizeBytes  uint64
	// Modified is the image's time of modification as it is now.
	Modified time.Time
}

// Of tells what has made the content of a snapshot.
func (n Note) Of(c Content) State {
	st := n.Before(c.SnapshotID)
	switch {
	case st.last == nil:
	case st.after != nil:
		st.Gap(writtenBetween(*st.last, *st.after))
	case moved(st.last.Modified, Time(c.Modified)):
		st.Gap(fmt.Sprintf("somebody wrote to the image after the last step of %s, last at %s", st.last.At, c.Modified.UTC().Format(time.RFC3339)))
	}
	if size := len(st.Steps); size > 0 && st.Steps[size-1].SizeBytes != c.SizeBytes {
		st.Gap(fmt.Sprintf("the image had %d bytes after the last step, and the snapshot has %d", st.Steps[size-1].SizeBytes, c.SizeBytes))
	}
	return st
}

// Before tells what has made the content of the snapshot with this id, as far as only
// the note is asked.
func (n Note) Before(id uint64) State { return n.before(n.Steps, id) }

// before puts together what has made the content of the snapshot with this id.
func (n Note) before(steps []Step, id uint64) (st State) {
	var has []*Step
	beginning, at := -1, 0 // in has, and in steps: nothing of what was before it is left
	for i := range steps {
		s := &steps[i]
		switch {
		case s.Done < id:
			if s.resets() {
				beginning, at = len(has), i
			}
			has = append(has, s)
			continue
		case s.Begun < id:
			st.Gap("the snapshot was taken while a step changed the content")
		}
		if st.after == nil {
			st.after = s
		}
	}
	if beginning >= 0 && has[beginning].BackTo > 0 {
		then := n.before(steps[:at], steps[at].BackTo)
		if then.last != nil && then.after != nil {
			then.Gap(writtenBetween(*then.last, *then.after))
		} else if then.last != nil {
			then.Gap(writtenBetween(*then.last, steps[at]))
		}
		st.Steps = then.Steps
		for _, why := range then.Gaps {
			st.Gap(why)
		}
	}
	for i, s := range has[max(beginning, 0):] {
		if i > 0 {
			st.Gap(writtenBetween(*st.last, *s))
		}
		st.last = s
		if !s.Undone {
			st.Gap(s.Gap)
			st.Steps = append(st.Steps, *s)
		}
	}
	switch {
	case len(st.Steps) == 0:
		st.Gap("nothing is noted of what the image was when the snapshot was taken")
	case beginning >= 0:
	case n.Dropped > 0:
		st.Gap(fmt.Sprintf("the oldest %d steps were not kept", n.Dropped))
	default:
		st.Gap("what the image was before its first noted step is not known")
	}
	return st
}

// resets tells whether nothing of what was before the step is left.
func (s Step) resets() bool { return !s.Undone && (s.Fresh || s.BackTo > 0) }

// Gap adds a reason, unless it is there.
func (st *State) Gap(why string) {
	if why != "" && !slices.Contains(st.Gaps, why) {
		st.Gaps = append(st.Gaps, why)
	}
}

// writtenBetween says whether somebody wrote between two steps; empty where nothing
// tells of that.
func writtenBetween(a, b Step) string {
	if !moved(a.Modified, b.Was) {
		return ""
	}
	return fmt.Sprintf("somebody wrote to the image between the steps of %s and %s", a.At, b.At)
}

// lateness is how much later than it was noted Ceph may have written a time of
// modification: librbd does not wait for that.
const lateness = time.Second

// moved tells whether a time of modification is later than another.
func moved(noted, now string) bool {
	a, errA := time.Parse(time.RFC3339Nano, noted)
	b, errB := time.Parse(time.RFC3339Nano, now)
	return errA == nil && errB == nil && b.Sub(a) > lateness
}

// Carried are the steps of a state as the beginning of another image, or of its next
// content, for Add: step is the one that brings them there.
func (st State) Carried(step Step) []Step {
	out := make([]Step, 0, len(st.Steps)+1)
	for _, s := range st.Steps {
		s.Begun, s.Done, s.Was, s.Modified, s.BackTo, s.Fresh, s.Gap = step.Begun, step.Done, "", "", 0, false, ""
		out = append(out, s)
	}
	if len(st.Gaps) > 0 {
		step.Gap = "of its source: " + strings.TrimPrefix(strings.Join(st.Gaps, "; "), "of its source: ")
	}
	out = append(out, step)
	out[0].Fresh = true
	return out
}
