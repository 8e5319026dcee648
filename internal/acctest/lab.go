// Package acctest is what the tests against the lab share.
package acctest

import (
	"fmt"
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
// snapshots and all: what a test has made by itself, or left when it failed.
func Purge(t testing.TB, prefix string) {
	t.Helper()
	// Clones first, as their parents can't go before them.
	for last := range 2 {
		for _, pool := range []string{"vms", "images", "volumes"} {
			out, err := TryRBD(t, "ls", pool)
			if err != nil {
				t.Errorf("rbd ls %s: %v: %s", pool, err, out)
				continue
			}
			for id := range Trash(t, pool, prefix) {
				if out, err := TryRBD(t, "trash", "rm", "--force", "--no-progress", pool+"/"+id); err != nil && last == 1 {
					t.Errorf("could not clean up the trash: %v: %s", err, out)
				}
			}
			for name := range strings.FieldsSeq(out) {
				if strings.HasPrefix(name, prefix) {
					if err := purge(t, pool+"/"+name); err != nil && last == 1 {
						t.Errorf("could not clean up: %v", err)
					}
				}
			}
		}
	}
}

func purge(t testing.TB, spec string) error {
	t.Helper()
	snaps, _ := TryRBD(t, "snap", "ls", spec)
	for i, line := range strings.Split(snaps, "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 1 {
			_, _ = TryRBD(t, "snap", "unprotect", spec+"@"+f[1])
		}
	}
	_, _ = TryRBD(t, "snap", "purge", "--no-progress", spec)
	if out, err := TryRBD(t, "rm", "--no-progress", spec); err != nil {
		return fmt.Errorf("rbd rm %s: %w: %s", spec, err, out)
	}
	return nil
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

// Trash lists what a pool's trash has of images whose name began with prefix:
// their names by their ids.
func Trash(t testing.TB, pool, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(RBD(t, "trash", "ls", pool)) {
		if f := strings.Fields(line); len(f) == 2 && strings.HasPrefix(f[1], prefix) {
			out[f[0]] = f[1]
		}
	}
	return out
}
