// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"errors"
	"fmt"
)

// ErrUnusable says that no appliance can use the guest either, as the disk itself
// shows; its text says why.
var ErrUnusable = errors.New("the guest can't be changed or read as it is")

// Kinds of ErrUnusable.
var (
	// ErrSeveral says that more than one operating system is on the disk, and none
	// was named.
	ErrSeveral = kind("several operating systems are on the disk")
	// ErrEmpty says that no file system is on the disk.
	ErrEmpty = kind("no operating system found: no file system is on the disk")
	// ErrTable says that no kernel reads the partition table.
	ErrTable = kind("the partition table is damaged")
	// ErrCutOff says that a file system has more than its device.
	ErrCutOff = kind("the disk or a part of it is smaller than what it holds")
	// ErrJournal says that a file system is not whole without another device.
	ErrJournal = kind("its journal is on another device")
	// ErrForeign says that the kernel of an appliance has no driver for what the
	// guest lies on.
	ErrForeign = kind("the appliance has no driver for it")
)

func kind(text string) error { return fmt.Errorf("%w: %s", ErrUnusable, text) }

// ErrPacked says that the guest's file system is of a kind that is made once and
// never written, which an appliance reads: such an error is ErrUnsupported, too.
var ErrPacked = errors.New("a file system of a kind that is only read")

type packedError struct{ what string }

func (e packedError) Error() string { return ErrPacked.Error() + ": " + e.what }

func (e packedError) Is(target error) bool { return target == ErrPacked || target == ErrUnsupported }

func packed(device, name string) error { return packedError{device + " holds " + name} }

func unusable(format string, args ...any) error { return as(ErrUnusable, format, args...) }

// as is an error of a kind.
func as(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %w", kind, fmt.Errorf(format, args...))
}

type signature struct {
	at          int
	magic, name string
	// closed is the error of what no appliance reads, or none writes.
	closed func(device, name string) error
}

func (s signature) is(head []byte) bool {
	end := s.at + len(s.magic)
	return end <= len(head) && string(head[s.at:end]) == s.magic
}

// signatures tell what a device holds by bytes at a place, see libblkid and the
// magic(5) of file(1).
var signatures = []signature{
	{0, "LUKS\xba\xbe", "LUKS", encrypted},
	{3, "-FVE-FS-", "BitLocker", encrypted},
	// The list of a pool's properties, in XDR: its first name.
	{16<<10 + 20, "\x00\x00\x00\x07version\x00", "ZFS", foreign},
	{32, "NXSB", "APFS", foreign},
	{64<<10 + 64, "_BHRfS_M", "btrfs", nil},
	{3, "NTFS    ", "NTFS", nil},
	{3, "EXFAT   ", "exFAT", nil},
	{1024, "\x10\x20\xf5\xf2", "F2FS", nil},
	{54, "FAT", "FAT", nil},
	{82, "FAT32", "FAT", nil},
	{32<<10 + 1, "CD001", "ISO 9660", packed},
	{64<<10 + 52, "ReIsEr", "ReiserFS", nil},
	{32 << 10, "JFS1", "JFS", nil},
	{0, "hsqs", "squashfs", packed},
	{1024, "\xe2\xe1\xf5\xe0", "EROFS", packed},
	{4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcache", nil},
	{4096 + 24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef", "bcachefs", nil},
	{4096, "dm-integrity", "dm-integrity", nil},
	{4086, "SWAPSPACE2", "swap", nil},
	{0, "XFSB", XFS, nil},
	{1024 + 56, "\x53\xef", Ext4, nil},
	{sector, "LABELONE", "LVM", nil},
}

const unknownContents = "something other than ext2, ext3, ext4 or XFS"

func encrypted(device, name string) error { return unusable("%s is encrypted (%s)", device, name) }

func foreign(device, name string) error { return as(ErrForeign, "%s holds %s", device, name) }

// shut is why no appliance can read or write a device with such a beginning; nil where
// one may.
func shut(head []byte, device string) error {
	for _, s := range signatures {
		if s.is(head) && s.closed != nil {
			return s.closed(device, s.name)
		}
	}
	return nil
}

// holds names what a device holds, by its beginning.
func holds(head []byte) string {
	for _, s := range signatures {
		if s.is(head) {
			return s.name
		}
	}
	return unknownContents
}
