package qemuimg

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func qcow2Header(version uint32, change func([]byte)) []byte {
	b := make([]byte, HeadBytes)
	copy(b, "QFI\xfb")
	binary.BigEndian.PutUint32(b[4:], version)
	if change != nil {
		change(b)
	}
	return b
}

func vmdkHeader(capacity uint64) []byte {
	b := make([]byte, HeadBytes)
	copy(b, "KDMV")
	binary.LittleEndian.PutUint64(b[12:], capacity)
	return b
}

func TestCheckHead(t *testing.T) {
	for name, tc := range map[string]struct {
		format string
		head   []byte
		want   error
	}{
		"qcow2 v2":       {"qcow2", qcow2Header(2, nil), nil},
		"qcow2 v3":       {"qcow2", qcow2Header(3, nil), nil},
		"qcow2 v4":       {"qcow2", qcow2Header(4, nil), ErrFormat},
		"not qcow2":      {"qcow2", make([]byte, HeadBytes), ErrFormat},
		"empty":          {"qcow2", nil, ErrFormat},
		"cut off":        {"qcow2", qcow2Header(3, nil)[:80], ErrFormat},
		"backing file":   {"qcow2", qcow2Header(3, func(b []byte) { b[15] = 1 }), ErrBackingFile},
		"encrypted":      {"qcow2", qcow2Header(3, func(b []byte) { b[35] = 2 }), ErrEncrypted},
		"data file":      {"qcow2", qcow2Header(3, func(b []byte) { b[79] = 4 }), ErrDataFile},
		"dirty":          {"qcow2", qcow2Header(3, func(b []byte) { b[79] = 1 }), nil},
		"vmdk":           {"vmdk", vmdkHeader(2048), nil},
		"vmdk by text":   {"vmdk", []byte("# Disk DescriptorFile\nRW 100 FLAT \"/etc/shadow\" 0\n"), ErrFormat},
		"vmdk redirects": {"vmdk", vmdkHeader(0), ErrDataFile},
		"raw":            {"raw", nil, nil},
		"unknown format": {"parallels", nil, ErrFormat},
	} {
		if err := (Source{Format: tc.format, Head: tc.head}).CheckHead(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestParseInfo(t *testing.T) {
	src := Source{File: "/a/b.vmdk", Format: "vmdk"}
	for answer, want := range map[string]error{
		`{"virtual-size": 512, "format": "vmdk", "format-specific": {"data": {"parent-cid": 4294967295, "extents": [{"filename": "/a/b.vmdk"}]}}}`:   nil,
		`{"virtual-size": 512, "format": "vmdk", "format-specific": {"data": {"parent-cid": 4294967295, "extents": [{"filename": "/etc/shadow"}]}}}`: ErrDataFile,
		`{"virtual-size": 512, "format": "vmdk", "format-specific": {"data": {"parent-cid": 7, "extents": [{"filename": "/a/b.vmdk"}]}}}`:            ErrBackingFile,
		`{"virtual-size": 512, "format": "vmdk", "backing-filename": "x", "format-specific": {"data": {"parent-cid": 4294967295}}}`:                  ErrBackingFile,
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
	got := RBD{Pool: "p", Image: "a,b=c", ConfFile: "/x", User: "u"}.imageOpts()
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
