// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/disktools"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// errIndirect says that edits can't be made, or not for sure, without an
// appliance.
var errIndirect = errors.New("the edit needs an appliance")

// editDirect makes the edits hold in the overlay with the tools of ext4, where
// all of them lie on such file systems. What these have done is believed when e2fsck finds no fault, and
// the guest, read again, is what it must be. After errIndirect the overlay may be
// half written.
func (j job) editDirect(ctx context.Context, o *guestoverlay.Overlay, tree guest.Tree) (changed bool, err error) {
	disk, err := j.Ceph.OpenReader(ctx, o.Spec)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	g, err := guestread.Open(disk, disk.Size(), guestread.Options{RootDevice: tree.Root, Mounts: tree.Mounts})
	if err != nil {
		return false, fmt.Errorf("%w: %w", errIndirect, err)
	}
	pending, err := examine(g, j.edits)
	if err == nil {
		err = reasons(pending)
	}
	if err != nil || len(pending) == 0 {
		return false, err
	}
	p := plan{guest: g, systems: map[qemu.Part]*disktools.Script{}, made: map[string]string{}, want: map[string]disktools.Attributes{}}
	defer p.close()
	for _, out := range pending {
		j.Info(ctx, "editing a file in the guest", map[string]any{"image": j.spec.String(), "path": out.Path, "unmet": out.Unmet})
		out.noteWrite()
		if err := p.add(out); err != nil {
			return false, fmt.Errorf("%w: %s: %w", errIndirect, out.Path, err)
		}
	}
	if err := j.carryOut(ctx, o, p, disk.Size()); err != nil {
		return false, fmt.Errorf("%w: %w", errIndirect, err)
	}
	return true, nil
}

// carryOut makes the planned changes, a file system after the other, and checks
// them.
func (j job) carryOut(ctx context.Context, o *guestoverlay.Overlay, p plan, size int64) error {
	left := len(p.systems)
	for part, changes := range p.systems {
		left--
		err := o.Exported(ctx, &part, func(e *qemu.FileExport) error {
			if err := changes.Run(ctx, e.Part); err != nil {
				return err
			}
			if err := disktools.Check(ctx, e.Part); err != nil || left > 0 {
				return err
			}
			return j.readBack(e.Disk, p, size)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readBack reads the guest again.
func (j job) readBack(disk io.ReaderAt, p plan, size int64) error {
	options := guestread.Options{RootDevice: p.guest.RootDevice(), Mounts: j.tree.Mounts}
	if options.Mounts != nil {
		options.RootDevice = ""
	}
	g, err := guestread.Open(disk, size, options)
	if err != nil {
		return err
	}
	left, err := examine(g, j.edits)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("%s after the edit: %s", left[0].Path, left[0].Unmet[0])
	}
	for at, want := range p.want {
		is, err := attributesOf(g, at)
		if err != nil {
			return err
		}
		if is != want {
			return fmt.Errorf("%s after the edit: it has %+v, not %+v", at, is, want)
		}
	}
	return nil
}

// attributesOf are those of a file as it is.
func attributesOf(g *guestread.Guest, path string) (disktools.Attributes, error) {
	place, err := g.Place(path)
	if err != nil {
		return disktools.Attributes{}, err
	}
	is, err := g.Lstat(path)
	return disktools.Attributes{Mode: is.Mode, UID: is.UID, GID: is.GID, Label: place.Label}, err
}

// plan is what debugfs is to do.
type plan struct {
	guest   *guestread.Guest
	systems map[qemu.Part]*disktools.Script // by where the file system lies
	// made are the SELinux labels of directories that are made, by device and path in
	// the file system; want is what files must have afterwards, by the path in the
	// guest.
	made map[string]string
	want map[string]disktools.Attributes
}

func (p plan) close() {
	for _, s := range p.systems {
		s.Close()
	}
}

// add adds what an outcome asks for.
func (p plan) add(o outcome) error {
	at, err := p.guest.Place(o.Path)
	if err != nil {
		return err
	}
	part := qemu.Part{Start: at.Start, Size: at.Size}
	s := p.systems[part]
	if s == nil {
		s = &disktools.Script{}
		p.systems[part] = s
	}
	if o.Make && o.Directory {
		p.mkdir(s, at, o)
		return nil
	}
	folderLabel := at.FolderLabel
	if n := len(at.Missing); n > 0 {
		label, ok := p.made[at.Device+at.Missing[n-1]]
		if !ok {
			return errors.New("its directory is missing")
		}
		folderLabel = label
	}
	if o.Current != nil && o.Current.Type != guest.Regular && o.Current.Type != guest.Symlink && (o.Absent || o.Make || o.Write) {
		return fmt.Errorf("a %s is there", o.Current.Type)
	}
	if (o.Absent || o.Make || o.Write) && at.Exists {
		s.Remove(at.Path)
	}
	label := folderLabel
	if at.Exists && !o.Make {
		label = at.Label
	}
	want := o.attributes(label)
	switch {
	case o.Absent:
		return nil
	case o.Make:
		want = disktools.Attributes{Mode: guest.LinkMode, Label: label}
		s.Symlink(*o.Link, at.Path, label)
	case o.Write:
		s.Write(at.Path, o.Content, want)
	case o.Current.Type == guest.Regular:
		s.SetRegular(at.Path, want)
	case o.Current.Type == guest.Directory:
		s.SetDirectory(at.Path, want)
	default:
		return fmt.Errorf("a %s is there", o.Current.Type)
	}
	p.want[o.Path] = want
	return nil
}

// mkdir makes a directory with those above it that are missing.
func (p plan) mkdir(s *disktools.Script, at guestread.Place, o outcome) {
	for _, m := range at.Missing {
		if _, ok := p.made[at.Device+m]; !ok {
			s.Mkdir(m, disktools.Attributes{Mode: guestfs.DefaultDirMode, Label: at.FolderLabel})
			p.made[at.Device+m] = at.FolderLabel
		}
	}
	want := o.attributes(at.FolderLabel)
	if _, ok := p.made[at.Device+at.Path]; ok {
		s.SetDirectory(at.Path, want)
	} else {
		s.Mkdir(at.Path, want)
	}
	p.made[at.Device+at.Path], p.want[o.Path] = at.FolderLabel, want
}

// attributes are those that the file must have.
func (o outcome) attributes(label string) disktools.Attributes {
	a := disktools.Attributes{Mode: guestfs.DefaultMode, Label: label}
	switch {
	case o.Directory:
		a.Mode = guestfs.DefaultDirMode
	case o.Secret != nil:
		a.Mode = guestfs.PrivateMode
	}
	if o.Current != nil {
		a.Mode, a.UID, a.GID = o.Current.Mode, o.Current.UID, o.Current.GID
	}
	for _, v := range []struct{ to, from *uint32 }{{&a.Mode, o.Mode}, {&a.UID, o.UID}, {&a.GID, o.GID}} {
		if v.from != nil {
			*v.to = *v.from
		}
	}
	return a
}
