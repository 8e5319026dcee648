// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// changes are the resources that change a guest with a tool of their own, or in
// an appliance of their own, by the image's name after the test's.
var changes = map[string]string{
	"growth":        "rbd_guest_filesystem_growth",
	"sysprep":       "rbd_guest_sysprep",
	"customization": "rbd_guest_customization",
}

// arguments are those of the changes.
var arguments = map[string]string{
	"sysprep":       `operations = ["bash-history", "machine-id"]`,
	"customization": "hostname = \"" + strings.ToLower(mark) + "\"\n  upload = { \"/root/large\" = \"large\" }",
}

// guests are three guests, with a change of each once change is true.
func guests(name string, change bool) string {
	config := strings.ReplaceAll(slow, `"0.05"`, `"0.01"`)
	config = strings.Replace(config, "accelerator = ", "parallel = 3\n    accelerator = ", 1)
	for kind, typ := range changes {
		config += fmt.Sprintf(`
resource "rbd_image_conversion" %q {
  name = %q
  size = "128MiB"
  source = {
    file   = %q
    format = "qcow2"
  }
}
`, kind, name+"-"+kind, guesttest.Path("tiny-ext4"))
		if change {
			config += fmt.Sprintf("resource %q \"test\" {\n  image = rbd_image_conversion.%s.spec\n  %s\n}\n", typ, kind, arguments[kind])
		}
	}
	return config
}

