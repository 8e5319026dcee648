// SPDX-License-Identifier: MPL-2.0

// Package acctest is what the tests against the lab share.
package acctest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
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
// and fails the test where the command fails. The simplest commands are done by
// librbd in this process, on a connection that is not the provider's.
func RBD(t testing.TB, args ...string) string {
	t.Helper()
	out, err := TryRBD(t, args...)
	if err != nil {
		t.Fatalf("rbd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryRBD is RBD for commands that may fail; then it returns both outputs.
func TryRBD(t testing.TB, args ...string) (string, error) {
	t.Helper()
	RequireLab(t)
	return rbd(args...)
}

func rbd(args ...string) (string, error) {
	if out, err := inProcess(args); err == nil {
		return out, nil
	}
	cmd := exec.Command("rbd", args...)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	if err != nil { // else they are of no interest, such as a client's that was told to connect again
		out.Write(messages.Bytes())
	}
	return strings.TrimSpace(out.String()), err
}

func must(args ...string) error {
	out, err := rbd(args...)
	if err != nil {
		return fmt.Errorf("rbd %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
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

// TakesTasks tells whether the lab's manager takes tasks: that of Debian 13 can't load
// its modules, and clients do all by themselves.
func TakesTasks(t testing.TB) bool {
	t.Helper()
	RequireLab(t)
	cmd := exec.Command("ceph", "rbd", "task", "list")
	cmd.Env = append(os.Environ(), "CEPH_ARGS=--id admin")
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "EINVAL") && !strings.Contains(string(out), "ENOTSUP") {
		t.Fatalf("ceph rbd task list: %v: %s", err, out)
	}
	return err == nil
}

// Purge removes every image of the lab's pools whose name begins with prefix,
// snapshots and all: what a test has made by itself, or left when it failed.
func Purge(t testing.TB, prefix string) {
	t.Helper()
	RequireLab(t)
	var err error
	for range 3 { // parents can't go before their clones
		if err = purgeAll(prefix); err == nil {
			return
		}
	}
	t.Errorf("could not clean up: %v", err)
}

// purgeAll is one round of Purge, at all images at once: most tests leave none,
// and a matrix leaves hundreds.
func purgeAll(prefix string) error {
	var work errgroup.Group
	work.SetLimit(6)
	var mu sync.Mutex
	var errs []error
	failed := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	do := func(purge func() error) {
		work.Go(func() error { failed(purge()); return nil })
	}
	for _, pool := range pools {
		images, err := imagesOf(pool, prefix)
		failed(err)
		trash, err := trashOf(pool, prefix)
		failed(err)
		for _, name := range images {
			do(func() error { return purge(pool + "/" + name) })
		}
		for id := range trash {
			do(func() error { return must("trash", "rm", "--force", "--no-progress", pool+"/"+id) })
		}
	}
	_ = work.Wait()
	return errors.Join(errs...)
}

func purge(spec string) error {
	if purgeInProcess(spec) == nil {
		return nil
	}
	snaps, _ := rbd("snap", "ls", spec)
	for i, line := range strings.Split(snaps, "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 1 {
			_, _ = rbd("snap", "unprotect", spec+"@"+f[1])
		}
	}
	if snaps != "" {
		_, _ = rbd("snap", "purge", "--no-progress", spec)
	}
	return must("rm", "--no-progress", spec)
}

// Images lists the images of a pool whose name begins with prefix.
func Images(t testing.TB, pool, prefix string) []string {
	t.Helper()
	RequireLab(t)
	out, err := imagesOf(pool, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func imagesOf(pool, prefix string) (images []string, err error) {
	out, err := rbd("ls", pool)
	if err != nil {
		return nil, fmt.Errorf("rbd ls %s: %w: %s", pool, err, out)
	}
	for name := range strings.FieldsSeq(out) {
		if strings.HasPrefix(name, prefix) {
			images = append(images, name)
		}
	}
	return images, nil
}

// Trash lists what a pool's trash has of images whose name began with prefix:
// their names by their ids.
func Trash(t testing.TB, pool, prefix string) map[string]string {
	t.Helper()
	RequireLab(t)
	out, err := trashOf(pool, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func trashOf(pool, prefix string) (map[string]string, error) {
	out, err := rbd("trash", "ls", pool)
	if err != nil {
		return nil, fmt.Errorf("rbd trash ls %s: %w: %s", pool, err, out)
	}
	images := map[string]string{}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 2 && strings.HasPrefix(f[1], prefix) {
			images[f[0]] = f[1]
		}
	}
	return images, nil
}

// CutOffRemoval leaves an image as `rbd rm` does that is killed at its begin: in
// the trash, where no list shows it.
func CutOffRemoval(t testing.TB, pool, name, id string) {
	t.Helper()
	RBD(t, "trash", "mv", pool+"/"+name)
	entry := filepath.Join(t.TempDir(), "entry")
	Admin(t, "rados", "-p", pool, "getomapval", "rbd_trash", "id_"+id, entry)
	raw, err := os.ReadFile(entry)
	if err != nil {
		t.Fatal(err)
	}
	raw[6] = 3 // the source of cls::rbd::TrashImageSpec
	if err := os.WriteFile(entry, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	Admin(t, "rados", "-p", pool, "setomapval", "rbd_trash", "id_"+id, "--input-file", entry)
}
