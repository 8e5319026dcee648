// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// Root is a guest's tree of file systems, as MountRoot left it.
type Root struct {
	// Device is the root file system's.
	Device string
	// Mounts are the file systems that are mounted, "/" first.
	Mounts []Mount
	// Missing are those of the guest's fstab that are not. Files below their
	// paths are refused with ErrNotMounted: what the root file system holds
	// there is not what the running guest sees.
	Missing []MissingMount
}

// MissingMount is a file system of the guest's fstab that could not be mounted.
type MissingMount struct {
	Path string
	// Spec is the device as fstab names it.
	Spec   string
	Reason string
}

// MountRoot mounts the guest's root file system, and those of its fstab that
// are there; read-only when the first drive is.
//
// An empty rootDevice has the guest inspected, which takes seconds more; it
// must then hold exactly one operating system (ErrNoRoot, ErrManyRoots). A file
// system that the appliance has no driver for gives ErrFeature.
func (s *Session) MountRoot(ctx context.Context, rootDevice string) (Root, error) {
	return s.Mount(ctx, guest.Tree{Root: rootDevice})
}

// Mount mounts what tree says. Where that has mounts they must all be there, at
// directories with no symbolic link in their paths; what the guest's fstab
// mounts at other places is missing then. Otherwise it is MountRoot.
func (s *Session) Mount(ctx context.Context, tree guest.Tree) (Root, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.known = known{} }() // another file system may be at a path
	root, err := s.mountTree(ctx, tree)
	if err != nil {
		return Root{}, err
	}
	s.missing = root.Missing
	return root, nil
}

func (s *Session) mountTree(ctx context.Context, tree guest.Tree) (Root, error) {
	if tree.Mounts == nil {
		return s.mountRoot(ctx, tree.Root)
	}
	root := Root{Device: tree.RootDevice()}
	for _, p := range tree.MountPoints() {
		device := tree.Mounts[p]
		_, fi, err := s.place(ctx, p, false)
		if err == nil && p != "/" && (fi == nil || fi.Type != guest.Directory) {
			err = fmt.Errorf("%q in the guest: %w: no directory is there to mount at", p, ErrFileType)
		}
		if err == nil {
			err = s.mount(ctx, device, p)
		}
		if err != nil {
			return Root{}, fmt.Errorf("mount %s at %s: %w", device, p, err)
		}
		root.Mounts = append(root.Mounts, Mount{p, device})
	}
	entries, err := s.fstab(ctx)
	if err != nil {
		return Root{}, err
	}
	for _, e := range entries {
		if _, ok := tree.Mounts[e.Path]; !ok {
			root.Missing = append(root.Missing, MissingMount{e.Path, e.Spec, "not among the mounts that are given"})
		}
	}
	return root, nil
}

func (s *Session) fstab(ctx context.Context) ([]guest.FstabEntry, error) {
	text, err := s.read(ctx, guest.FstabPath, guest.MaxFstab)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the guest's %s: %w", guest.FstabPath, err)
	}
	entries := guest.ParseFstab(text)
	if len(entries) > maxMounts {
		return nil, fmt.Errorf("read the guest's %s: %w: it mounts more than %d", guest.FstabPath, ErrTooMany, maxMounts)
	}
	return entries, nil
}

func (s *Session) mountRoot(ctx context.Context, rootDevice string) (Root, error) {
	root := Root{Device: rootDevice}
	var inspected []Mount
	if rootDevice == "" {
		roots, err := s.roots(ctx)
		if err != nil {
			return Root{}, err
		}
		switch len(roots) {
		case 0:
			return Root{}, s.noRoot(ctx)
		case 1:
			root.Device = roots[0]
		default:
			if root.Device, err = defaultRoot(roots); err != nil {
				return Root{}, err
			}
		}
		if inspected, err = s.inspectedMounts(ctx, root.Device); err != nil {
			return Root{}, err
		}
	}
	if err := s.mount(ctx, root.Device, "/"); err != nil {
		return Root{}, fmt.Errorf("mount the root file system %s: %w", root.Device, err)
	}
	if rootDevice != "" {
		if err := s.checkSubvolumes(ctx, rootDevice); err != nil {
			return Root{}, err
		}
	}
	root.Mounts = []Mount{{"/", root.Device}}
	return root, s.mountOthers(ctx, &root, inspected)
}

