// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"os/exec"
	"strings"
	"testing"
)

// compressedBy is what a tool makes of some text.
func compressedBy(t testing.TB, input string, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Dir = strings.NewReader(input), t.TempDir()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func tarOf(t testing.TB, format tar.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "disk.raw", Size: 3, Mode: 0o600, Format: format}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("abc"))
	_ = w.Close()
	return b.Bytes()
}

func zipOf(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if _, err := w.Create("disk.raw"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	return b.Bytes()
}

func deflated(level int) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, level)
	_, _ = w.Write(bytes.Repeat([]byte("a disk "), 1000))
	_ = w.Close()
	return b.Bytes()
}

// sector is so many bytes with something at one place.
func sector(n, at int, with string) []byte { return patched(make([]byte, n), at, []byte(with)...) }

// oldTarBytes is an archive of Version 7, without a signature.
func oldTarBytes(t testing.TB) []byte {
	b := tarOf(t, tar.FormatUSTAR)
	clear(b[257:265])
	return patched(b, 148, []byte("010006\x00 ")...)
}

func TestIdentify(t *testing.T) {
	noise := make([]byte, 1<<16)
	_, _ = rand.Read(noise) // it never fails
	noise[0] = 0
	old := oldTarBytes(t)
	sum := 0
	for i, c := range old[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int(c)
	}
	copy(old[148:], []byte{'0', byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	_, fixed := made(t, VPC, "1M", "subformat=fixed")
	_, vdi := made(t, VDI, "1M")
	for what, tc := range map[string]struct {
		b    []byte
		want string
	}{
		"ustar": {tarOf(t, tar.FormatUSTAR), "tar"}, "GNU tar": {tarOf(t, tar.FormatGNU), "tar"}, "pax": {tarOf(t, tar.FormatPAX), "tar"},
		"old tar": {old, "tar"}, "zip": {zipOf(t), "zip"}, "deflated": {deflated(6), "zlib"}, "best": {deflated(9), "zlib"}, "stored": {deflated(0), "zlib"},
		"xz": {compressedBy(t, "x", "xz", "-c"), "xz"}, "lzma": {compressedBy(t, "x", "xz", "-c", "--format=lzma"), "lzma"},
		"lzma -9": {compressedBy(t, strings.Repeat("disk", 9999), "xz", "-9", "-c", "--format=lzma"), "lzma"},
		"gzip":    {compressedBy(t, "x", "gzip", "-c"), "gzip"}, "bzip2": {compressedBy(t, "x", "bzip2", "-c"), "bzip2"},
		"cpio": {[]byte("070701" + strings.Repeat("0", 104)), "cpio"}, "old cpio": {append(patched(make([]byte, 26), 0, 0xc7, 0x71), "a\x00"...), ""},
		"binary cpio": {append(patched(patched(make([]byte, 26), 0, 0xc7, 0x71), 20, 2), "a\x00"...), "cpio"},
		"7z":          {[]byte("7z\xbc\xaf\x27\x1c\x00\x04"), "7z"}, "rar": {[]byte("Rar!\x1a\x07\x01\x00"), "rar"}, "ar": {[]byte("!<arch>\ndebian-binary"), "ar"},
		"lz4": {[]byte("\x04\x22\x4d\x18\x60\x40\x82"), "lz4"}, "old lz4": {[]byte("\x02\x21\x4c\x18\x00"), "lz4"}, "zstd": {[]byte("\x28\xb5\x2f\xfd\x04"), "zstd"},
		"pzstd": {[]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00\x1a\x00\x00\x00\x28\xb5\x2f\xfd"), "zstd"}, "frame 15": {[]byte("\x5f\x2a\x4d\x18\x04\x00\x00\x00"), "zstd"},
		"lzip": {[]byte("LZIP\x01\x0c"), "lzip"}, "lzop": {[]byte("\x89LZO\x00\r\n\x1a\n\x10"), "lzop"}, "compress": {[]byte("\x1f\x9d\x90"), "compress"},
		"html": {[]byte("\n  <!DOCTYPE HTML><html>"), "HTML"}, "long html": {append([]byte("\xef\xbb\xbf<html>"), make([]byte, HeadBytes)...), "HTML"},
		"xml": {[]byte("<?xml version=\"1.0\"?><Error>"), "XML"}, "json": {[]byte("{\"message\": \"not found\"}\n"), "JSON"}, "text": {[]byte("404 page not found\n"), "text"},
		"sums": {[]byte(strings.Repeat("0123456789abcdef", 8) + "  disk.raw\n"), "text"},
		"qed":  {[]byte("QED\x00\x00"), "qed"}, "parallels": {[]byte("WithouFreSpacExt\x02"), "Parallels"}, "LUKS": {[]byte("LUKS\xba\xbe\x00\x02"), "LUKS"},
		"qcow": {[]byte("QFI\xfb\x00\x00\x00\x01"), "version 1"}, "vdi": {vdi, "vdi"}, "fixed vhd": {fixed, "vhd"}, "ESX": {[]byte("COWD\x01"), "vmdk"},
		"dmg": {sector(4096, 4096-512, "koly\x00\x00\x00\x04"), "Apple"}, "export-diff": {[]byte("rbd diff v1\n"), "export-diff"}, "export 2": {[]byte("rbd image v2\n"), "export-format"},
		"sparse": {[]byte("\x3a\xff\x26\xed\x01\x00"), "Android"}, "ELF": {[]byte("\x7fELF\x02"), "ELF"}, "PE": {patched(sector(512, 128, "PE\x00\x00"), 0, append([]byte("MZ"), append(make([]byte, 58), 128)...)...), "program"},
		"descriptor": {[]byte("# Disk DescriptorFile\nversion=1\n"), "descriptor"},

		"nothing": {nil, ""}, "zeros": {make([]byte, 4096), ""}, "one byte": {[]byte("a"), ""}, "noise": {noise, ""},
		"boot sector": {sector(512, 510, "\x55\xaa"), ""}, "MZ": {sector(512, 0, "MZ"), ""}, "GPT": {sector(1024, 512, "EFI PART"), ""},
		"ext4": {sector(2048, 1080, "\x53\xef"), ""}, "iso": {sector(40000, 32769, "CD001"), ""}, "LVM": {sector(1024, 512, "LABELONE"), ""},
		"squashfs": {[]byte("hsqs\x01\x00\x00\x00"), ""}, "xfs": {[]byte("XFSB\x00\x00\x10\x00"), ""}, "grub": {sector(512, 0, "\xeb\x63\x90"), ""},
		"x and zeros": {sector(512, 0, "\x78\x9c"), ""}, "1f8b of a disk": {sector(512, 0, "\x1f\x8b"), ""}, "a long text": {bytes.Repeat([]byte("y\n"), HeadBytes), ""},
		"lzma of zeros": {sector(512, 0, "\x5d\x00\x00"), ""},
	} {
		head, tail := tc.b[:min(len(tc.b), HeadBytes)], tc.b[max(len(tc.b)-SectorBytes, 0):]
		if got := Identify(head, tail, len(tc.b) > HeadBytes); got.Name == "" != (tc.want == "") || !strings.Contains(got.Name, tc.want) {
			t.Errorf("%s: %q, want %q", what, got.Name, tc.want)
		}
	}
}

func FuzzIdentify(f *testing.F) {
	for _, s := range signatures {
		f.Add(sector(512, s.at, s.magic), []byte(nil), true)
	}
	f.Add(deflated(6), []byte(vpcCookie), false)
	f.Add(tarOf(f, tar.FormatPAX), []byte{}, false)
	f.Add([]byte("\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00"), []byte("koly\x00\x00\x00\x04"), true)
	f.Fuzz(func(t *testing.T, head, tail []byte, more bool) {
		a, b := Identify(head, tail, more), Identify(head, tail, more)
		if a != b {
			t.Errorf("%v and %v", a, b)
		}
	})
}
