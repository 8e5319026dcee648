package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
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

// forget has the cluster forget the clients that watch an image: those that were
// killed, of whose end it would otherwise know half a minute later.
func forget(t *testing.T, spec string) {
	t.Helper()
	var status struct {
		Watchers []struct{ Address string }
	}
	if err := json.Unmarshal([]byte(acctest.RBD(t, "status", "--format", "json", spec)), &status); err != nil {
		t.Fatal(err)
	}
	for _, w := range status.Watchers {
		acctest.Admin(t, "ceph", "osd", "blocklist", "add", w.Address, "600")
	}
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

// Growth, sysprep and customization are cut off, each at every stage: the image
// has its old content, or a snapshot that has it, and the next apply goes on.
func TestCutOffChanges(t *testing.T) {
	name := providertest.Name(t)
	c := rbd.NewCluster(rbd.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), slack)
	defer cancel()
	spec := func(kind string) rbd.Spec { return rbd.Spec{Pool: "vms", Image: name + "-" + kind} }
	image := func(kind string) rbd.Image {
		img, err := c.Image(ctx, spec(kind))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	m := newModule(t, guests(name, false))
	m.write(filepath.Join(m.dir, "large"), strings.Repeat("0123456789abcde\n", 1<<16))
	m.apply()
	old := map[string]string{}
	for kind := range changes {
		old[kind] = content(t, spec(kind).String())
	}
	m.configure(guests(name, true))

	begun := func() bool {
		for kind := range changes {
			if !image(kind).EditInterrupted() {
				return false
			}
		}
		return true
	}
	inAppliance := func(n int) func() bool {
		return func() bool { return len(processes(t, "qemu-system", m.temp(), "overlay.qcow2")) == n }
	}
	// A file system is mounted for writing, which inspection does not do.
	atWork := func() bool {
		overlays, _ := filepath.Glob(filepath.Join(m.temp(), "terraform-provider-rbd-*", "edit-*", "overlay.qcow2"))
		return inAppliance(2)() && slices.ContainsFunc(overlays, func(path string) bool {
			fi, err := os.Stat(path)
			return err == nil && fi.Size() > 300<<10 // an empty one has 192 KiB
		})
	}
	// The processes tell sooner than the cluster, and these commits are short.
	inCommit := func() bool { return len(processes(t, "qemu-img", "commit", m.temp())) > 0 }
	for _, cut := range []struct {
		stage     string
		reached   func() bool
		kinds     []string // that are applied; all where there are none
		interrupt bool
	}{
		{stage: "killed when it had begun", reached: begun},
		{stage: "killed in the appliance", reached: inAppliance(3)},
		{stage: "killed in the commit", reached: inCommit, kinds: []string{"growth"}},
		{stage: "killed in the commit", reached: inCommit, kinds: []string{"sysprep"}},
		{stage: "killed in the commit", reached: inCommit, kinds: []string{"customization"}},
		// What was cut off before is put back in the same apply.
		{stage: "interrupted in the appliance", reached: atWork, kinds: []string{"sysprep", "customization"}, interrupt: true},
	} {
		t.Log(cut.stage, cut.kinds)
		args := []string{"apply", "-auto-approve", "-no-color"}
		for _, kind := range cut.kinds {
			args = append(args, "-target="+changes[kind]+".test")
		}
		r := m.start(args...)
		m.when(r, cut.stage, cut.reached)
		if cut.interrupt {
			m.interrupt(r)
			m.leftNothing()
		} else {
			m.kill(r)
			noProcess(ctx, t, m.temp())
		}
		for kind := range changes {
			s, img := spec(kind), image(kind)
			if _, err := img.Snapshot(rbd.UndoSnapshot); err == nil {
				s = s.WithSnapshot(rbd.UndoSnapshot)
			} else if cut.stage == "killed in the commit" && slices.Contains(cut.kinds, kind) {
				t.Errorf("%s: %s has no snapshot to go back to", cut.stage, s)
			}
			if got := content(t, s.String()); got != old[kind] {
				t.Errorf("%s: %s has the content %s, not its old one, %s", cut.stage, s, got, old[kind])
			}
			if !cut.interrupt {
				forget(t, spec(kind).String())
			} else if slices.Contains(cut.kinds, kind) {
				if err := guesttest.Clean(t, s.String())(nil); err != nil {
					t.Errorf("%s: %v", cut.stage, err)
				}
			}
		}
	}

	m.apply()
	m.empty()
	for kind, want := range map[string]string{
		"growth": "Block count:              32512", "sysprep": ".bash_history: File not found", "customization": strings.ToLower(mark),
	} {
		s := spec(kind).String()
		out := guesttest.Look(t, s, "show_super_stats -h", "stat /root/.bash_history", "cat /etc/hostname", "stat /root/large")
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in %s:\n%s", want, s, out)
		}
		if err := guesttest.Clean(t, s)(nil); err != nil {
			t.Error(err)
		}
	}
	m.destroy()
	if got := acctest.Images(t, "vms", name); len(got) > 0 {
		t.Errorf("destroy has left %v", got)
	}
	m.leftNothing()
}
