// SPDX-License-Identifier: MPL-2.0

package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(minute int) string { return Time(start.Add(time.Duration(minute) * time.Minute)) }

// converted is an image at its minute 1, of one byte, to which nobody wrote.
func converted() Note {
	return Note{ImageID: "ab"}.Add(Step{Type: "conversion", At: at(1), SizeBytes: 1, Fresh: true, Modified: at(1)})
}

// edited adds an edit with the undo snapshot of this id, of an image last modified at
// one minute, to be last modified at another.
func edited(n Note, name string, undo uint64, was, modified int) Note {
	n = n.Begin(Step{At: at(was), SizeBytes: 1, Begun: undo, Was: at(was)})
	return n.Finish(Step{Type: name, At: at(modified), SizeBytes: 1, Done: undo, Modified: at(modified)})
}

func names(st State) string {
	var out []string
	for _, s := range st.Steps {
		out = append(out, s.Type)
	}
	return strings.Join(out, " ")
}

// content is that of a snapshot of one byte, of an image last modified at the minute.
func content(id uint64, minute int) Content {
	return Content{SnapshotID: id, SizeBytes: 1, Modified: start.Add(time.Duration(minute) * time.Minute)}
}

func TestOf(t *testing.T) {
	t.Parallel()
	two := edited(edited(converted(), "one", 10, 1, 2), "two", 20, 2, 3)
	back := two.Begin(Step{At: at(4), SizeBytes: 1, Begun: 30, Was: at(3)}).Finish(Step{Type: "back", At: at(4), SizeBytes: 1, BackTo: 15, Done: 30, Modified: at(4)})
	begun := converted().Begin(Step{At: at(1), SizeBytes: 1, Begun: 10, Was: at(1)})
	undone, _ := begun.TakeBack(10, 12, at(5))
	twice, _ := undone.Begin(Step{At: at(5), SizeBytes: 1, Begun: 20, Was: at(5)}).TakeBack(20, 20, at(6))
	finished, _ := edited(converted(), "one", 10, 1, 2).TakeBack(10, 10, at(5))
	copied := back.Add(two.Of(content(15, 3)).Carried(Step{Type: "copy", At: at(6), SizeBytes: 1, Begun: 39, Done: 39, Modified: at(6)})...)
	unknown := Note{ImageID: "ab"}.Add(State{Gaps: []string{"nobody knows"}}.Carried(Step{Type: "copy", At: at(1), SizeBytes: 1, Modified: at(1)})...)
	for name, tc := range map[string]struct {
		n       Note
		of      Content
		want    string
		because string // begins the only reason
	}{
		"before the edits":              {two, content(5, 3), "conversion", ""},
		"between the edits":             {two, content(15, 3), "conversion one", ""},
		"after the edits":               {two, content(25, 3), "conversion one two", ""},
		"late note of the time":         {two, Content{25, 1, start.Add(3*time.Minute + time.Second)}, "conversion one two", ""},
		"written since":                 {two, content(25, 9), "conversion one two", "somebody wrote to the image after the last step"},
		"written later than the next":   {two, content(15, 9), "conversion one", ""},
		"written between":               {edited(edited(converted(), "one", 10, 1, 2), "two", 20, 9, 10), content(25, 10), "conversion one two", "somebody wrote to the image between"},
		"written between, before":       {edited(edited(converted(), "one", 10, 1, 2), "two", 20, 9, 10), content(15, 10), "conversion one", "somebody wrote to the image between"},
		"another size":                  {two, Content{25, 2, start}, "conversion one two", "the image had 1 bytes"},
		"rolled back":                   {back, content(35, 4), "conversion one back", ""},
		"before it was rolled back":     {back, content(25, 4), "conversion one two", ""},
		"begun":                         {begun, content(5, 1), "conversion", ""},
		"taken back":                    {undone, content(15, 5), "conversion", ""},
		"taken back, and written since": {undone, content(15, 7), "conversion", "somebody wrote to the image after"},
		"while it was taken back":       {undone, content(11, 5), "conversion", "the snapshot was taken while"},
		"finished, and taken back":      {finished, content(15, 5), "conversion", ""},
		"taken back again, later":       {twice, content(25, 6), "conversion", ""},
		"between the two":               {twice, content(15, 6), "conversion", ""},
		"edited after that":             {edited(undone, "two", 20, 5, 6), content(25, 6), "conversion two", ""},
		"copied again":                  {copied, content(40, 6), "conversion one copy", ""},
		"copied before":                 {copied, content(25, 6), "conversion one two", ""},
		"without a beginning":           {edited(Note{ImageID: "ab"}, "one", 10, 1, 2), content(15, 2), "one", "what the image was before its first"},
		"before the first":              {edited(Note{ImageID: "ab"}, "one", 10, 1, 2), content(5, 2), "", "nothing is noted of what"},
		"of something unknown":          {unknown, content(5, 1), "copy", "of its source: nobody knows"},
		"older steps dropped":           {Note{ImageID: "ab", Dropped: 2, Steps: two.Steps[1:]}, content(25, 3), "one two", "the oldest 2 steps"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := tc.n.Text()
			if err != nil {
				t.Fatal(err)
			}
			n, err := Parse(text, "ab")
			if err != nil {
				t.Fatal(err, text)
			}
			st := n.Of(tc.of)
			if names(st) != tc.want {
				t.Errorf("steps %q, wanted %q", names(st), tc.want)
			}
			if why := strings.Join(st.Gaps, "; "); len(st.Gaps) > 1 || (why == "") != (tc.because == "") || !strings.HasPrefix(why, tc.because) {
				t.Errorf("reasons %q, wanted %q", st.Gaps, tc.because)
			}
		})
	}
}

