// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// glances are those of the lab's clouds, and of `lab/lab up --release sid`.
var glances = []struct{ version, title string }{
	{"25", "Glance 25 (2023.1) on Ceph 16"},
	{"30", "Glance 30 (2025.1) on Ceph 18"},
	{"33", "Glance 33 (2026.2) on Ceph 20"},
}

// The guide has what TestDeletes has found.
func TestDeletesGuide(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "..", "templates", "guides", "glance-deletes.md.tmpl")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), "*/}}\n")
	if !found {
		t.Fatalf("%s does not say where the tables begin", file)
	}
	var out strings.Builder
	out.WriteString(head + "*/}}\n")
	for _, g := range glances {
		found := readDeletes(t, g.version)
		fmt.Fprintf(&out, "\n## %s\n\n| state |", g.title)
		for _, p := range protections {
			fmt.Fprintf(&out, " %s |", p.title)
		}
		out.WriteString("\n|" + strings.Repeat("---|", len(protections)+1) + "\n")
		for _, row := range deletions {
			fmt.Fprintf(&out, "| %s |", row.what)
			for _, p := range protections {
				cell := found[row.what][p.name]
				if cell == "" {
					t.Errorf("nothing was found of %q with %s on %s", row.what, p.name, g.title)
				}
				fmt.Fprintf(&out, " %s |", cell)
			}
			out.WriteString("\n")
		}
	}
	if *updateDeletes {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if out.String() != string(text) {
		t.Errorf("%s is not what was found: run this with -update, and make generate", file)
	}
}
