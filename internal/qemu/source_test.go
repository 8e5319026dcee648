// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
)

// inspected is a source that was looked into.
func inspected(t *testing.T, path, format string) Source {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s := Source{File: path, Format: format}
	if err := s.Inspect(f, info.Size()); err != nil {
		t.Fatal(err)
	}
	return s
}

// A fixed or dynamic VHD is read to the end that its footer states, whoever made
// it: by itself qemu goes by the geometry, and leaves out what is behind.
func TestVPCIsReadToItsEnd(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	raw := filepath.Join(dir, "raw")
	content := make([]byte, size)
	for i := size - 4096; i < size; i++ {
		content[i] = byte(i)
	}
	if err := os.WriteFile(raw, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"fixed", "dynamic"} {
		for _, creator := range []string{"wa\x00\x00", "vbox", "vpc ", "win ", "tap\x00", "d2v ", "vs  ", "CTXS", "qem2"} {
			path, out := filepath.Join(dir, kind), filepath.Join(dir, "out")
			if b, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on,subformat="+kind, raw, path).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []int{0, len(b) - 512} {
				if f := b[at:][:512]; string(f[:8]) == "conectix" {
					copy(f[28:32], creator)
					copy(f[56:60], []byte{963 >> 8, 963 & 0xff, 8, 17})
					clear(f[64:68])
					var sum uint32
					for _, c := range f {
						sum += uint32(c)
					}
					binary.BigEndian.PutUint32(f[64:], ^sum)
				}
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s := inspected(t, path, "vpc")
			info, err := ReadInfo(t.Context(), s)
			if err != nil || info.VirtualSizeBytes != size {
				t.Fatalf("%s of %q: %d bytes, %v", kind, creator, info.VirtualSizeBytes, err)
			}
			name, err := s.filename()
			if err != nil {
				t.Fatal(err)
			}
			if b, err := exec.Command("qemu-img", "convert", "-O", "raw", name, out).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s of %q: other content, %v", kind, creator, err)
			}
		}
	}
}

// Nothing is run on what was not looked into, and what qemu-img reads otherwise
// than the header is refused.
func TestSizeIsThatOfTheHeader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if out, err := exec.Command("qemu-img", "create", "-f", "vdi", path, "1M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := inspected(t, path, "vdi")
	if _, err := ReadInfo(t.Context(), s); err != nil {
		t.Error(err)
	}
	s.Header.SizeBytes += 512
	if _, err := ReadInfo(t.Context(), s); !errors.Is(err, ErrSize) {
		t.Errorf("got %v", err)
	}
	s.Header = nil
	for what, err := range map[string]error{
		"info":    func() error { _, err := ReadInfo(t.Context(), s); return err }(),
		"convert": Convert(t.Context(), s, RBD{}, nil),
		"details": func() error { _, err := ReadDetails(t.Context(), s); return err }(),
	} {
		if !errors.Is(err, errNotInspected) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestParseInfo(t *testing.T) {
	src := Source{File: "/a/b.vmdk", Format: "vmdk", Header: &imageformat.Header{SizeBytes: 512}}
	for answer, want := range map[string]error{
		`{"virtual-size": 512, "format": "vmdk", "format-specific": {"data": {"parent-cid": 4294967295, "extents": [{"filename": "/a/b.vmdk"}]}}}`:   nil,
		`{"virtual-size": 512, "format": "vmdk", "format-specific": {"data": {"parent-cid": 4294967295, "extents": [{"filename": "/etc/shadow"}]}}}`: ErrDataFile,
		`{"virtual-size": 512, "format": "vmdk", "format-specific": {"data": {"parent-cid": 7, "extents": [{"filename": "/a/b.vmdk"}]}}}`:            ErrParent,
		`{"virtual-size": 512, "format": "vmdk", "backing-filename": "x", "format-specific": {"data": {"parent-cid": 4294967295}}}`:                  ErrParent,
		`{"virtual-size": 512, "format": "raw"}`: ErrFormat,
	} {
		var info Info
		out, err := parseInfo([]byte(answer), src)
		if err == nil {
			info, err = out.check(src)
		}
		if !errors.Is(err, want) || err == nil && info.VirtualSizeBytes != 512 {
			t.Errorf("%s: %+v, %v; want %v", answer, info, err, want)
		}
	}
}

func TestProgress(t *testing.T) {
	var got []float64
	w := &progressWriter{report: func(p float64) { got = append(got, p) }}
	for _, s := range []string{"    (0.00/100%)\r    (12", ".50/100%)\r", strings.Repeat("x", 10000), "\r    (100.00/100%)\r\n"} {
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, []float64{0, 12.5, 100}) {
		t.Errorf("%v", got)
	}
}

func TestImageOpts(t *testing.T) {
	got := RBD{Pool: "p", Image: "a,b=c", ConfFile: "/x", User: "u"}.rawOptions()
	if got != "driver=raw,file.driver=rbd,file.pool=p,file.image=a,,b=c,file.conf=/x,file.user=u" {
		t.Error(got)
	}
}

// A backing file that is put into the header after the check is not opened.
func TestNoBackingFileIsOpened(t *testing.T) {
	dir := t.TempDir()
	secret, overlay, out := filepath.Join(dir, "secret"), filepath.Join(dir, "overlay.qcow2"), filepath.Join(dir, "out")
	if err := os.WriteFile(secret, []byte(strings.Repeat("secret!\n", 8192)), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", secret, overlay).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	name, err := Source{File: overlay, Format: "qcow2"}.filename()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command("qemu-img", "convert", "-O", "raw", name, out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil || len(b) != 65536 || strings.Contains(string(b), "secret") {
		t.Errorf("%d bytes, %v; the backing file was read", len(b), err)
	}
}
