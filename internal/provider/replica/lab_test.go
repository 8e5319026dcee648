// SPDX-License-Identifier: MPL-2.0

package replica_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

const address = "rbd_image_replica.test"

// source is an image in the pool images whose snapshots are copied.
type source struct {
	t    *testing.T
	spec string
	env  []string // of the commands, for another cluster than the test's own
}

// newSource makes it; the name begins with that of the test, which cleans up.
func newSource(t *testing.T, name, size string, more ...string) source {
	t.Helper()
	acctest.RequireLab(t)
	s := source{t: t, spec: "images/" + name + "-source"}
	s.rbd(append([]string{"create", "--size", size, s.spec}, more...)...)
	return s
}

func (s source) run(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(cmd.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s source) rbd(args ...string) string { s.t.Helper(); return s.run("rbd", args...) }

// change runs commands of qemu-io on it, as "write -P 7 1M 64k".
func (s source) change(commands ...string) {
	s.t.Helper()
	change(s.t, s.env, s.spec, commands...)
}

func change(t *testing.T, env []string, spec string, commands ...string) {
	t.Helper()
	args := []string{"-f", "raw", "-d", "unmap"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	out := source{t: t, env: env}.run("qemu-io", append(args, "rbd:"+spec+":id=terraform")...)
	if strings.Contains(out, "failed") {
		t.Fatalf("qemu-io: %s", out)
	}
}

func (s source) snapshot(name string) string {
	s.t.Helper()
	s.rbd("snap", "create", "--no-progress", s.spec+"@"+name)
	return s.spec + "@" + name
}

// content is `rbd export SPEC - | sha256sum`.
func content(env []string, spec string) (string, error) {
	cmd := exec.Command("rbd", "export", "--no-progress", spec, "-")
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	h := sha256.New()
	n, err := io.Copy(h, out)
	if e := cmd.Wait(); e != nil || err != nil {
		return "", fmt.Errorf("rbd export %s: %w %w", spec, err, e)
	}
	return fmt.Sprintf("%d bytes, %x", n, h.Sum(nil)), nil
}

// same asks the rbd command itself: the copy's snapshot and its head are what the
// source's snapshot is.
func (s source) same(snapshot, copied string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		want, err := content(s.env, s.spec+"@"+snapshot)
		if err != nil {
			return err
		}
		for _, spec := range []string{copied + "@" + snapshot, copied} {
			got, err := content(nil, spec)
			if err != nil {
				return err
			}
			if got != want {
				return fmt.Errorf("%s has %s, the source has %s", spec, got, want)
			}
		}
		return nil
	}
}

func config(name, snapshot string, more ...string) string {
	return fmt.Sprintf(`
resource "rbd_image_replica" "test" {
  name   = %q
  source = { snapshot = %q }
  %s
}
`, name, snapshot, strings.Join(more, "\n  "))
}

// snapshots are the names of those of an image.
func snapshots(t *testing.T, spec string) string {
	t.Helper()
	var names []string
	for i, line := range strings.Split(acctest.RBD(t, "snap", "ls", spec), "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 1 {
			names = append(names, f[1])
		}
	}
	return strings.Join(names, " ")
}

func haveSnapshots(t *testing.T, spec, want string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := snapshots(t, spec); got != want {
			return fmt.Errorf("%s has the snapshots %s, want %s", spec, got, want)
		}
		return nil
	}
}

// diff adds up what `rbd diff` shows of data between two snapshots.
func (s source) diff(from, to string) func() int64 {
	return func() int64 {
		var total int64
		for line := range strings.Lines(s.rbd("diff", "--from-snap", from, s.spec+"@"+to)) {
			var at, n int64
			var what string
			if _, err := fmt.Sscan(line, &at, &n, &what); err == nil && what == "data" {
				total += n
			}
		}
		if total > 4<<20 {
			s.t.Errorf("%d bytes are too many for a test of a difference", total)
		}
		return total
	}
}