// defaultRoot is the one of several roots that is the default subvolume of a btrfs,
// which libguestfs names by the device alone, where all others are subvolumes beside
// it: snapshots, as SUSE has them.
func defaultRoot(roots []string) (string, error) {
	for _, device := range roots {
		if !slices.ContainsFunc(roots, func(r string) bool { return r != device && !strings.HasPrefix(r, "btrfsvol:"+device+"/") }) {
			return device, nil
		}
	}
	return "", fmt.Errorf("%w: %s", ErrManyRoots, strings.Join(roots, ", "))
}

// noRoot says why inspection may have found nothing: a file system without a
// driver is none to it.
func (s *Session) noRoot(ctx context.Context) error {
	out, err := s.run(ctx, "list-filesystems")
	if err != nil {
		return err
	}
	var seen []string
	for l := range strings.Lines(out) {
		l = strings.TrimSpace(l)
		seen = append(seen, l)
		_, kind, ok := strings.Cut(l, ": ")
		if kind == ntfs {
			kind = ntfs3g
		}
		if ok && packages[kind] != "" {
			if err := s.available(ctx, kind); err != nil {
				return err
			}
		}
	}
	if len(seen) == 0 {
		return fmt.Errorf("%w: the disk holds no file system", ErrNoRoot)
	}
	return fmt.Errorf("%w among the file systems %s", ErrNoRoot, strings.Join(seen, ", "))
}

// mountOthers mounts the rest. Inspection knows more about old device names
// than fstab's own words do; fstab knows what inspection did not find.
func (s *Session) mountOthers(ctx context.Context, root *Root, inspected []Mount) error {
	entries, err := s.fstab(ctx)
	if err != nil {
		return err
	}
	for _, m := range inspected {
		if m.Path == "/" || slices.ContainsFunc(entries, func(e guest.FstabEntry) bool { return e.Path == m.Path }) {
			continue
		}
		entries = append(entries, guest.FstabEntry{Spec: m.Device, Path: m.Path})
	}
	for _, e := range entries {
		if e.Path == "/" {
			continue
		}
		device := ""
		if i := slices.IndexFunc(inspected, func(m Mount) bool { return m.Path == e.Path }); i >= 0 {
			device = inspected[i].Device
		}
		options := ""
		if device == "" {
			device, err = s.resolve(ctx, e)
			device, options = subvolume(device, e)
		}
		if err == nil {
			err = s.mountWith(ctx, options, device, e.Path)
		}
		var refused *Error
		switch {
		case err == nil:
			root.Mounts = append(root.Mounts, Mount{e.Path, device})
		case errors.As(err, &refused):
			root.Missing = append(root.Missing, MissingMount{e.Path, e.Spec, refused.Message})
		case errors.Is(err, ErrFeature), errors.Is(err, ErrUnclean), errors.Is(err, errNotLocal):
			root.Missing = append(root.Missing, MissingMount{e.Path, e.Spec, err.Error()})
		default:
			return err
		}
		err = nil
	}
	return nil
}

// errNotLocal says that a line of fstab names nothing on the drives.
var errNotLocal = errors.New("not a file system on the image")

// resolve finds the device that a line of fstab names.
func (s *Session) resolve(ctx context.Context, e guest.FstabEntry) (string, error) {
	if slices.Contains(e.Options, "bind") || slices.Contains(e.Options, "rbind") {
		return "", fmt.Errorf("%w: a bind mount", errNotLocal)
	}
	find := func(command, arg string) (string, error) {
		out, err := s.run(ctx, command, arg)
		return strings.TrimSpace(out), err
	}
	tag, value, _ := strings.Cut(e.Spec, "=")
	switch tag {
	case "UUID":
		return find("findfs-uuid", value)
	case "LABEL":
		return find("findfs-label", value)
	case "PARTUUID":
		return "/dev/disk/by-partuuid/" + strings.ToLower(value), nil
	case "PARTLABEL":
		return "/dev/disk/by-partlabel/" + value, nil
	}
	dev, ok := strings.CutPrefix(e.Spec, "/dev/")
	if !ok {
		return "", errNotLocal
	}
	if v, ok := strings.CutPrefix(dev, "disk/by-uuid/"); ok {
		return find("findfs-uuid", v)
	}
	if v, ok := strings.CutPrefix(dev, "disk/by-label/"); ok {
		return find("findfs-label", v)
	}
	return s.diskName(e.Spec), nil
}

