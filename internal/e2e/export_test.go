package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func export(snapshot, file, format string) string {
	return slow + fmt.Sprintf("resource \"rbd_image_export\" \"test\" {\n  snapshot = %q\n  file = %q\n  format = %q\n}\n", snapshot, file, format)
}

// begun tells whether some of the file has been written.
func begun(file string) func() bool {
	return func() bool {
		fi, err := os.Stat(filepath.Join(file+".tfpending", "content"))
		return err == nil && fi.Size() > 1<<20
	}
}

// An export that is cut off leaves no file, and the next apply makes it.
func TestKilledExport(t *testing.T) {
	name := providertest.Name(t)
	spec := parent(t, name, 256)
	for _, format := range []string{"raw", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "disk")
			m := newModule(t, export(spec, file, format))
			r := m.start("apply", "-auto-approve", "-no-color")
			m.when(r, "it was written to", begun(file))
			m.kill(r)
			noProcess(t.Context(), t, "qemu-img", "convert", file)
			if got := list(t, dir); got != "disk.tfpending" {
				t.Errorf("after the kill there is %s", got)
			}
			m.apply()
			m.empty()
			if got := list(t, dir); got != "disk" {
				t.Errorf("after the next apply there is %s", got)
			}
			sameExport(t, file, format, spec)
			m.destroy()
			if got := list(t, dir); got != "" {
				t.Errorf("destroy has left %s", got)
			}
		})
	}
}

func TestInterruptedExport(t *testing.T) {
	name := providertest.Name(t)
	spec := parent(t, name, 256)
	t.Cleanup(func() { // qemu-img has left its watch
		if err := rbd.NewCluster(rbd.Config{}).WaitUnused(context.Background(), rbd.Spec{Pool: "vms", Image: name}, ""); err != nil {
			t.Error(err)
		}
	})
	for _, format := range []string{"raw", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "disk")
			m := newModule(t, export(spec, file, format))
			r := m.start("apply", "-auto-approve", "-no-color")
			m.when(r, "it was written to", begun(file))
			out := m.interrupt(r)
			if got := list(t, dir); got != "" || !strings.Contains(out, "cancel") {
				t.Errorf("left: %s\n%s", got, out)
			}
		})
	}
}

func list(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range found {
		found[i] = filepath.Base(f)
	}
	return strings.Join(found, " ")
}

func sameExport(t *testing.T, file, format, spec string) {
	t.Helper()
	dir := t.TempDir()
	want, got := filepath.Join(dir, "want"), filepath.Join(dir, "got")
	acctest.RBD(t, "export", "--no-progress", spec, want)
	if out, err := exec.Command("qemu-img", "convert", "-f", format, "-O", "raw", file, got).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a, err1 := os.ReadFile(want)
	b, err2 := os.ReadFile(got)
	if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("the file has not the content of %s (%v, %v)", spec, err1, err2)
	}
}
