// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"testing"

	"golang.org/x/tools/go/packages"
)

// What is released without librbd compiles for its systems: `make portable`, without
// the minutes that this takes.
func TestTypesOfEverySystem(t *testing.T) {
	for _, system := range [][2]string{{"linux", "arm64"}, {"darwin", "arm64"}, {"windows", "amd64"}} {
		t.Run(system[0], func(t *testing.T) {
			all, err := packages.Load(&packages.Config{
				Mode: packages.LoadAllSyntax, // of all packages, so that nothing is compiled for it
				Env:  append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system[0], "GOARCH="+system[1]),
			}, ".")
			if err != nil {
				t.Fatal(err)
			}
			packages.Visit(all, nil, func(p *packages.Package) {
				for _, err := range p.Errors {
					t.Error(err)
				}
			})
		})
	}
}
