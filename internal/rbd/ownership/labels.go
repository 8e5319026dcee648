// SPDX-License-Identifier: MPL-2.0

package ownership

import (
	"encoding/json"
	"slices"
	"strings"
)

// Labels are those in the metadata of the image with this id. What cloning has
// copied from another one does not count.
type Labels struct {
	ID       string
	Metadata map[string]string
}

// Get is the entry of this name, without the prefix; empty where it is not
// there. Whether it is of this image only who wrote it can tell.
func (l Labels) Get(name string) string { return l.Metadata[Prefix+name] }

// Beginning are the entries whose names begin so, without that and without the
// prefix.
func (l Labels) Beginning(with string) map[string]string {
	out := map[string]string{}
	for k, v := range l.Metadata {
		if name, ok := strings.CutPrefix(k, Prefix+with); ok {
			out[name] = v
		}
	}
	return out
}

// Unclaimed is the token of an unfinished or not yet claimed creation, and the
// run that made it; empty where there is none.
func (l Labels) Unclaimed() (token string, by Run) { return ParseUnclaimed(l.Metadata[ImageKey], l.ID) }

// ParseUnclaimed takes apart the label of an image with this id.
func ParseUnclaimed(label, id string) (token string, by Run) {
	text, ok := Word(label, id)
	if !ok || text == Owned {
		return "", Run{}
	}
	return SplitRun(text)
}

// Owned tells whether some state is known to have the image.
func (l Labels) Owned() bool { return l.Metadata[ImageKey] == Label(Owned, l.ID) }

// OwnsSnapshot tells whether the snapshot was made by this provider, for some
// state.
func (l Labels) OwnsSnapshot(name string) bool {
	return strings.HasSuffix(l.Metadata[SnapshotKey(name)], Label("", l.ID))
}

// SnapshotRun is the run that made a snapshot which no state is known to have.
func (l Labels) SnapshotRun(name string) (by Run, pending bool) {
	return ParseSnapshot(l.Metadata[SnapshotKey(name)], l.ID)
}

// ParseSnapshot takes apart the label of a snapshot of the image with this id.
func ParseSnapshot(label, id string) (by Run, pending bool) {
	text, ok := Word(label, id)
	word, by := SplitRun(text)
	return by, ok && word == Pending
}

// Undo is the word on the snapshot of this name, where an edit of the image put it
// there: Undo, Pending, or empty.
func (l Labels) Undo(snapshot string) string {
	word, ok := Word(l.Metadata[SnapshotKey(snapshot)], l.ID)
	if !ok || word != Undo && word != Pending {
		return ""
	}
	return word
}

// Editing tells whether an edit of the image was cut off, or is under way.
func (l Labels) Editing() bool { return l.Metadata[EditingKey] == Label(Pending, l.ID) }

// Removing tells whether the image was moved to the trash to be removed.
func (l Labels) Removing() bool { return l.Metadata[RemovingKey] == Label(Pending, l.ID) }

const (
	// stepsName names the last edits of an image, in their order: each by a word of
	// whoever made it.
	stepsName = "steps"
	// MaxSteps is how many are kept.
	MaxSteps = 16
)

// StepsKey is the key of the label that names the last edits.
const StepsKey = Prefix + stepsName

// AddStep is what the label of the image with this id says after one more edit,
// for Set.
func AddStep(label, id, word string) string {
	steps := append(Steps(label, id), word)
	return strings.Join(steps[max(0, len(steps)-MaxSteps):], " ")
}

// Steps takes apart the label of the image with this id.
func Steps(label, id string) []string {
	text, ok := Word(label, id)
	if !ok {
		return nil
	}
	return strings.Fields(text)
}

// StepsAfter are the words of those who have edited the image since the last edit
// with this word, each once; none where there was no such edit.
func (l Labels) StepsAfter(word string) []string {
	steps := Steps(l.Get(stepsName), l.ID)
	slices.Reverse(steps)
	at := slices.Index(steps, word)
	if at < 0 {
		return nil
	}
	after := steps[:at]
	slices.Sort(after)
	return slices.Compact(after)
}

// DetachKey is the key of what is noted on an image from before it gives up its
// name until it has it back.
const DetachKey = Prefix + detachName

const detachName = "aside"

// Detach is the note on an image that is detached, or about to be. The RBD image
// id is in it since clones get a copy of their parent's metadata.
type Detach struct {
	ImageID string `json:"rbd_image_id"`
	Name    string `json:"name"` // that it gets back
	For     string `json:"for"`
	Step    string `json:"step,omitempty"`
}

// Detach reads the note.
func (l Labels) Detach() (d Detach, ok bool) {
	text := l.Get(detachName)
	if text == "" || json.Unmarshal([]byte(text), &d) != nil {
		return Detach{}, false
	}
	return d, d.ImageID == l.ID
}

// Text is the note as it is written.
func (d Detach) Text() (string, error) {
	text, err := json.Marshal(d)
	return string(text), err
}

// PlaceholderToken is the token of the image that stands in for the one with this
// id.
func PlaceholderToken(id string) string { return "decoy:" + id }

// IsPlaceholder tells whether a token is one of those.
func IsPlaceholder(token string) bool { return strings.HasPrefix(token, PlaceholderToken("")) }