// What is kept is bounded, also where edits fail again and again.
func TestBounds(t *testing.T) {
	t.Parallel()
	n := converted()
	for i := range 3 * MaxSteps {
		n = n.Begin(Step{At: at(i), SizeBytes: 1, Begun: uint64(10 + i), Was: at(1 + i)})
		n, _ = n.TakeBack(uint64(10+i), uint64(10+i), at(2+i))
	}
	if st := n.Of(content(1000, 1+3*MaxSteps)); len(n.Steps) != 1 || names(st) != "conversion" || len(st.Gaps) > 0 {
		t.Errorf("%d steps, %q, %q", len(n.Steps), names(st), st.Gaps)
	}
	for i := range 3 * MaxSteps {
		n = edited(n, fmt.Sprint("e", i), uint64(2000+i), 3000+i, 3001+i)
	}
	text, err := n.Text()
	if err != nil || len(text) > MaxBytes {
		t.Fatal(len(text), err)
	}
	if n, err = Parse(text, "ab"); err != nil || n.Dropped == 0 || n.Steps[len(n.Steps)-1].Type != fmt.Sprint("e", 3*MaxSteps-1) {
		t.Errorf("%+v, %v", n, err)
	}
	// What can't be read again would be lost.
	odd := converted().Add(Step{Type: "copy", At: at(2), Fresh: true, Source: &Source{URI: strings.Repeat("x", maxText+1)}, Gap: "a\nb", Tools: map[string]string{"a": "\x00"}})
	if text, err = odd.Text(); err != nil {
		t.Fatal(err)
	}
	if n, err = Parse(text, "ab"); err != nil || len(n.Of(content(5, 2)).Gaps) == 0 {
		t.Errorf("%+v, %v", n, err)
	}
}

// Nobody vouches for the metadata of an image.
func TestParseStrangers(t *testing.T) {
	t.Parallel()
	good, err := converted().Text()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no JSON":      "owned:ab",
		"an array":     "[]",
		"no steps":     `{"rbd_image_id":"ab","steps":[]}`,
		"an odd type":  strings.Replace(good, `"conversion"`, `"con version"`, 1),
		"no time":      strings.Replace(good, at(1), "yesterday", 1),
		"control":      strings.Replace(good, `"at"`, `"gap":"\u001b[2J","at"`, 1),
		"no hash":      strings.Replace(good, `"at"`, `"arguments":"secret","at"`, 1),
		"too long":     good + strings.Repeat(" ", MaxBytes),
		"many steps":   `{"rbd_image_id":"ab","steps":[` + strings.Repeat(`{"type":"a","at":"2026-01-01T00:00:00Z","size":1},`, MaxSteps) + `{"type":"a","at":"2026-01-01T00:00:00Z","size":1}]}`,
		"negative":     strings.Replace(good, `"steps"`, `"dropped":-1,"steps"`, 1),
		"a long text":  strings.Replace(good, `"at"`, `"gap":"`+strings.Repeat("x", maxText+1)+`","at"`, 1),
		"too many":     strings.Replace(good, `"at"`, `"tools":{`+manyTools()+`},"at"`, 1),
		"a huge count": strings.Replace(good, `"size":1`, `"size":1e999`, 1),
	} {
		if n, err := Parse(text, "ab"); err != ErrUnreadable { //nolint:errorlint // as it is
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	if _, err := Parse(good, "cd"); err != ErrForeign { //nolint:errorlint // as it is
		t.Error(err)
	}
	if _, err := Parse("", "cd"); err != ErrNone { //nolint:errorlint // as it is
		t.Error(err)
	}
	// Rollbacks to before rollbacks, whoever wrote them, take no time.
	n := converted()
	for i := range MaxSteps - 1 {
		n = n.Add(Step{Type: "back", At: at(1), SizeBytes: 1, BackTo: uint64(1000 - i), Done: uint64(i)})
	}
	n.Of(content(1<<62, 1))
}

func manyTools() string {
	var all []string
	for i := range maxEntries + 1 {
		all = append(all, fmt.Sprintf(`"t%d":"1"`, i))
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}
