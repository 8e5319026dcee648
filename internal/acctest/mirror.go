// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// MirrorPool is mirrored between the lab's two clusters, image by image and in both
// directions.
const MirrorPool = "mirror"

// RequireMirror starts what mirrors MirrorPool where it does not run. It goes on
// until the lab is stopped, as the next package needs it too.
func RequireMirror(t testing.TB) Second {
	t.Helper()
	dc2 := RequireSecond(t)
	dc1 := os.Getenv("RBD_LAB")
	if runsMirror(dc1) && runsMirror(filepath.Dir(dc2.Conf)) {
		return dc2
	}
	_, here, _, _ := runtime.Caller(0)
	lab := filepath.Join(filepath.Dir(here), "..", "..", "lab", "lab")
	cmd := exec.Command(lab, "mirror-up", "--name", filepath.Base(dc1)) //nolint:gosec // a name of the lab's
	cmd.Env = append(os.Environ(), "RBD_LAB_DIR="+filepath.Dir(dc1))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s mirror-up: %v\n%s", lab, err, out)
	}
	return dc2
}

// runsMirror tells whether the rbd-mirror of an instance runs.
func runsMirror(dir string) bool {
	pid, err := os.ReadFile(filepath.Join(dir, "run", "rbd-mirror.pid"))
	if err != nil {
		return false
	}
	line, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline")
	return err == nil && strings.Contains(string(line), dir+"/")
}

// Mirrored makes an image that the test mirrors, and sees to it that both ends are
// gone in the end, whichever is primary by then.
func Mirrored(t testing.TB, dc2 Second, size string) string {
	t.Helper()
	name := Name(t)
	spec := MirrorPool + "/" + name
	TidyMirrored(t, dc2, name)
	if size != "" {
		RBD(t, "create", "--size", size, spec)
	}
	return spec
}

// TidyMirrored sees to it that an image of this name, and its mirror, are gone in the
// end.
func TidyMirrored(t testing.TB, dc2 Second, name string) {
	t.Helper()
	spec := MirrorPool + "/" + name
	t.Cleanup(func() {
		for _, env := range [][]string{nil, dc2.Env} {
			if out, err := RBDIn(env, "info", spec); err != nil || !strings.Contains(out, "mirroring primary: true") {
				continue
			}
			_, _ = RBDIn(env, "mirror", "image", "disable", spec)
		}
		for _, env := range [][]string{nil, dc2.Env} {
			// A secondary whose primary is gone is removed by its rbd-mirror, in time.
			_, _ = RBDIn(env, "mirror", "image", "disable", "--force", spec)
			_, _ = RBDIn(env, "snap", "purge", "--no-progress", spec)
			_, _ = RBDIn(env, "rm", "--no-progress", spec)
		}
	})
}

// RBDIn runs the rbd command with this environment, as of a second cluster.
func RBDIn(env []string, args ...string) (string, error) {
	cmd := exec.Command("rbd", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
