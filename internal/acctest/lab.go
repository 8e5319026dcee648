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
