// SPDX-License-Identifier: MPL-2.0

package lineage

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Nodes are called n0, n1 and so on: nothing of a name is ever outside of a
// quoted label.

// mermaid draws the images as Mermaid's flowchart.
func mermaid(nodes []rbd.LineageNode) string {
	var b strings.Builder
	b.WriteString("graph TD\n")
	for i, n := range nodes {
		words := label(n)
		for i, w := range words {
			words[i] = escapeMermaid(w)
		}
		fmt.Fprintf(&b, "  n%d[\"%s\"]\n", i, strings.Join(words, "<br/>"))
	}
	for _, e := range edges(nodes) {
		arrow := "-->"
		if e.dashed {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  n%d %s|\"%s\"| n%d\n", e.from, arrow, escapeMermaid(e.label), e.to)
	}
	for i, n := range nodes {
		if n.Trashed {
			fmt.Fprintf(&b, "  style n%d stroke-dasharray:5 5\n", i)
		}
		if n.Relation == rbd.RelationSelf {
			fmt.Fprintf(&b, "  style n%d stroke-width:3px\n", i)
		}
	}
	return b.String()
}

// dot draws the images in the language of Graphviz.
func dot(nodes []rbd.LineageNode) string {
	var b strings.Builder
	b.WriteString("digraph lineage {\n  node [shape=box]\n")
	for i, n := range nodes {
		words := label(n)
		for i, w := range words {
			words[i] = escapeDOT(w)
		}
		style := ""
		if n.Trashed {
			style = ", style=dashed"
		}
		if n.Relation == rbd.RelationSelf {
			style += ", penwidth=3"
		}
		fmt.Fprintf(&b, "  n%d [label=\"%s\"%s]\n", i, strings.Join(words, `\n`), style)
	}
	for _, e := range edges(nodes) {
		style := ""
		if e.dashed {
			style = ", style=dashed"
		}
		fmt.Fprintf(&b, "  n%d -> n%d [label=\"%s\"%s]\n", e.from, e.to, escapeDOT(e.label), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// label is what a node says, line by line.
func label(n rbd.LineageNode) []string {
	out := []string{
		n.Spec.String(),
		sizetype.Format(n.SizeBytes) + ", " + sizetype.Format(n.UsedBytes) + " used",
	}
	var state []string
	if n.Trashed {
		state = append(state, "in the trash")
	}
	if n.Flattened {
		state = append(state, "flattened")
	}
	state = appendCount(state, len(n.Watchers), "watcher")
	state = appendCount(state, len(n.Lockers), "lock")
	state = appendCount(state, len(n.Snapshots), "snapshot")
	if len(state) > 0 {
		out = append(out, strings.Join(state, ", "))
	}
	return out
}

func appendCount(words []string, n int, name string) []string {
	switch n {
	case 0:
		return words
	case 1:
		return append(words, "1 "+name)
	}
	return append(words, fmt.Sprintf("%d %ss", n, name))
}

// edge leads from an image to its clone, and bears the name of the snapshot.
type edge struct {
	from, to int
	label    string
	dashed   bool // only snapshots of the clone depend on it
}

func edges(nodes []rbd.LineageNode) []edge {
	var out []edge
	for to, n := range nodes {
		if n.DependsOn == nil {
			continue
		}
		// The parent is the last one before that is a step less deep.
		from := to
		for from > 0 && nodes[from].Depth != n.Depth-1 {
			from--
		}
		out = append(out, edge{from: from, to: to, label: snapshotLabel(nodes[from], *n.DependsOn), dashed: n.Flattened})
	}
	return out
}

func snapshotLabel(parent rbd.LineageNode, p rbd.Parent) string {
	for _, s := range parent.Snapshots {
		if s.ID != p.SnapshotID {
			continue
		}
		switch {
		case s.Kind != rbd.UserSnapshot:
			return cmp.Or(s.Name, p.Spec.Snapshot) + " (in the " + string(s.Kind) + " namespace)"
		case s.Protected:
			return s.Name + " (protected)"
		}
		return s.Name
	}
	return p.Spec.Snapshot
}

// escapeMermaid writes all but letters, digits and a few harmless signs as
// entity codes. A colon is not harmless: Mermaid takes the last semicolon off
// a line that looks like a style, and with it the end of an entity. Nor are the
// signs of Markdown, which labels may be.
func escapeMermaid(s string) string {
	return escape(s, func(r rune) string {
		if strings.ContainsRune(" /@.,()-", r) {
			return string(r)
		}
		return fmt.Sprintf("#%d;", r)
	})
}

// escapeDOT keeps a label a label: the quote ends it, the backslash begins an
// escape such as \N, and the ampersand an entity.
func escapeDOT(s string) string {
	return escape(s, func(r rune) string {
		switch {
		case r == '"' || r == '\\':
			return `\` + string(r)
		case r == '&':
			return "&amp;"
		case r >= ' ' && r <= '~':
			return string(r)
		}
		return fmt.Sprintf("&#%d;", r)
	})
}

// escape leaves letters and digits of all scripts alone. What is left may be
// invisible, or change the direction of what follows it.
func escape(s string, other func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(other(r))
		}
	}
	return b.String()
}
