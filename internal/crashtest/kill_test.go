// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// slow is a cluster that is a network away, so that there is a middle of things
// to be killed in.
const slow = `
provider "rbd" {
  ceph = {
    pool = "vms"
    options = {
      ms_inject_delay_type        = "osd"
      ms_inject_delay_probability = "1"
      ms_inject_delay_max         = "0.05"
    }
  }
  guestfs = {
    accelerator = "tcg"
  }
}
`

// source makes a qcow2 full of random data.
func source(t *testing.T, mib int64) string {
	t.Helper()
	dir := t.TempDir()
	raw, qcow2 := filepath.Join(dir, "raw"), filepath.Join(dir, "disk.qcow2")
	f, err := os.Create(raw)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, rand.Reader, mib<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return qcow2
}

func conversion(name, file string) string {
	return fmt.Sprintf("resource \"rbd_image_conversion\" \"test\" {\n  name = %q\n  size = \"200MiB\"\n  source = {\n    file = %q\n    format = \"qcow2\"\n  }\n}\n", name, file)
}

func sameContent(t *testing.T, file, spec string) {
	t.Helper()
	out, err := exec.Command("qemu-img", "compare", "-f", "qcow2", "-F", "raw", file, "rbd:"+spec+":id=terraform").CombinedOutput()
	if err != nil {
		t.Errorf("qemu-img compare: %v: %s", err, out)
	}
}

// converting tells whether qemu-img writes the temporary image.
func converting(t *testing.T, name string) func() bool {
	return func() bool { return len(processes(t, "qemu-img", "convert", rbd.PendingName(name))) > 0 }
}

func TestKilledConversion(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	file := source(t, 128)
	m := newModule(t, slow+conversion(name, file))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()

	r := m.start("apply", "-auto-approve")
	m.when(r, "qemu-img was at work", converting(t, name))
	m.kill(r)
	noProcess(ctx, t, "qemu-img", "convert", rbd.PendingName(name))
	if got := acctest.Images(t, "vms", name); len(got) != 1 || got[0] != rbd.PendingName(name) {
		t.Errorf("after the kill there is %v, not the temporary image alone", got)
	}
	m.apply()
	sameContent(t, file, "vms/"+name)
	m.empty()
	if got := acctest.Images(t, "vms", name); len(got) != 1 || got[0] != name {
		t.Errorf("after the next apply there is %v", got)
	}
	m.destroy()
	if got := acctest.Images(t, "vms", name); len(got) > 0 {
		t.Errorf("destroy has left %v", got)
	}
}

func TestInterruptedConversion(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	m := newModule(t, slow+conversion(name, source(t, 128)))
	r := m.start("apply", "-auto-approve", "-no-color")
	m.when(r, "qemu-img was at work", converting(t, name))
	out := m.interrupt(r)
	if !strings.Contains(out, "cancel") {
		t.Errorf("the cancellation is not told:\n%s", out)
	}
	if got := acctest.Images(t, "vms", name); len(got) > 0 {
		t.Errorf("left: %v\n%s", got, out)
	}
}

const (
	mark  = "REPLACED-BY-THE-EDIT"
	slack = 30 * time.Minute
)

// edited is a guest with an edit large enough for its commit to take a moment.
func edited(name string, edit bool) string {
	config := strings.ReplaceAll(slow, `"0.05"`, `"0.01"`) + fmt.Sprintf(`
resource "rbd_image_conversion" "test" {
  name = %q
  source = {
    file   = %q
    format = "qcow2"
  }
}
`, name, filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4.qcow2"))
	if edit {
		config += fmt.Sprintf(`
resource "rbd_guest_file_edit" "test" {
  image = rbd_image_conversion.test.spec
  files = {
    "/etc/hostname" = { content = %q }
    "/root/large"   = { content = %q }
  }
}
`, mark+"\n", strings.Repeat("0123456789abcde\n", 1<<16))
	}
	return config
}

// The image must have either its old or its new content at every moment, and
// the next apply the new one.
func TestKilledEdit(t *testing.T) {
	t.Parallel()
	for stage, reached := range map[string]func(*module, *rbd.Cluster, rbd.Spec) bool{
		"in the overlay": func(m *module, _ *rbd.Cluster, _ rbd.Spec) bool {
			return len(processes(m.t, "qemu-storage-daemon", m.temp(), "overlay.qcow2")) > 0
		},
		"in the commit": func(m *module, c *rbd.Cluster, spec rbd.Spec) bool {
			t := m.t
			img, err := c.Image(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			return img.ContentInDoubt()
		},
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			name := providertest.Name(t)
			spec := rbd.Spec{Pool: "vms", Image: name}
			c := rbd.NewCluster(rbd.Config{})
			ctx, cancel := context.WithTimeout(t.Context(), slack)
			defer cancel()
			m := newModule(t, edited(name, false))
			m.apply()
			m.configure(edited(name, true))

			r := m.start("apply", "-auto-approve")
			m.when(r, stage, func() bool { return reached(m, c, spec) })
			m.kill(r)
			noProcess(ctx, t, m.temp(), "overlay.qcow2")
			m.apply()
			m.empty()

			img, err := c.Image(ctx, spec)
			if err != nil {
				t.Fatal(err)
			}
			if len(img.Snapshots) > 0 || img.EditInterrupted() {
				t.Errorf("left on the image: %+v", img)
			}
			boots(t, spec.String(), "host="+mark)
			m.destroy()
			if got := acctest.Images(t, "vms", name); len(got) > 0 {
				t.Errorf("destroy has left %v", got)
			}
			m.leftNothing()
		})
	}
}

// An image whose edit was cut off can be destroyed all the same.
func TestDestroyAfterAKilledEdit(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	m := newModule(t, edited(name, false))
	m.apply()
	m.configure(edited(name, true))
	c := rbd.NewCluster(rbd.Config{})
	r := m.start("apply", "-auto-approve")
	m.when(r, "in the commit", func() bool {
		img, err := c.Image(t.Context(), rbd.Spec{Pool: "vms", Image: name})
		return err == nil && img.ContentInDoubt()
	})
	m.kill(r)
	m.destroy()
	if got := acctest.Images(t, "vms", name); len(got) > 0 {
		t.Errorf("destroy has left %v", got)
	}
}

func boots(t *testing.T, spec, marker string) {
	t.Helper()
	out, err := exec.Command(filepath.Join("..", "..", "lab", "boot"), "rbd:"+spec, "TINY-READY.*"+marker).CombinedOutput()
	if err != nil {
		t.Errorf("%s does not boot: %v\n%s", spec, err, out)
	}
}
