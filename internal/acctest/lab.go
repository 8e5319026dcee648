// Package acctest is what the tests against the lab share.
package acctest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// RequireLab fails the test where the shell has no lab. A test that skips
// itself proves nothing.
func RequireLab(t testing.TB) {
	t.Helper()
	if os.Getenv("RBD_LAB") == "" {
		t.Fatal("this test needs the lab: run `lab/lab up` and `eval \"$(lab/lab env)\"`, or just `make test`")
	}
}

// FSID is the fsid of the lab's cluster.
func FSID(t testing.TB) string {
	t.Helper()
	RequireLab(t)
	return os.Getenv("RBD_LAB_FSID")
}

// RBD runs the rbd command, the independent witness of what the provider did,
// and fails the test where the command fails.
func RBD(t testing.TB, args ...string) string {
	t.Helper()
	out, err := TryRBD(t, args...)
	if err != nil {
		t.Fatalf("rbd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryRBD is RBD for commands that may fail; it returns both outputs.
func TryRBD(t testing.TB, args ...string) (string, error) {
	t.Helper()
	RequireLab(t)
	out, err := exec.Command("rbd", args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Admin runs a command of Ceph as client.admin, which the provider never is.
func Admin(t testing.TB, name string, args ...string) string {
	t.Helper()
	RequireLab(t)
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "CEPH_ARGS=--id admin")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// Purge removes every image of the lab's pools whose name begins with prefix,
// snapshots and all, as the last resort of a test that failed.
func Purge(t testing.TB, prefix string) {
	t.Helper()
	for _, pool := range []string{"vms", "images", "volumes"} {
		out, err := TryRBD(t, "ls", pool)
		if err != nil {
			t.Logf("rbd ls %s: %v", pool, err)
			continue
		}
		for name := range strings.FieldsSeq(out) {
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			spec := pool + "/" + name
			snaps, _ := TryRBD(t, "snap", "ls", spec)
			for i, line := range strings.Split(snaps, "\n") {
				if f := strings.Fields(line); i > 0 && len(f) > 1 {
					_, _ = TryRBD(t, "snap", "unprotect", spec+"@"+f[1])
				}
			}
			_, _ = TryRBD(t, "snap", "purge", spec)
			if out, err := TryRBD(t, "rm", "--no-progress", spec); err != nil {
				t.Logf("rbd rm %s: %v: %s", spec, err, out)
			}
		}
	}
}

// Images lists the images of a pool whose name begins with prefix.
func Images(t testing.TB, pool, prefix string) []string {
	t.Helper()
	var out []string
	for name := range strings.FieldsSeq(RBD(t, "ls", pool)) {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	return out
}
