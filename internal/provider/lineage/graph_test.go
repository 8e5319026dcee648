// SPDX-License-Identifier: MPL-2.0

package lineage

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func node(depth int, spec rbd.Spec, p *rbd.Parent) rbd.LineageNode {
	return rbd.LineageNode{
		Details:   rbd.Details{Image: rbd.Image{Spec: spec, ID: spec.Image, SizeBytes: 8 << 30}},
		Depth:     depth,
		Relation:  rbd.RelationDescendant,
		DependsOn: p,
	}
}

func TestGraph(t *testing.T) {
	t.Parallel()
	base := rbd.Spec{Pool: "images", Image: "debian-12"}
	root := node(0, base, nil)
	root.Relation, root.UsedBytes = rbd.RelationAncestor, 1<<30+4<<20
	root.Snapshots = []rbd.Snapshot{
		{ID: 4, Name: "golden", Kind: rbd.UserSnapshot, Protected: true},
		{ID: 5, Name: "old", Kind: rbd.TrashSnapshot},
		{ID: 6, Name: "plain", Kind: rbd.UserSnapshot},
	}
	web := node(1, rbd.Spec{Pool: "vms", Namespace: "prod", Image: "web"}, &rbd.Parent{Spec: base.WithSnapshot("golden"), SnapshotID: 4})
	web.Relation = rbd.RelationSelf
	web.Watchers = make([]rbd.Watcher, 2)
	web.Lockers = make([]rbd.Locker, 1)
	web.Snapshots = []rbd.Snapshot{{ID: 9, Name: "s", Kind: rbd.UserSnapshot}}
	below := node(2, rbd.Spec{Pool: "vms", Image: "db"}, &rbd.Parent{Spec: web.Spec.WithSnapshot("s"), SnapshotID: 9})
	below.Trashed = true
	late := node(1, rbd.Spec{Pool: "vms", Image: "web-2"}, &rbd.Parent{Spec: base.WithSnapshot("0b7e"), SnapshotID: 5})
	late.Flattened = true
	plain := node(1, rbd.Spec{Pool: "vms", Image: "web-3"}, &rbd.Parent{Spec: base.WithSnapshot("plain"), SnapshotID: 6})
	nodes := []rbd.LineageNode{root, web, below, late, plain}

	wantMermaid := `graph TD
  n0["images/debian-12<br/>8GiB, 1028MiB used<br/>3 snapshots"]
  n1["vms/prod/web<br/>8GiB, 0B used<br/>2 watchers, 1 lock, 1 snapshot"]
  n2["vms/db<br/>8GiB, 0B used<br/>in the trash"]
  n3["vms/web-2<br/>8GiB, 0B used<br/>flattened"]
  n4["vms/web-3<br/>8GiB, 0B used"]
  n0 -->|"golden (protected)"| n1
  n1 -->|"s"| n2
  n0 -.->|"old (in the trash namespace)"| n3
  n0 -->|"plain"| n4
  style n1 stroke-width:3px
  style n2 stroke-dasharray:5 5
`
	if got := mermaid(nodes); got != wantMermaid {
		t.Errorf("Mermaid:\n%swant:\n%s", got, wantMermaid)
	}
	wantDOT := `digraph lineage {
  node [shape=box]
  n0 [label="images/debian-12\n8GiB, 1028MiB used\n3 snapshots"]
  n1 [label="vms/prod/web\n8GiB, 0B used\n2 watchers, 1 lock, 1 snapshot", penwidth=3]
  n2 [label="vms/db\n8GiB, 0B used\nin the trash", style=dashed]
  n3 [label="vms/web-2\n8GiB, 0B used\nflattened"]
  n4 [label="vms/web-3\n8GiB, 0B used"]
  n0 -> n1 [label="golden (protected)"]
  n1 -> n2 [label="s"]
  n0 -> n3 [label="old (in the trash namespace)", style=dashed]
  n0 -> n4 [label="plain"]
}
`
	if got := dot(nodes); got != wantDOT {
		t.Errorf("DOT:\n%swant:\n%s", got, wantDOT)
	}
}

// hostile names try to end their label, or to mean something inside of it.
var hostile = []string{
	`a"];x-->y`, `a\`, `\N\n\"`, `#quot;`, `#35;#`, `&lt;&#34;`, `<b>x</b><script>`, "`md`", `**a** _b_ ~~c~~`, `1. a`,
	`[](){}|<>`, `%%{init: {}}%%`, `style x:#fff;`, `classDef a fill:#fff;`, `click n0 "javascript:x"`, `end`, `subgraph`,
	`größe-日本`, "right\u202eleft", "zero\u200bwidth", "e\u0301", "😀", `'single'`, `$(x)`, "tab\tnew\nline",
}

// unescapeMermaid does as Mermaid does before it draws a label: it keeps the
// entity codes safe line by line, and gives them to the browser.
func unescapeMermaid(line string) string {
	line = regexp.MustCompile(`style.*:\S*#.*;`).ReplaceAllStringFunc(line, func(s string) string { return s[:len(s)-1] })
	return html.UnescapeString(regexp.MustCompile(`#(\d+);`).ReplaceAllString(line, "&#$1;"))
}

// unescapeDOT does as Graphviz does: first the string, then its escapes and entities.
func unescapeDOT(s string) string {
	s = strings.ReplaceAll(s, `\"`, `"`)
	return html.UnescapeString(strings.ReplaceAll(s, `\\`, `\`))
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	mermaidNode := regexp.MustCompile(`^  n0\["([\p{L}\p{Nd} /@.,()#;-]*)<br/>8GiB, 0B used"\]$`)
	mermaidEdge := regexp.MustCompile(`^  n0 -->\|"([\p{L}\p{Nd} /@.,()#;-]*)"\| n1$`)
	dotNode := regexp.MustCompile(`^  n0 \[label="((?:[^"\\\n]|\\["\\])*)\\n8GiB, 0B used"\]$`)
	dotEdge := regexp.MustCompile(`^  n0 -> n1 \[label="((?:[^"\\\n]|\\["\\])*)"\]$`)
	for _, name := range hostile {
		spec := rbd.Spec{Pool: "p", Image: name}
		nodes := []rbd.LineageNode{node(0, spec, nil), node(1, rbd.Spec{Pool: "p", Image: "b"}, &rbd.Parent{Spec: spec.WithSnapshot(name), SnapshotID: 1})}
		for what, tc := range map[string]struct {
			text     string
			line     int
			re       *regexp.Regexp
			unescape func(string) string
			want     string
		}{
			"Mermaid node": {mermaid(nodes), 1, mermaidNode, unescapeMermaid, spec.String()},
			"Mermaid edge": {mermaid(nodes), 3, mermaidEdge, unescapeMermaid, name},
			"DOT node":     {dot(nodes), 2, dotNode, unescapeDOT, spec.String()},
			"DOT edge":     {dot(nodes), 4, dotEdge, unescapeDOT, name},
		} {
			line := strings.Split(tc.text, "\n")[tc.line]
			match := tc.re.FindStringSubmatch(line)
			if match == nil {
				t.Errorf("%s of %q: %s", what, name, line)
				continue
			}
			if got := tc.unescape(match[1]); got != tc.want {
				t.Errorf("%s of %q shows %q: %s", what, name, got, line)
			}
		}
	}
}
