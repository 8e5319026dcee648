package export_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

const mib = 1 << 20

func quoted(s string) string { return fmt.Sprintf("%q", s) }

// snapshot makes an image of this size with 64 KiB of data at each place and at
// its very end, and a snapshot of it. salt makes the data differ.
func snapshot(t *testing.T, name string, size int64, salt byte, places ...int64) string {
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
			data[i] = byte(int64(i)*7+at>>9) ^ byte(i>>8) ^ salt
		}
		if _, err := f.WriteAt(data, at); err != nil {
			t.Fatal(err)
		}
	}
	acctest.RBD(t, "import", "--no-progress", raw, spec)
	return spec + "@s"
}

// sameContent reads the snapshot with rbd, and a qcow2 with qemu-img.
func sameContent(t *testing.T, file, format, spec string) resource.TestCheckFunc {
	return func(*terraform.State) error {
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
			out, err := exec.Command("qemu-img", "compare", "-f", format, "-F", "raw", file, "rbd:"+spec+":id=terraform").CombinedOutput()
			if err != nil {
				return fmt.Errorf("qemu-img compare: %w: %s", err, out)
			}
		}
		if !bytes.Equal(readFile(t, want), readFile(t, got)) {
			return fmt.Errorf("%s has not the content of %s", file, spec)
		}
		return nil
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func sha(t *testing.T, name string) string {
	t.Helper()
	sum := sha256.Sum256(readFile(t, name))
	return hex.EncodeToString(sum[:])
}

// used is what a file takes on the disk.
func used(name string) (int64, error) {
	var st syscall.Stat_t
	err := syscall.Stat(name, &st)
	return st.Blocks * 512, err
}

// only fails where the folder has anything but these files.
func only(dir string, want ...string) error {
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

func holds(dir string, want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error { return only(dir, want...) }
}
