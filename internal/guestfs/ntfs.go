// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// ntfs is the type of Windows's file systems; ntfs3g is the appliance's driver.
const (
	ntfs   = "ntfs"
	ntfs3g = "ntfs3g"
)

// RootIsNTFS says whether the root file system that is mounted is an NTFS: the
// guest is a Windows, to which upper and lower case in a path are the same. The
// session finds the files whatever the case.
func (s *Session) RootIsNTFS() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kinds["/"] == ntfs
}

// mountNTFS mounts an NTFS as Windows has left it, or not at all.
func (s *Session) mountNTFS(ctx context.Context, device, point string) error {
	if err := s.available(ctx, ntfs3g); err != nil {
		return err
	}
	dirty, err := s.ntfsDirty(ctx, device)
	if err != nil {
		return err
	}
	if dirty {
		return fmt.Errorf("%w: %s is marked as dirty", ErrUnclean, device)
	}
	// Without norecover, ntfs-3g empties a journal that Windows would replay.
	options := "norecover,windows_names,streams_interface=none"
	if s.drives[0].ReadOnly {
		options = "ro," + options
	}
	if _, err = s.run(ctx, "mount-vfs", options, "ntfs-3g", device, point); err != nil || s.drives[0].ReadOnly {
		return err
	}
	// One that is hibernated or unclean is mounted all the same, read-only.
	out, err := s.run(ctx, "statvfs", point)
	if err != nil || !parseRoom(out).readOnly {
		return err
	}
	if _, err := s.run(ctx, "umount", point); err != nil {
		return err
	}
	return fmt.Errorf("%w: Windows is hibernated on %s, as after a shutdown with fast startup, or has not unmounted it", ErrUnclean, device)
}

// ntfsDirty reads the flag with which Windows asks for a chkdsk, out of
// $VOLUME_INFORMATION in the file record of $Volume.
func (s *Session) ntfsDirty(ctx context.Context, device string) (bool, error) {
	le := binary.LittleEndian
	bytes := func(n, at int64) ([]byte, error) {
		out, err := s.run(ctx, "pread-device", device, strconv.FormatInt(n, 10), strconv.FormatInt(at, 10))
		if err == nil && int64(len(out)) != n {
			err = fmt.Errorf("%w: %s is shorter than its NTFS", ErrUnclean, device)
		}
		return []byte(out), err
	}
	const sector, volume = 512, 3
	boot, err := bytes(sector, 0)
	if err != nil {
		return false, err
	}
	// A size is a number of units, or as a negative number the power of two.
	size := func(b byte, unit int64) int64 {
		if b >= 0x80 {
			return 1 << (-int8(b) & 31) //nolint:gosec // as it is stored
		}
		return int64(b) * unit
	}
	cluster := int64(le.Uint16(boot[0x0b:]))
	if b := boot[0x0d]; b >= 0x80 {
		cluster <<= -int8(b) & 31 //nolint:gosec // as it is stored
	} else {
		cluster *= int64(b)
	}
	record := size(boot[0x40], cluster)
	errDamaged := fmt.Errorf("%w: %s has no intact record of $Volume", ErrUnclean, device)
	if record < sector || record > 64<<10 || record%sector != 0 {
		return false, errDamaged
	}
	r, err := bytes(record, int64(le.Uint64(boot[0x30:]))*cluster+volume*record) //nolint:gosec // a read elsewhere fails
	if err != nil {
		return false, err
	}
	fixups, count := int(le.Uint16(r[4:])), int(le.Uint16(r[6:]))
	if string(r[:4]) != "FILE" || count != int(record/sector)+1 || fixups+2*count > len(r) {
		return false, errDamaged
	}
	for i := 1; i < count; i++ {
		copy(r[i*sector-2:i*sector], r[fixups+2*i:])
	}
	const volumeInformation = 0x70
	for at := int(le.Uint16(r[0x14:])); at+24 <= len(r); {
		kind, n := le.Uint32(r[at:]), int(le.Uint32(r[at+4:]))
		if kind == volumeInformation {
			if flags := at + int(le.Uint16(r[at+0x14:])) + 10; flags+2 <= len(r) {
				return le.Uint16(r[flags:])&1 != 0, nil
			}
		}
		if n < 24 || n > len(r) {
			break
		}
		at += n
	}
	return false, errDamaged
}

// onNTFS says whether a path free of links lies on an NTFS.
func (s *Session) onNTFS(p string) bool {
	for {
		if kind, ok := s.kinds[p]; ok || p == "/" {
			return kind == ntfs
		}
		p = path.Dir(p)
	}
}

// spelled is a path as the guest itself spells it: in a Windows case does not
// matter. What does not exist stays as it is.
func (s *Session) spelled(ctx context.Context, p string) (string, error) {
	if s.kinds["/"] != ntfs {
		return p, nil
	}
	names, err := guest.Components(p)
	if err != nil {
		return "", err
	}
	for n := len(names); n > 0; n-- {
		out, err := s.run(ctx, "case-sensitive-path", "/"+strings.Join(names[:n], "/"))
		var refused *Error
		if errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return "", err
		}
		return path.Join(append([]string{strings.TrimSuffix(out, "\n")}, names[n:]...)...), nil
	}
	return p, nil
}

// noWindowsName matches what Windows takes for no name of a file.
var noWindowsName = regexp.MustCompile(`(?i)[\x00-\x1f"*:<>?\\|]|[ .]$|^(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?$`)

// checkNTFS refuses what is not to be had on an NTFS.
func (s *Session) checkNTFS(p string, modes ...*uint32) error {
	for _, m := range modes {
		if m != nil {
			return fmt.Errorf("%q in the guest: %w", p, ErrNoModes)
		}
	}
	if name := path.Base(p); noWindowsName.MatchString(name) {
		return fmt.Errorf("%w: %q is no name of a file in Windows", guest.ErrPath, name)
	}
	return nil
}

// writeNTFS writes a file in its place, where its access control list stays; a
// new one gets that from its folder. After an error half of the content may be
// there.
func (s *Session) writeNTFS(ctx context.Context, target string, isNew bool, content []byte) error {
	if err := s.upload(ctx, target, content); err != nil {
		return err
	}
	if isNew {
		if err := s.handDown(ctx, path.Dir(target), target, false); err != nil {
			return err
		}
	}
	fi, err := s.lstat(ctx, target)
	if err == nil && (fi.Type != guest.Regular || fi.Size != int64(len(content))) {
		err = fmt.Errorf("%w: %q has %d bytes, not %d", ErrVerify, target, fi.Size, len(content))
	}
	return err
}
