// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// MaxFile is the largest file that is edited, in bytes: configuration, not data.
const MaxFile = 4 << 20

var (
	// ErrMissing says that a file which is to be edited is not in the guest.
	ErrMissing = errors.New("there is no such file in the guest")
	// ErrType says that it is no regular file.
	ErrType = errors.New("not a regular file")
	// ErrOther says that a file of another type is in the way.
	ErrOther = errors.New("something else is there")
	// ErrSamePath says that two paths are one in a Windows guest.
	ErrSamePath = errors.New("to Windows these are the same file")
	// ErrUnsettled says that an edit, once done, would have to be done again.
	ErrUnsettled = errors.New("the edit does not settle: when it is done, it asks to be done again")
)

// Edit is what a file must be. Either Content or Secret is set, or CopyFrom,
// Absent, Directory, Link, or any of the line edits; mode and owner go with all
// but Absent and Link.
type Edit struct {
	Path      string
	Content   *string
	Secret    *Secret
	CopyFrom  string // the path of the file in the guest whose content it must have
	Absent    bool
	Directory bool
	Link      *string // what the symbolic link holds
	Replace   []Replacement
	Remove    []*regexp.Regexp
	Append    []string
	Mode      *uint32
	UID       *uint32
	GID       *uint32
}

// Replacement is a whole line for every line in which pattern matches.
type Replacement struct {
	Pattern *regexp.Regexp
	Line    string
}

// file is a file of the guest as it is.
type file struct {
	guest.FileInfo
	Content []byte
}

// outcome is what an edit asks of a file: nothing while Unmet is empty.
type outcome struct {
	Edit
	// Err is why the edit can't be done.
	Err error
	// Unmet says what does not hold, without showing the content, which may be
	// secret.
	Unmet []string
	// Write is set where Content must be written, and Make where the directory or
	// link must be made, else it is mode and owner alone.
	Write   bool
	Make    bool
	Content []byte
	Current *file
}

// compare tells what must be done to the file that is there; nil where there is
// none.
func (e Edit) compare(cur *file) outcome {
	out := outcome{Edit: e, Current: cur}
	switch {
	case e.Absent:
		if cur != nil {
			out.Unmet = append(out.Unmet, "exists, must be absent")
		}
		return out
	case e.Directory:
		return e.compareDirectory(cur, out)
	case e.Link != nil:
		return e.compareLink(cur, out)
	case cur == nil && !e.isWhole():
		return out.impossible(ErrMissing)
	case cur == nil:
		out.Unmet = []string{"does not exist"}
		if e.Secret != nil {
			e.Content = e.Secret.Content
		}
		out.write(e.Content)
		return out
	case cur.Type != guest.Regular && (e.isWhole() || e.editsLines() || cur.Type != guest.Directory):
		return out.impossible(fmt.Errorf("%w but a %s", ErrType, cur.Type))
	}
	if err := e.compareContent(cur, &out); err != nil {
		return out.impossible(err)
	}
	out.compareAttributes()
	return out
}

// compareAttributes compares mode and owner with those that are wanted.
func (o *outcome) compareAttributes() {
	for _, a := range []struct {
		name, format string
		want         *uint32
		is           uint32
	}{{"mode", "%04o", o.Mode, o.Current.Mode}, {"uid", "%d", o.UID, o.Current.UID}, {"gid", "%d", o.GID, o.Current.GID}} {
		if a.want != nil && *a.want != a.is {
			o.Unmet = append(o.Unmet, fmt.Sprintf("%s is "+a.format+", must be "+a.format, a.name, a.is, *a.want))
		}
	}
}

func (e Edit) compareDirectory(cur *file, out outcome) outcome {
	switch {
	case cur == nil:
		out.Unmet, out.Make = []string{"does not exist, must be a directory"}, true
	case cur.Type != guest.Directory:
		return out.impossible(fmt.Errorf("%w: a %s", ErrOther, cur.Type))
	default:
		out.compareAttributes()
	}
	return out
}