// content is the SHA-256 of an image or snapshot.
func content(t *testing.T, spec string) string {
	t.Helper()
	out, err := exec.Command("rbd", "export", "--no-progress", spec, "-").Output()
	if err != nil {
		t.Fatalf("rbd export %s: %v", spec, err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(out))
}

// cutOff is a module whose changes are cut off, again and again.
type cutOff struct {
	*module
	ctx     context.Context
	cluster *rbd.Cluster
	name    string
	old     map[string]string // SHA-256 of the images before any change
}

// cut is where an apply ends.
type cut struct {
	stage     string
	reached   func() bool
	kinds     []string // that are applied; all where there are none
	interrupt bool
	// undo says that the images must have a snapshot to go back to.
	undo bool
}

// Growth, sysprep and customization are cut off, each at every stage: the image
// has its old content, or a snapshot that has it, and the next apply goes on.
func TestCutOffChanges(t *testing.T) {
	t.Parallel()
	c := newCutOff(t)
	for _, cut := range []cut{
		{stage: "killed when it had begun", reached: c.begun},
		{stage: "killed in the appliance", reached: func() bool { return c.appliances() == 2 }},
		{stage: "killed in the commit", reached: c.commits("growth"), kinds: []string{"growth"}, undo: true},
		{stage: "killed in the commit", reached: c.commits("sysprep"), kinds: []string{"sysprep"}, undo: true},
		{stage: "killed in the commit", reached: c.commits("customization"), kinds: []string{"customization"}, undo: true},
		// What was cut off before is put back in the same apply.
		{stage: "interrupted in the appliance", reached: c.writes, kinds: []string{"sysprep", "customization"}, interrupt: true},
	} {
		t.Log(cut.stage, cut.kinds)
		c.cut(cut)
	}
	c.finish()
}

func newCutOff(t *testing.T) *cutOff {
	t.Helper()
	c := &cutOff{name: providertest.Name(t), cluster: rbd.NewCluster(rbd.Config{}), old: map[string]string{}}
	ctx, cancel := context.WithTimeout(t.Context(), slack)
	t.Cleanup(cancel)
	c.ctx, c.module = ctx, newModule(t, guests(c.name, false))
	c.write(filepath.Join(c.dir, "large"), strings.Repeat("0123456789abcde\n", 1<<16))
	c.apply()
	for kind := range changes {
		c.old[kind] = content(t, c.spec(kind).String())
	}
	c.configure(guests(c.name, true))
	return c
}

func (c *cutOff) spec(kind string) rbd.Spec { return rbd.Spec{Pool: "vms", Image: c.name + "-" + kind} }

func (c *cutOff) image(kind string) rbd.Image {
	c.t.Helper()
	img, err := c.cluster.Image(c.ctx, c.spec(kind))
	if err != nil {
		c.t.Fatal(err)
	}
	return img
}

// begun tells whether all changes are noted on their images.
func (c *cutOff) begun() bool {
	for kind := range changes {
		if !c.image(kind).EditInterrupted() {
			return false
		}
	}
	return true
}

func (c *cutOff) appliances() int {
	return len(processes(c.t, "qemu-system", c.temp(), "overlay.qcow2"))
}

// writes tells whether a file system is mounted for writing in one of two
// appliances, which inspection does not do.
func (c *cutOff) writes() bool {
	overlays, _ := filepath.Glob(filepath.Join(c.temp(), "terraform-provider-rbd-*", "edit-*", "overlay.qcow2"))
	return c.appliances() == 2 && slices.ContainsFunc(overlays, func(path string) bool {
		fi, err := os.Stat(path)
		return err == nil && fi.Size() > 300<<10 // an empty one has 192 KiB
	})
}

// commits tells whether an overlay goes into its image. These commits are short: the
// process tells sooner than the cluster, and the image's label is there for longer.
func (c *cutOff) commits(kind string) func() bool {
	return func() bool {
		return len(processes(c.t, "qemu-img", "commit", c.temp())) > 0 || c.image(kind).ContentInDoubt()
	}
}

// cut begins an apply, ends it where it is to end, and looks at the images.
func (c *cutOff) cut(cut cut) {
	c.t.Helper()
	args := []string{"apply", "-auto-approve", "-no-color"}
	for _, kind := range cut.kinds {
		args = append(args, "-target="+changes[kind]+".test")
	}
	r := c.start(args...)
	c.when(r, cut.stage, cut.reached)
	if cut.interrupt {
		c.interrupt(r)
		c.leftNothing()
	} else {
		c.kill(r)
		noProcess(c.ctx, c.t, c.temp())
	}
	for kind := range changes {
		c.oldContent(cut, kind)
		spec := c.spec(kind).String()
		if !cut.interrupt {
			imagestest.Forget(c.t, spec)
		} else if slices.Contains(cut.kinds, kind) {
			if err := guesttest.Clean(c.t, spec)(nil); err != nil {
				c.t.Errorf("%s: %v", cut.stage, err)
			}
		}
	}
}

// oldContent expects what the image had before, in it or under its snapshot.
func (c *cutOff) oldContent(cut cut, kind string) {
	c.t.Helper()
	s := c.spec(kind)
	if _, err := c.image(kind).Snapshot(rbd.UndoSnapshot); err == nil {
		s = s.WithSnapshot(rbd.UndoSnapshot)
	} else if cut.undo && slices.Contains(cut.kinds, kind) {
		c.t.Errorf("%s: %s has no snapshot to go back to", cut.stage, s)
	}
	if got := content(c.t, s.String()); got != c.old[kind] {
		c.t.Errorf("%s: %s has the content %s, not its old one, %s", cut.stage, s, got, c.old[kind])
	}
}

// finish lets an apply end, looks into the guests, and destroys all.
func (c *cutOff) finish() {
	c.t.Helper()
	c.apply()
	c.empty()
	for kind, want := range map[string]string{
		"growth": "Block count:              32512", "sysprep": ".bash_history: File not found", "customization": strings.ToLower(mark),
	} {
		s := c.spec(kind).String()
		out := guesttest.Debugfs(c.t, s, "show_super_stats -h", "stat /root/.bash_history", "cat /etc/hostname", "stat /root/large")
		if !strings.Contains(out, want) {
			c.t.Errorf("%s is not in %s:\n%s", want, s, out)
		}
		if err := guesttest.Clean(c.t, s)(nil); err != nil {
			c.t.Error(err)
		}
	}
	c.destroy()
	if got := acctest.Images(c.t, "vms", c.name); len(got) > 0 {
		c.t.Errorf("destroy has left %v", got)
	}
	c.leftNothing()
}
