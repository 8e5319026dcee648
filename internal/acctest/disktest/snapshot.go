// SPDX-License-Identifier: MPL-2.0

package disktest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// Snapshot makes an image of this size in the pool vms with 64 KiB of data at each
// place and at its very end, and a snapshot of it, whose spec it returns. salt makes
// the data differ.
func Snapshot(t testing.TB, name string, size int64, salt byte, places ...int64) string {
	t.Helper()
	spec := "vms/" + name
	defer func() { acctest.RBD(t, "snap", "create", "--no-progress", spec+"@s") }()
	if size == 0 { // rbd imports no empty file
		acctest.RBD(t, "create", "--size", "0", spec)
		return spec + "@s"
	}
	raw := filepath.Join(t.TempDir(), "raw")
	f, err := os.Create(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64<<10)
	for _, at := range append(places, size-int64(len(data))) {
		for i := range data {
			data[i] = byte(int64(i)*7+at>>9) ^ byte(i>>8) ^ salt //nolint:gosec // any byte will do
		}
		if _, err := f.WriteAt(data, at); err != nil {
			t.Fatal(err)
		}
	}
	acctest.RBD(t, "import", "--no-progress", raw, spec)
	return spec + "@s"
}

// CompareFile fails where a file has another content than a snapshot: it reads the
// snapshot with rbd, and a qcow2 with qemu-img.
func CompareFile(t testing.TB, file, format, spec string) error {
	t.Helper()
	dir := t.TempDir()
	want, got := filepath.Join(dir, "want"), file
	acctest.RBD(t, "export", "--no-progress", spec, want)
	if format == "qcow2" {
		got = filepath.Join(dir, "got")
		if out, err := exec.Command("qemu-img", "check", "-f", format, file).CombinedOutput(); err != nil {
			return fmt.Errorf("qemu-img check: %w: %s", err, out)
		}
		if out, err := exec.Command("qemu-img", "convert", "-f", format, "-O", "raw", file, got).CombinedOutput(); err != nil {
			return fmt.Errorf("qemu-img convert: %w: %s", err, out)
		}
		if err := Compare(file, format, spec); err != nil {
			return err
		}
	}
	if !bytes.Equal(Content(t, want), Content(t, got)) {
		return fmt.Errorf("%s has not the content of %s", file, spec)
	}
	return nil
}

// CheckSparse allows a file for four places with data and what a qcow2 has of its
// own.
func CheckSparse(file string) error {
	var st syscall.Stat_t
	err := syscall.Stat(file, &st)
	if n := st.Blocks * 512; err == nil && n > 4*(64<<10)+(512<<10) {
		err = fmt.Errorf("%s takes %d bytes", file, n)
	}
	return err
}

// CheckFolder fails where a folder has anything but these files.
func CheckFolder(dir string, want ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		return fmt.Errorf("in %s there is %q, expected %q", dir, got, want)
	}
	return nil
}
