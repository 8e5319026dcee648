// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Content is what a file is by its signatures, where that is known to be no raw
// disk.
type Content struct {
	Name string // with an article: "a tar archive"; "" for what may be a disk
	// Format is that which is to be stated, where the file is an image of one
	// that can be read.
	Format string
	// Archive tells that it is an archive of which one file can be read (Tar, Zip).
	Archive bool
}

// Names of the archives of which one file can be read.
const (
	Tar = "a tar archive"
	Zip = "a zip archive"
)

// signature is a kind of file by what stands at one place of it.
type signature struct {
	at    int
	magic string
	Content
}

func image(name, format string) Content { return Content{Name: name, Format: format} }
func other(name string) Content         { return Content{Name: name} }
func archive(name string) Content       { return Content{Name: name, Archive: true} }

// What a disk may begin with by itself (a boot sector, a file system, ISO 9660,
// an LVM or RAID superblock) is not among them.
var signatures = []signature{
	// It begins with the name of a file, which may look like anything.
	{257, "ustar", archive(Tar)},

	{0, "QFI\xfb\x00\x00\x00\x01", other("a disk image of format qcow (version 1)")},
	{0, "QFI\xfb", image("a qcow2 disk image", Qcow2)},
	{0, "KDMV", image("a vmdk disk image", VMDK)},
	{0, "COWD", other("an extent of a VMware ESX snapshot (vmdk)")},
	{0, "\xbe\xba\xfe\xca\x00\x00\x00\x00", other("an extent of a VMware snapshot (vmdk, seSparse)")},
	{0, vhdxSignature, image("a vhdx disk image", VHDX)},
	{0, vpcCookie, image("a vhd disk image", VPC)},
	{64, vdiSignature, image("a vdi disk image", VDI)},
	{0, "QED\x00", other("a qed disk image")},
	{0, "WithoutFreeSpace", other("a Parallels disk image")},
	{0, "WithouFreSpacExt", other("a Parallels disk image")},
	{0, "LUKS\xba\xbe", other("a LUKS-encrypted volume")},
	{0, "Bochs Virtual HD Image", other("a Bochs disk image")},
	{0, "OOOM\x00\x00", other("a User-Mode Linux disk image")},
	{0, "EVF\x09\x0d\x0a\xff\x00", other("an EnCase (EWF) disk image")},
	{0, "AFF10\r\n\x00", other("an AFF disk image")},
	{0, "\x3a\xff\x26\xed", other("an Android sparse image")},
	{0, "MSWIM\x00\x00\x00", other("a Windows image (WIM)")},
	{0, "partclone-image", other("a Partclone image")},
	{0, "rbd diff v", other("an export of `rbd export-diff`")},
	{0, "rbd image v2", other("an export of `rbd export --export-format 2`")},
	{0, "#!/bin/sh\n#V2.0 Format\n", other("a cloop image")},

	{0, "PK\x03\x04", archive(Zip)},
	{0, "PK\x05\x06", archive(Zip)},
	{0, "PK\x07\x08", archive(Zip)},
	{0, "PK00PK\x03\x04", archive(Zip)},
	{0, "7z\xbc\xaf\x27\x1c", other("a 7z archive")},
	{0, "Rar!\x1a\x07", other("a rar archive")},
	{0, "!<arch>\n", other("an ar archive")},
	{0, "!<thin>\n", other("an ar archive")},
	{0, "070701", other("a cpio archive")},
	{0, "070702", other("a cpio archive")},
	{0, "070707", other("a cpio archive")},
	{0, "MSCF\x00\x00\x00\x00", other("a cabinet archive")},
	{0, "ISc(", other("an InstallShield archive")},
	{0, "xar!\x00", other("a xar archive")},
	{7, "**ACE**", other("an ace archive")},
	{2, "-lh", other("an lha archive")},
	{0, "\x60\xea", other("an arj archive")}, // and more, see plausible
	{0, "\xed\xab\xee\xdb", other("an rpm package")},
	{0, "SIT!", other("a StuffIt archive")},
	{0, "zPQ\x01", other("a zpaq archive")},
	{0, "zPQ\x02", other("a zpaq archive")},
	{0, "7kSt", other("a zpaq archive")},
	{0, "DWARFS", other("a DwarFS archive")},
	{0, "BORG_SEG", other("a part of a Borg repository")},

	{0, "\x1f\x8b", other("compressed with gzip")},
	{0, "\x1f\x9d", other("compressed with compress (.Z)")},
	{0, "\x1f\xa0", other("compressed with compress (LZH)")},
	{0, "\x1f\x1e", other("compressed with pack")},
	{0, "BZh", other("compressed with bzip2")},
	{0, "\xfd7zXZ\x00", other("compressed with xz")},
	{0, "\x28\xb5\x2f\xfd", other("compressed with zstd")},
	{0, "\x37\xa4\x30\xec", other("a zstd dictionary")},
	{0, "\x04\x22\x4d\x18", other("compressed with lz4")},
	{0, "\x02\x21\x4c\x18", other("compressed with lz4 (legacy)")},
	{0, "LZIP", other("compressed with lzip")},
	{0, "\x89LZO\x00\r\n\x1a\n", other("compressed with lzop")},
	{0, "LRZI", other("compressed with lrzip")},
	{0, "RZIP", other("compressed with rzip")},
	{0, "\xff\x06\x00\x00sNaPpY", other("compressed with snappy")},
	{0, "bvx", other("compressed with LZFSE")}, // and more, see plausible
	{0, "pbzx", other("compressed with pbzx")},
	{0, "\xce\xb2\xcf\x81", other("compressed with brotli")},
	{0, "Salted__", other("encrypted with openssl")},
	{0, "age-encryption.org/", other("encrypted with age")},
	{0, "-----BEGIN ", other("text (PEM or PGP)")},
	{0, "\x85\x01", other("encrypted with PGP")}, // and more, see plausible

	{0, "%PDF-", other("a PDF document")},
	{0, "\x7fELF", other("an ELF program")},
	{0, "\x89PNG\r\n\x1a\n", other("a PNG picture")},
	{0, "\xff\xd8\xff", other("a JPEG picture")},
	{0, "GIF8", other("a GIF picture")},
	{0, "SQLite format 3\x00", other("an SQLite database")},
	{0, "version https://git-lfs", other("a pointer of Git LFS")},
}

