// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"errors"
	"fmt"
)

// ErrUnusable says that no appliance can use the guest either, as the disk itself
// shows; its text says why.
var ErrUnusable = errors.New("the guest can't be changed or read as it is")

func unusable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnusable, fmt.Errorf(format, args...))
}

// signatures tell what a device holds by bytes at a place, see libblkid and the
// magic(5) of file(1).
var signatures = []struct {
	at          int
	magic, name string
	encrypted   bool
}{
	{0, "LUKS\xba\xbe", "LUKS", true},
	{3, "-FVE-FS-", "BitLocker", true},
	{64<<10 + 64, "_BHRfS_M", "btrfs", false},
	{3, "NTFS    ", "NTFS", false},
	{1024, "\x10\x20\xf5\xf2", "F2FS", false},
	{54, "FAT", "FAT", false},
	{82, "FAT32", "FAT", false},
	{32<<10 + 1, "CD001", "ISO 9660", false},
	{64<<10 + 52, "ReIsEr", "ReiserFS", false},
	{32 << 10, "JFS1", "JFS", false},
	{0, "hsqs", "squashfs", false},
	{1024, "\xe2\xe1\xf5\xe0", "EROFS", false},
	{4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcache", false},
	{4096 + 24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef", "bcachefs", false},
	{4096, "dm-integrity", "dm-integrity", false},
	{4086, "SWAPSPACE2", "swap", false},
	{0, "XFSB", XFS, false},
	{1024 + 56, "\x53\xef", Ext4, false},
	{sector, "LABELONE", "LVM", false},
}

const unknownContents = "something other than ext2, ext3, ext4 or XFS"

// holds names what a device holds, by its beginning.
func holds(head []byte) (name string, encrypted bool) {
	for _, s := range signatures {
		if end := s.at + len(s.magic); end <= len(head) && string(head[s.at:end]) == s.magic {
			return s.name, s.encrypted
		}
	}
	return unknownContents, false
}
