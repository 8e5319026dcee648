// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// FileSystem is a file system, or what else a device holds.
type FileSystem struct {
	Device string
	// Type is libguestfs's: "ext4", "xfs", "swap", "crypto_LUKS", "unknown".
	Type        string
	Label, UUID string
	// SizeBytes is the device's.
	SizeBytes int64
	// FreeBytes is what an ordinary user of the guest could still write; -1
	// where the file system can't be mounted.
	FreeBytes int64
}

// Each of these costs several commands in the appliance.
const (
	// maxFileSystems is more than a table of partitions has, several times.
	maxFileSystems = 1000
	// maxMounts bounds the lines of an fstab that mount something.
	maxMounts = 1000
	// maxPaths bounds what a pattern matches.
	maxPaths = 1000
)

// FileSystems lists what the partitions and volumes hold. Nothing may be
// mounted. Similar To: `virt-filesystems --long --filesystems`, `virt-df`
func (s *Session) FileSystems(ctx context.Context) ([]FileSystem, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.run(ctx, "list-filesystems")
	if err != nil {
		return nil, fmt.Errorf("list the guest's file systems: %w", err)
	}
	var all []FileSystem
	for l := range strings.Lines(out) {
		device, kind, ok := strings.Cut(strings.TrimSuffix(l, "\n"), ": ")
		if !ok {
			continue
		}
		if len(all) == maxFileSystems {
			return nil, fmt.Errorf("list the guest's file systems: %w: more than %d", ErrTooMany, maxFileSystems)
		}
		f := FileSystem{Device: device, Type: kind, FreeBytes: -1}
		for command, set := range map[string]func(string){
			"vfs-label":          func(v string) { f.Label = v },
			"vfs-uuid":           func(v string) { f.UUID = v },
			"blockdev-getsize64": func(v string) { f.SizeBytes, _ = strconv.ParseInt(v, 10, 64) },
		} {
			out, err := s.run(ctx, command, device)
			if err := unlessRefused(err); err != nil {
				return nil, err
			}
			set(strings.TrimSuffix(out, "\n"))
		}
		if kind != "swap" && kind != "unknown" {
			if f.FreeBytes, err = s.free(ctx, device); err != nil {
				return nil, err
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// free mounts a file system for the moment that it takes to ask.
func (s *Session) free(ctx context.Context, device string) (int64, error) {
	if _, err := s.run(ctx, "mount-ro", device, "/"); err != nil {
		return -1, unlessRefused(err)
	}
	out, err := s.run(ctx, "statvfs", "/")
	if err := unlessRefused(err); err != nil {
		return -1, err
	}
	values := map[string]int64{}
	for l := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		values[key], _ = strconv.ParseInt(value, 10, 64)
	}
	if _, err := s.run(ctx, "umount", "/"); err != nil {
		return -1, fmt.Errorf("unmount %s: %w", device, err)
	}
	if values["bsize"] == 0 {
		return -1, nil
	}
	return values["frsize"] * values["bavail"], nil
}

// unlessRefused drops the error of a command that the appliance refused: there
// is no answer then.
func unlessRefused(err error) error {
	var refused *Error
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// UnmountAll unmounts everything, for another MountRoot.
func (s *Session) UnmountAll(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds, s.missing, s.known = nil, nil, known{}
	_, err := s.run(ctx, "umount-all")
	return err
}

// Package is an installed package of the guest.
type Package struct {
	Name, Epoch, Version, Release, Arch string
}

// Packages lists what is installed in the operating system whose root file
// system is mounted. Similar To: `virt-inspector`
func (s *Session) Packages(ctx context.Context, root string) ([]Package, error) {
	out, err := s.Run(ctx, "inspect-list-applications2", root)
	if err != nil {
		return nil, fmt.Errorf("list the guest's packages: %w", err)
	}
	var all []Package
	for l := range strings.Lines(out) {
		if strings.HasPrefix(l, "[") {
			all = append(all, Package{})
		}
		if len(all) == 0 {
			continue
		}
		p := &all[len(all)-1]
		key, value, _ := strings.Cut(strings.TrimSuffix(l, "\n"), ": ")
		for name, field := range map[string]*string{
			"  app2_name": &p.Name, "  app2_version": &p.Version, "  app2_release": &p.Release, "  app2_arch": &p.Arch,
		} {
			if key == name && *field == "" {
				*field = value
			}
		}
		if key == "  app2_epoch" && value != "0" && p.Epoch == "" {
			p.Epoch = value
		}
	}
	return all, nil
}

// Glob lists the paths that a pattern of a shell matches, those only that can be
// read. Similar To: `guestfish glob-expand`
func (s *Session) Glob(ctx context.Context, pattern string) ([]string, error) {
	out, err := s.Run(ctx, "glob-expand", pattern)
	if err != nil {
		return nil, fmt.Errorf("look for %s in the guest: %w", pattern, err)
	}
	var all []string
	for l := range strings.Lines(out) {
		// A name may hold a line break: what comes of it is no match.
		l = strings.TrimSuffix(strings.TrimSuffix(l, "\n"), "/")
		if ok, err := path.Match(pattern, l); ok && err == nil {
			all = append(all, l)
		}
		if len(all) > maxPaths {
			return nil, fmt.Errorf("look for %s in the guest: %w: more than %d", pattern, ErrTooMany, maxPaths)
		}
	}
	return all, nil
}
