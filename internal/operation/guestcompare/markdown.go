// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"fmt"
	"strings"
)

// Bounds of the text, in bytes and in lines of a section: a comment of a pull request
// holds 65536 characters.
const (
	maxMarkdown     = 48 << 10
	maxSectionLines = 100
	maxMarkdownText = 200
)

// Markdown is what differs, for a pull request. Each text of a guest stands in it as
// code, so that it is nothing else.
func (r Result) Markdown(before, after string) string {
	w := markdown{}
	w.printf("### %s → %s\n", code(before), code(after))
	if r.Problem != "" {
		w.printf("\nNot compared: %s\n", code(r.Problem))
		return w.b.String()
	}
	if r.Identical() {
		w.printf("\nNothing differs.\n")
		return w.b.String()
	}
	for i, name := range []string{"Packages", "Users", "Groups", "Units", "Kernels", "Boot parameters"} {
		l := *r.lists()[i]
		section(&w, name, l, func(i Item) string {
			line := string(i.Change) + " " + code(i.Name)
			switch {
			case i.Change != Added && i.Change != Removed:
				line += ": " + orNothing(i.Before) + " → " + orNothing(i.After)
			case i.Before+i.After != "":
				line += ": " + code(i.Before+i.After)
			}
			return line
		})
	}
	section(&w, "Files", r.Files, fileLine)
	section(&w, "Not compared", r.Unread, func(u Unread) string { return code(u.Path) + ": " + code(u.Reason) })
	return w.b.String()
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return code(s)
}

func fileLine(f File) string {
	line := string(f.Change) + " " + code(f.Path)
	a, b := f.Before, f.After
	if a == nil || b == nil {
		s := a
		if s == nil {
			s = b
		}
		line += fmt.Sprintf(": %s, mode %04o, owner %d:%d", s.Type, s.Mode, s.UID, s.GID)
		if s.Target != "" {
			line += ", target " + code(s.Target)
		}
		return line
	}
	for i, what := range f.Differs {
		line += []string{": ", ", "}[min(i, 1)] + what
		switch what {
		case "mode":
			line += fmt.Sprintf(" %04o → %04o", a.Mode, b.Mode)
		case "owner":
			line += fmt.Sprintf(" %d:%d → %d:%d", a.UID, a.GID, b.UID, b.GID)
		case "type":
			line += fmt.Sprintf(" %s → %s", a.Type, b.Type)
		case "target":
			line += " " + code(a.Target) + " → " + code(b.Target)
		}
	}
	return line
}

type markdown struct{ b strings.Builder }

func (w *markdown) printf(format string, args ...any) { fmt.Fprintf(&w.b, format, args...) }

// section writes what has room of a list.
func section[T any](w *markdown, name string, l List[T], line func(T) string) {
	if l.Total == 0 {
		return
	}
	w.printf("\n#### %s: %s\n\n", name, counted(l.Counts))
	said := 0
	for _, item := range l.Items[:min(len(l.Items), maxSectionLines)] {
		text := line(item)
		if w.b.Len()+len(text) > maxMarkdown {
			break
		}
		w.printf("- %s\n", text)
		said++
	}
	if more := l.Total - said; more > 0 {
		w.printf("- … and %d more\n", more)
	}
}

func counted(counts map[Change]int) string {
	var all []string
	for _, c := range []Change{Added, Removed, Upgraded, Downgraded, Changed} {
		if n := counts[c]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, c))
		}
	}
	if n := counts[""]; n > 0 {
		all = append(all, fmt.Sprint(n))
	}
	return strings.Join(all, ", ")
}

// code is text between as many backticks as it needs.
func code(s string) string {
	if len(s) > maxMarkdownText {
		s = strings.ToValidUTF8(s[:maxMarkdownText], "") + "…"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if s == "" || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return fence + s + fence
}
