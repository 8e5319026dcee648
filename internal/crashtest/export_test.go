// SPDX-License-Identifier: MPL-2.0

package crashtest

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
	t.Parallel()
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

// Of two states with the same configuration each leaves alone what the other's
// run was writing when it was killed, and has written. So does a state that was
// made to forget its file, and still a replacement may be created first.
func TestExportOfTwoStates(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := parent(t, name, 64)
	dir := t.TempDir()
	file := filepath.Join(dir, "disk")
	config := export(spec, file, "raw")
	ours, theirs := newModule(t, config), newModule(t, config)
	untouched := func(by *module, want string) {
		t.Helper()
		before := inodes(t, dir)
		for _, args := range [][]string{{"plan", "-no-color"}, {"apply", "-auto-approve", "-no-color"}} {
			r := by.start(args...)
			if err := <-r.end; err == nil || !strings.Contains(strings.Join(strings.Fields(r.out.String()), " "), want) {
				t.Errorf("%s: %v, want %q\n%s", args[0], err, want, r.out.String())
			}
		}
		if after := inodes(t, dir); after != before {
			t.Errorf("there was\n%s\nand now\n%s", before, after)
		}
	}
	r := ours.start("apply", "-auto-approve", "-no-color")
	ours.when(r, "it was written to", begun(file))
	ours.kill(r)
	untouched(theirs, "a run of another state writes the file, or was cut off")
	if plan := ours.do("plan", "-no-color"); !strings.Contains(plan, "An unfinished run is taken up") {
		t.Errorf("the plan does not say that it goes on with an unfinished run:\n%s", plan)
	}
	ours.apply()
	untouched(theirs, "a run of another state wrote it")
	ours.do("state", "rm", "rbd_image_export.test")
	untouched(ours, "this state had it, and does not now")
	ours.do("import", "-no-color", "rbd_image_export.test", file+","+spec)
	ours.empty()

	ours.configure(strings.Replace(export(spec, file, "qcow2"), "format =", "lifecycle {\n    create_before_destroy = true\n  }\n  format =", 1))
	ours.do("plan", "-no-color", "-out=saved")
	ours.do("apply", "-no-color", "saved")
	ours.empty()
	sameExport(t, file, "qcow2", spec)
	ours.do("state", "rm", "rbd_image_export.test")
	untouched(ours, "this state had it, and does not now")
}

// inodes tells the files of a folder, and those in its folders, from others.
func inodes(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", dir, "-type", "f", "-printf", "%i %s %p\n").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestInterruptedExport(t *testing.T) {
	t.Parallel()
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