// compareLink: a regular file gives way to a link, as one gives way to other
// content.
func (e Edit) compareLink(cur *file, out outcome) outcome {
	switch {
	case cur == nil:
		out.Unmet = []string{fmt.Sprintf("does not exist, must be a symbolic link to %q", *e.Link)}
	case cur.Type == guest.Symlink && cur.LinkTarget == *e.Link:
		return out
	case cur.Type == guest.Symlink:
		out.Unmet = []string{fmt.Sprintf("leads to %q, must lead to %q", cur.LinkTarget, *e.Link)}
	case cur.Type == guest.Regular:
		out.Unmet = []string{fmt.Sprintf("is a regular file, must be a symbolic link to %q", *e.Link)}
	default:
		return out.impossible(fmt.Errorf("%w: a %s", ErrOther, cur.Type))
	}
	out.Make = true
	return out
}

func (o outcome) impossible(err error) outcome {
	o.Unmet = append(o.Unmet, err.Error())
	o.Err = fmt.Errorf("%s: %w", o.Path, err)
	return o
}

// write has the content written, where it is known.
func (o *outcome) write(content *string) {
	if content != nil {
		o.Write, o.Content = true, []byte(*content)
	}
}

// isWhole tells whether the edit says what all of the content is.
func (e Edit) isWhole() bool { return e.Content != nil || e.Secret != nil }

func (e Edit) editsLines() bool { return len(e.Replace)+len(e.Remove)+len(e.Append) > 0 }

func (e Edit) compareContent(cur *file, out *outcome) error {
	if e.Secret != nil {
		if why := e.Secret.unlike(e.Path, cur.Content); why != "" {
			out.Unmet = append(out.Unmet, why)
			out.write(e.Secret.Content)
		}
		return nil
	}
	if e.Content != nil {
		if !bytes.Equal(cur.Content, []byte(*e.Content)) {
			out.Write, out.Content = true, []byte(*e.Content)
			out.Unmet = append(out.Unmet, fmt.Sprintf("content differs (%d bytes, must be %d)", len(cur.Content), len(*e.Content)))
		}
		return nil
	}
	content, unmet := e.editLines(cur.Content)
	if len(unmet) == 0 {
		return nil
	}
	if _, again := e.editLines(content); len(again) > 0 {
		return ErrUnsettled
	}
	out.Write, out.Content = true, content
	out.Unmet = append(out.Unmet, unmet...)
	return nil
}

// editLines replaces, removes and appends, in this order. A file whose last
// line has no end gets one only where a line is appended.
func (e Edit) editLines(in []byte) (out []byte, unmet []string) {
	lines := slices.Collect(strings.Lines(string(in)))
	for _, r := range e.Replace {
		var hits []int
		for i, l := range lines {
			text, end := cutEnd(l)
			if text != r.Line && r.Pattern.MatchString(text) {
				lines[i] = r.Line + end
				hits = append(hits, i+1)
			}
		}
		if len(hits) > 0 {
			unmet = append(unmet, fmt.Sprintf("line %s must be replaced (pattern %q)", numbers(hits), r.Pattern))
		}
	}
	for _, re := range e.Remove {
		var kept []string
		var hits []int
		for i, l := range lines {
			if text, _ := cutEnd(l); re.MatchString(text) {
				hits = append(hits, i+1)
				continue
			}
			kept = append(kept, l)
		}
		if len(hits) > 0 {
			unmet = append(unmet, fmt.Sprintf("line %s must be removed (pattern %q)", numbers(hits), re))
		}
		lines = kept
	}
	for _, want := range e.Append {
		if slices.ContainsFunc(lines, func(l string) bool { text, _ := cutEnd(l); return text == want }) {
			continue
		}
		end := lineEnd(lines)
		if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
			lines[n-1] += end
		}
		lines = append(lines, want+end)
		unmet = append(unmet, "a line is missing at the end")
	}
	return []byte(strings.Join(lines, "")), unmet
}

// lineEnd is how the last line that has an end does it: a file of Windows stays
// one.
func lineEnd(lines []string) string {
	for _, l := range slices.Backward(lines) {
		if strings.HasSuffix(l, "\r\n") {
			return "\r\n"
		}
		if strings.HasSuffix(l, "\n") {
			break
		}
	}
	return "\n"
}

// cutEnd takes the end off a line, of either kind.
func cutEnd(l string) (text, end string) {
	text = strings.TrimSuffix(l, "\n")
	text = strings.TrimSuffix(text, "\r")
	return text, l[len(text):]
}

func numbers(n []int) string {
	s := make([]string, len(n))
	for i, v := range n {
		s[i] = fmt.Sprint(v)
	}
	return strings.Join(s, ", ")
}
