// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// content is any file: ends of both kinds, none at the end, NUL, what is no
// UTF-8, and nothing at all.
func content(t *rapid.T) string {
	line := rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "b", "ab", "# c", "key = 1", "\x00", "\xff\xfe", "a\r", "ä"}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(bytes.ReplaceAll(b, []byte("\n"), nil)) }),
	)
	var out strings.Builder
	for _, l := range rapid.SliceOfN(line, 0, 8).Draw(t, "lines") {
		out.WriteString(l + rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end"))
	}
	if rapid.Bool().Draw(t, "open") {
		out.WriteString(line.Draw(t, "last"))
	}
	return out.String()
}

func lineEdit(t *rapid.T) Edit {
	var e Edit
	pattern := rapid.SampledFrom([]string{"^a", "b$", "^#", "^$", "key", "\\x00", "c"})
	line := rapid.SampledFrom([]string{"", "a", "z", "key = 2", "# c", "b"})
	for range rapid.IntRange(0, 2).Draw(t, "replacements") {
		e.Replace = append(e.Replace, Replacement{regexp.MustCompile(pattern.Draw(t, "pattern")), line.Draw(t, "line")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "removals") {
		e.Remove = append(e.Remove, regexp.MustCompile(pattern.Draw(t, "removed")))
	}
	e.Append = rapid.SliceOfN(line, 0, 2).Draw(t, "appended")
	return e
}

// touches tells whether an edit asks for anything of this line.
func (e Edit) touches(text string) bool {
	return slices.ContainsFunc(e.Replace, func(r Replacement) bool { return r.Pattern.MatchString(text) }) ||
		slices.ContainsFunc(e.Remove, func(re *regexp.Regexp) bool { return re.MatchString(text) })
}

// Lines that no pattern matches stay as they are, to the byte, and in their
// order; an edit that is done settles; what asks for nothing changes nothing.
func TestEditOfLinesProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, e := content(t), lineEdit(t)
		got := e.compare(regular(in))
		if got.Err != nil {
			return // refused: it would never settle
		}
		out := []byte(in)
		if got.Write {
			out = got.Content
		}
		if again := e.compare(regular(string(out))); again.Write || len(again.Unmet) > 0 {
			t.Fatalf("%q became %q, and asks for %q again", in, out, again.Unmet)
		}
		if got.Write == (len(got.Unmet) == 0) {
			t.Fatalf("%q: write %t, unmet %q", in, got.Write, got.Unmet)
		}
		rest := string(out)
		for l := range strings.Lines(in) {
			text, _ := cutEnd(l)
			if e.touches(text) {
				continue
			}
			i := strings.Index(rest, l)
			if i < 0 {
				t.Fatalf("%q became %q: line %q is gone", in, out, l)
			}
			rest = rest[i+len(l):]
		}
		// An empty line that ends nowhere is no bytes: `printf b | sed 's/b$//'`.
		blanks := slices.ContainsFunc(e.Replace, func(r Replacement) bool { return r.Line == "" })
		if len(in) > 0 && len(out) == 0 && len(e.Remove) == 0 && !blanks {
			t.Fatalf("%q was emptied by %+v", in, e)
		}
	})
}
