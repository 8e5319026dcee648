// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"bufio"
	"bytes"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

// Bounds of a database of packages, in bytes, and of what it may hold.
const (
	maxDatabase = 256 << 20
	maxPackages = 100_000
)

// installed are the versions of packages, by name and architecture: of some, as
// kernels of rpm, several are installed.
type installed struct {
	versions map[string][]string
	compare  func(a, b string) int
}

// packages compares what is installed.
func (c *comparison) packages() error {
	var both [2]installed
	for i := range both {
		var err error
		if both[i], err = c.installed(i); err != nil {
			return err
		}
	}
	a, b := both[0], both[1]
	for _, name := range keysOf(a.versions, b.versions) {
		was, is := a.versions[name], b.versions[name]
		if len(was) == 1 && len(is) == 1 && was[0] != is[0] {
			change := Upgraded
			if b.compare(was[0], is[0]) > 0 {
				change = Downgraded
			}
			addItem(&c.out.Packages, Item{name, change, was[0], is[0]})
			continue
		}
		for _, v := range was {
			if !slices.Contains(is, v) {
				addItem(&c.out.Packages, Item{name, Removed, v, ""})
			}
		}
		for _, v := range is {
			if !slices.Contains(was, v) {
				addItem(&c.out.Packages, Item{name, Added, "", v})
			}
		}
	}
	return nil
}

const dpkgStatus = "/var/lib/dpkg/status"

// installed reads the database of the packages.
func (c *comparison) installed(i int) (installed, error) {
	b, ok, err := c.read(i, dpkgStatus, maxDatabase)
	if err != nil || ok {
		return installed{parseDpkg(b), compareDebian}, err
	}
	return c.rpms(i)
}

// parseDpkg gives the packages that a dpkg status file calls installed, as
// NAME:ARCHITECTURE.
func parseDpkg(b []byte) map[string][]string {
	out := map[string][]string{}
	var name, version, arch, status string
	end := func() {
		if f := strings.Fields(status); name != "" && len(f) == 3 && f[2] == "installed" && len(out) < maxPackages {
			if arch != "" {
				name += ":" + arch
			}
			out[name] = []string{version}
		}
		name, version, arch, status = "", "", "", ""
	}
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := s.Bytes()
		if len(line) == 0 {
			end()
			continue
		}
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || line[0] == ' ' || line[0] == '\t' || len(value) > maxText {
			continue
		}
		v := strings.TrimSpace(string(value))
		switch strings.ToLower(string(key)) {
		case "package":
			name = v
		case "version":
			version = v
		case "architecture":
			arch = v
		case "status":
			status = v
		}
	}
	end()
	return out
}

// isFile says whether a guest has a regular file at a path, no link followed.
func (c *comparison) isFile(i int, p string) bool {
	files := c.sides[i].files
	n, ok := slices.BinarySearchFunc(files, p, func(f guestread.File, p string) int { return strings.Compare(f.Path, p) })
	return ok && files[n].Type == guest.Regular && files[n].Size > 0
}