// plausible looks further where a signature is short.
func plausible(s signature, head []byte) bool {
	switch s.magic {
	case "\x60\xea": // arj: the length of a basic header
		return len(head) > 12 && le16(head[2:]) >= 30 && le16(head[2:]) <= 2600 && head[4] >= 30 && head[4] <= 60 && head[11] == 0
	case "-lh":
		return len(head) > 22 && head[6] == '-' && (head[5] == 's' || head[5] >= '0' && head[5] <= '9' || head[5] == 'd')
	case "bvx":
		return len(head) > 4 && strings.ContainsRune("-12n", rune(head[3]))
	case "\x85\x01": // a session key: length, version 3, ..., RSA or ElGamal
		return len(head) > 13 && head[3] == 3 && (head[12] == 1 || head[12] == 16)
	case "BZh":
		return len(head) > 9 && head[3] >= '1' && head[3] <= '9' &&
			(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")
	case "\x1f\x8b":
		return len(head) > 3 && head[2] == 8 && head[3]&0xe0 == 0
	}
	return true
}

// Identify tells what a file is by its first HeadBytes (or all of it) and its
// last sector, which may be empty where it is not at hand. more says that the
// file goes on behind head.
func Identify(head, tail []byte, more bool) Content {
	for _, s := range signatures {
		if len(head) >= s.at+len(s.magic) && string(head[s.at:s.at+len(s.magic)]) == s.magic && plausible(s, head) {
			return s.Content
		}
	}
	for _, f := range []func([]byte) Content{skippable, oldTar, binaryCpio, lzma, zlibStream, program} {
		if c := f(head); c.Name != "" {
			return c
		}
	}
	switch {
	case isDescriptor(head):
		return image("the descriptor of a vmdk disk image", VMDK)
	case bytes.HasPrefix(tail, []byte(vpcCookie)):
		return image("a vhd disk image (by its last sector)", VPC)
	case bytes.HasPrefix(tail, []byte("koly\x00\x00\x00\x04")):
		return other("an Apple disk image (by its last sector)")
	}
	return text(head, more)
}

// text is markup, whatever its length, and any text that is all there.
func text(head []byte, more bool) Content {
	const shown, least = 512, 8
	start := bytes.TrimLeft(bytes.TrimPrefix(head[:min(len(head), shown)], []byte("\xef\xbb\xbf")), " \t\r\n")
	lower := strings.ToLower(string(start))
	for _, s := range []struct{ begins, name string }{
		{"<!doctype html", "an HTML page"}, {"<html", "an HTML page"}, {"<head", "an HTML page"}, {"<body", "an HTML page"},
		{"<!--", "an HTML page"}, {"<script", "an HTML page"}, {"<title", "an HTML page"}, {"<?xml", "an XML document"}, {"<?php", "a PHP script"},
		{"#!/", "a script"},
	} {
		if strings.HasPrefix(lower, s.begins) {
			return other(s.name)
		}
	}
	if more || len(start) < least || !utf8.Valid(head) || bytes.ContainsFunc(head, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\r\n\f", r) || r == 0x7f
	}) {
		return Content{}
	}
	if start[0] == '{' || start[0] == '[' {
		return other("a JSON document")
	}
	return other("text")
}
