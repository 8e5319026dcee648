// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// OS is an operating system as libguestfs's inspection describes it. What it
// could not find out is empty, or "unknown" in libguestfs's own words.
type OS struct {
	// Root is the device of the root file system, "/dev/sda1" or
	// "/dev/vg/lv"; it is what MountRoot takes.
	Root          string
	Type          string // "linux", "windows"
	Distro        string // "debian", "rhel"
	ProductName   string
	MajorVersion  int
	MinorVersion  int
	Arch          string
	Hostname      string
	PackageFormat string // "deb", "rpm"
	Mounts        []Mount
}

// Mount is a file system and where it is mounted.
type Mount struct {
	Path, Device string
}

// roots returns the roots of all operating systems. Similar To:
// `guestfish inspect-os`
func (s *Session) roots(ctx context.Context) ([]string, error) {
	out, err := s.run(ctx, "inspect-os")
	if err != nil {
		return nil, fmt.Errorf("inspect the guest: %w", err)
	}
	return strings.Fields(out), nil
}

// Inspect looks for operating systems, which takes seconds. Nothing may be
// mounted. Similar To: `virt-inspector`
func (s *Session) Inspect(ctx context.Context) ([]OS, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	roots, err := s.roots(ctx)
	if err != nil {
		return nil, err
	}
	var all []OS
	for _, root := range roots {
		o := OS{Root: root}
		for command, set := range map[string]func(string){
			"inspect-get-type":           func(v string) { o.Type = v },
			"inspect-get-distro":         func(v string) { o.Distro = v },
			"inspect-get-product-name":   func(v string) { o.ProductName = v },
			"inspect-get-major-version":  func(v string) { o.MajorVersion, _ = strconv.Atoi(v) },
			"inspect-get-minor-version":  func(v string) { o.MinorVersion, _ = strconv.Atoi(v) },
			"inspect-get-arch":           func(v string) { o.Arch = v },
			"inspect-get-hostname":       func(v string) { o.Hostname = v },
			"inspect-get-package-format": func(v string) { o.PackageFormat = v },
		} {
			out, err := s.run(ctx, command, root)
			if err != nil {
				return nil, fmt.Errorf("inspect the guest: %w", err)
			}
			set(strings.TrimSuffix(out, "\n"))
		}
		if o.Mounts, err = s.inspectedMounts(ctx, root); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// inspectedMounts is where the guest mounts its file systems, those that exist,
// shortest path first.
func (s *Session) inspectedMounts(ctx context.Context, root string) ([]Mount, error) {
	out, err := s.run(ctx, "inspect-get-mountpoints", root)
	if err != nil {
		return nil, fmt.Errorf("inspect the guest: %w", err)
	}
	var mounts []Mount
	for l := range strings.Lines(out) {
		if path, device, ok := strings.Cut(strings.TrimSuffix(l, "\n"), ": "); ok {
			mounts = append(mounts, Mount{path, device})
		}
	}
	return sortMounts(mounts), nil
}
