// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// overlayOf is an overlay of a disk of 1 MiB that holds the byte 1.
func overlayOf(t *testing.T) (overlay, disk string) {
	t.Helper()
	dir := t.TempDir()
	overlay, disk = filepath.Join(dir, "overlay"), filepath.Join(dir, "disk")
	if err := os.WriteFile(disk, bytes.Repeat([]byte{1}, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", disk, overlay).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return overlay, disk
}

// What is written to a part is in the overlay, at its place, and nowhere else; no
// mount is to be seen, or left.
func TestExportOverlay(t *testing.T) {
	overlay, disk := overlayOf(t)
	dir := t.TempDir()
	e, err := ExportOverlay(t.Context(), overlay, dir, nil, &Part{Start: 4096, Size: 8192})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if fi, err := e.Part.Stat(); err != nil || fi.Size() != 8192 {
		t.Errorf("the part: %+v, %v", fi, err)
	}
	if _, err := e.Disk.WriteAt([]byte{2}, 0); err == nil {
		t.Error("the disk can be written to beside its part")
	}
	if _, err := e.Part.WriteAt(bytes.Repeat([]byte{2}, 512), 512); err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("this process has the mount: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte{1}, 1<<20)
	if got, err := os.ReadFile(disk); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the disk below has changed: %v", err)
	}
	copy(want[4096+512:], bytes.Repeat([]byte{2}, 512))
	raw := filepath.Join(dir, "raw")
	if out, err := exec.Command("qemu-img", "convert", "-f", "qcow2", "-O", "raw", overlay, raw).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, err := os.ReadFile(raw); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the overlay holds something else: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// Without a part the whole disk can be written to. It ends with its context, and
// nobody who reads it hangs.
func TestExportIsCalledOff(t *testing.T) {
	overlay, _ := overlayOf(t)
	ctx, cancel := context.WithCancel(t.Context())
	e, err := ExportOverlay(ctx, overlay, t.TempDir(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Disk.WriteAt([]byte{2}, 0); err != nil {
		t.Error(err)
	}
	cancel()
	<-e.process.Done()
	if _, err := e.Disk.ReadAt(make([]byte, 512), 512<<10); err == nil {
		t.Error("it can still be read")
	}
}

// What can't be exported says so; a call that was ended says that.
func TestExportFails(t *testing.T) {
	if _, err := ExportOverlay(t.Context(), "/nowhere", t.TempDir(), nil, nil); !errors.Is(err, ErrNoExport) || !strings.Contains(err.Error(), "/nowhere") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ExportOverlay(ctx, "/nowhere", t.TempDir(), nil, nil); !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoExport) {
		t.Error(err)
	}
}