// diskName turns a guest's name of a disk or partition (/dev/vda1, /dev/xvda1,
// /dev/hda1) into the appliance's, where all disks are /dev/sdX.
func (s *Session) diskName(device string) string {
	for _, kind := range []string{"/dev/vd", "/dev/xvd", "/dev/hd"} {
		rest, ok := strings.CutPrefix(device, kind)
		if ok && rest != "" && rest[0] >= 'a' && int(rest[0]-'a') < len(s.drives) {
			return "/dev/sd" + rest
		}
	}
	return device
}

// subvolume is what a line of fstab mounts of a btrfs: a subvolume in
// libguestfs's words, or the device and options of mount(8). Where it names none
// it is the default subvolume, as for the kernel.
func subvolume(device string, e guest.FstabEntry) (name, options string) {
	if e.Type != "btrfs" && e.Type != "auto" {
		return device, ""
	}
	for _, o := range e.Options {
		key, value, _ := strings.Cut(o, "=")
		switch value = strings.Trim(value, "/"); {
		case key == "subvol" && value != "":
			return "btrfsvol:" + device + "/" + value, ""
		case key == "subvol":
			return device, "subvolid=5" // the one that holds all
		case key == "subvolid":
			return device, o
		}
	}
	return device, ""
}

// checkSubvolumes refuses a btrfs whose default subvolume only holds others: a
// file that is made there would be nowhere in the running guest.
func (s *Session) checkSubvolumes(ctx context.Context, device string) error {
	_, err := s.lstat(ctx, "/etc")
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if s.kinds["/"] != "btrfs" || strings.HasPrefix(device, "btrfsvol:") {
		return nil
	}
	out, err := s.run(ctx, "btrfs-subvolume-list", "/")
	if err != nil {
		return err
	}
	var names []string
	for l := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(l, "  btrfssubvolume_path: "); ok {
			names = append(names, "btrfsvol:"+device+"/"+strings.TrimSuffix(name, "\n"))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s has no /etc, but the subvolumes %s", ErrNoRoot, device, strings.Join(names, ", "))
}

// mount mounts a file system, after it has made sure that the appliance has a
// driver for it.
func (s *Session) mount(ctx context.Context, device, path string) error {
	return s.mountWith(ctx, "", device, path)
}

// mountWith is mount with options of mount(8).
func (s *Session) mountWith(ctx context.Context, options, device, path string) error {
	kind, err := s.run(ctx, "vfs-type", device)
	if err := unlessRefused(err); err != nil {
		return err
	}
	if kind = strings.TrimSpace(kind); kind == ntfs {
		err = s.mountNTFS(ctx, device, path)
	} else {
		if s.drives[0].ReadOnly {
			options = strings.Trim("ro,"+options, ",")
		}
		_, err = s.run(ctx, "mount-options", options, device, path)
	}
	if err == nil {
		if s.kinds == nil {
			s.kinds = map[string]string{}
		}
		s.kinds[path] = kind
		return nil
	}
	if packages[kind] != "" {
		if e := s.available(ctx, kind); e != nil {
			return e
		}
	}
	if unlessRefused(err) == nil {
		err = fmt.Errorf("%w: %s holds %s: %w", ErrNoMount, device, cmp.Or(kind, "no file system that it knows"), err)
	}
	return err
}

func sortMounts(m []Mount) []Mount {
	slices.SortStableFunc(m, func(a, b Mount) int { return len(a.Path) - len(b.Path) })
	return m
}
