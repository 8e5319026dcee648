// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// content is 12 MiB and a bit, with noise, text and holes.
func content() []byte {
	b := make([]byte, 12<<20+512)
	r := rand.NewChaCha8([32]byte{1})
	for at := 0; at+3<<16 < len(b); at += 3 << 19 {
		_, _ = r.Read(b[at : at+70000]) // it never fails
		copy(b[at+100000:], bytes.Repeat([]byte("a disk "), 9000))
	}
	_, _ = r.Read(b[len(b)-700:])
	return b
}

func qemuIO(t *testing.T, path string, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if out, err := exec.Command("qemu-io", "-f", Qcow2, "-c", c, path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

func readDisk(t *testing.T, format, path string, backing *Disk) *Disk {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenDisk(format, bytes.NewReader(b), int64(len(b)), backing)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func checkDisk(t *testing.T, d *Disk, want []byte) {
	t.Helper()
	if d.SizeBytes < uint64(len(want)) {
		t.Fatalf("%d bytes, want %d", d.SizeBytes, len(want))
	}
	want = append(bytes.Clone(want), make([]byte, d.SizeBytes-uint64(len(want)))...)
	for _, step := range []int{1 << 20, 12345} {
		for at := 0; at < len(want); at += step {
			got := make([]byte, min(step, len(want)-at))
			if _, err := d.ReadAt(got, int64(at)); err != nil || !bytes.Equal(got, want[at:at+len(got)]) {
				t.Fatalf("other content in %d bytes at %d, %v", len(got), at, err)
			}
			has, err := d.HasData(uint64(at), uint64(len(got)))
			if err != nil || !has && !bytes.Equal(got, make([]byte, len(got))) {
				t.Fatalf("data in %d bytes at %d is not seen, %v", len(got), at, err)
			}
		}
	}
}

// What is read of an image is what qemu-img has written into it.
func TestDisk(t *testing.T) {
	want := content()
	raw := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(raw, want, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		format, options string
		compressed      bool
	}{
		{"raw", "", false},
		{Qcow2, "compat=0.10", false}, {Qcow2, "compat=0.10", true}, {Qcow2, "compat=1.1", false}, {Qcow2, "compat=1.1", true},
		{Qcow2, "cluster_size=512", false}, {Qcow2, "cluster_size=512", true}, {Qcow2, "cluster_size=2M", true}, {Qcow2, "compression_type=zstd", true},
		{Qcow2, "extended_l2=on,cluster_size=128k", false}, {Qcow2, "extended_l2=on,cluster_size=64k", true},
		{VDI, "static=off", false}, {VDI, "static=on", false}, {VHDX, "subformat=dynamic", false}, {VHDX, "subformat=fixed", false}, {VHDX, "block_size=1M", false},
		{VMDK, "subformat=monolithicSparse", false}, {VMDK, "subformat=streamOptimized", false},
		{VPC, "subformat=dynamic", false}, {VPC, "subformat=fixed,force_size=on", false},
	} {
		t.Run(fmt.Sprint(tc.format, " ", tc.options, " ", tc.compressed), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "image")
			args := []string{"convert", "-f", "raw", "-O", tc.format}
			if tc.options != "" {
				args = append(args, "-o", tc.options)
			}
			if tc.compressed {
				args = append(args, "-c")
			}
			qemuImg(t, append(args, raw, path)...)
			d := readDisk(t, tc.format, path, nil)
			checkDisk(t, d, want)
			if has, err := d.HasData(700000, 100); tc.format == Qcow2 && tc.options != "cluster_size=2M" && (has || err != nil) {
				t.Errorf("a hole has data: %v", err)
			}
		})
	}
}

// What an overlay does not have is in its backing file, which may be shorter.
func TestDiskWithBackingFile(t *testing.T) {
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	want := append(content(), make([]byte, 2<<20)...)
	if err := os.WriteFile(at("raw"), want[:12<<20+512], 0o600); err != nil {
		t.Fatal(err)
	}
	qemuImg(t, "create", "-q", "-f", Qcow2, "-F", "raw", "-b", at("raw"), at("middle"), "12M")
	qemuIO(t, at("middle"), "write -P 7 1M 64k", "write -z 3M 128k")
	qemuImg(t, "create", "-q", "-f", Qcow2, "-F", Qcow2, "-b", at("middle"), "-o", "extended_l2=on", at("top"), "14680576")
	qemuIO(t, at("top"), "write -P 9 5M 2k", "write -z 6M 4k", "write -P 3 13M 512")
	clear(want[12<<20 : 12<<20+512])
	fill := func(at, n int, c byte) { copy(want[at:], bytes.Repeat([]byte{c}, n)) }
	fill(1<<20, 64<<10, 7)
	fill(3<<20, 128<<10, 0)
	fill(5<<20, 2<<10, 9)
	fill(6<<20, 4<<10, 0)
	fill(13<<20, 512, 3)
	checkDisk(t, readDisk(t, Qcow2, at("top"), readDisk(t, Qcow2, at("middle"), readDisk(t, "raw", at("raw"), nil))), want)
}

// FuzzDisk looks for a panic, and for more memory than a block needs.
func FuzzDisk(f *testing.F) {
	formats := []string{Qcow2, VDI, VHDX, VMDK, VPC}
	raw := filepath.Join(f.TempDir(), "raw")
	if err := os.WriteFile(raw, bytes.Repeat([]byte("disk"), 1<<14), 0o600); err != nil {
		f.Fatal(err)
	}
	for i, args := range [][]string{{Qcow2, "-c", "-o", "cluster_size=4k"}, {VDI}, {VHDX, "-o", "block_size=1M"}, {VMDK, "-o", "subformat=streamOptimized"}, {VPC}} {
		path := filepath.Join(f.TempDir(), "image")
		qemuImg(f, append(append([]string{"convert", "-f", "raw", "-O"}, args...), raw, path)...)
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b[:min(len(b), 64<<10)], uint64(0))
	}
	f.Fuzz(func(t *testing.T, format uint8, b []byte, at uint64) {
		d, err := OpenDisk(formats[int(format)%len(formats)], bytes.NewReader(b), int64(len(b)), nil)
		if err != nil || d.SizeBytes == 0 {
			return
		}
		at %= d.SizeBytes
		_, _ = d.HasData(at, 4096)
		if n, err := d.ReadAt(make([]byte, 4096), int64(at)); err == nil && n < 4096 {
			t.Errorf("%d bytes without an error", n)
		}
	})
}
