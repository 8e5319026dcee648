// SPDX-License-Identifier: MPL-2.0

package guestedit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// A process that is to be killed is this test, started with these variables: the
// step at which it kills itself, the image and its id.
const (
	cutAt    = "GUESTEDIT_CUT_AT"
	cutImage = "GUESTEDIT_CUT_IMAGE"
	cutID    = "GUESTEDIT_CUT_ID"
)

func TestMain(m *testing.M) {
	if at := os.Getenv(cutAt); at != "" {
		fmt.Fprintln(os.Stderr, changeUntilKilled(step(at), os.Getenv(cutImage), os.Getenv(cutID)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func changeUntilKilled(at step, image, id string) error {
	spec, err := rbd.ParseSpec(image)
	if err != nil {
		return err
	}
	b, err := backends()
	if err != nil {
		return err
	}
	c := change()
	c.reached = func(s step) {
		if s == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	return c.Run(context.Background(), b, spec, id)
}

func backends() (guestoverlay.Backends, error) {
	guests, err := guestfs.New(guestfs.Config{})
	return guestoverlay.Backends{Ceph: rbd.NewCluster(rbd.Config{}), Guests: guests}, err
}

// edits are what qemu-io does to a disk in place of an appliance: it writes what is
// new, over what is old, and takes away, in several objects.
var edits = []string{"write -P 1 0 1M", "write -P 2 5M 64k", "write -z 9M 1M", "write -P 3 14M 2M"}

// size is that of the disk, in bytes.
const size = 16 << 20

// change makes the edits.
func change() Change {
	return Change{Step: "matrix", Make: func(ctx context.Context, o *guestoverlay.Overlay) (bool, error) {
		return true, qemuIO(ctx, "qcow2", o.Path, o.Env)
	}}
}

func qemuIO(ctx context.Context, format, path string, env []string) error {
	args := []string{"-f", format}
	for _, e := range edits {
		args = append(args, "-c", e)
	}
	_, err := command.Run(ctx, command.Spec{Name: "qemu-io", Args: append(args, path), Env: env})
	return err
}

// contents are the SHA-256 of the disk before and after the change; the file has
// the one before.
func contents(t *testing.T) (file, before, after string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "before")
	changed := filepath.Join(dir, "after")
	disk := make([]byte, size)
	for i := range disk[:10<<20] {
		disk[i] = 0x5a
	}
	for _, path := range []string{file, changed} {
		if err := os.WriteFile(path, disk, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := qemuIO(t.Context(), "raw", changed, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(changed)
	if err != nil {
		t.Fatal(err)
	}
	return file, fmt.Sprintf("%x", sha256.Sum256(disk)), fmt.Sprintf("%x", sha256.Sum256(b))
}

// inner is content, read by this process, which costs less.
func inner(t *testing.T, b guestoverlay.Backends, spec rbd.Spec) string {
	t.Helper()
	r, err := b.Ceph.OpenReader(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// content is the SHA-256 of an image, by the rbd command.
func content(t *testing.T, spec rbd.Spec) string {
	t.Helper()
	out, err := exec.Command("rbd", "export", "--no-progress", spec.String(), "-").Output()
	if err != nil {
		t.Fatalf("rbd export %s: %v", spec, err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(out))
}

// cut makes the image of a file, and has a process that changes it killed at the
// step. It returns the image as it is then.
func (s stage) cut(t *testing.T, b guestoverlay.Backends, file string) rbd.Image {
	t.Helper()
	spec := rbd.Spec{Pool: "vms", Image: acctest.Name(t)}
	acctest.RBD(t, "import", "--no-progress", "--object-size", "1M", file, spec.String())
	img, err := b.Ceph.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), cutAt+"="+string(s.at), cutImage+"="+spec.String(), cutID+"="+img.ID)
	out, err := child.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was to be killed at %q: %v, %s", s.at, err, out)
	}
	if s.at != accepted && strings.Contains(acctest.RBD(t, "status", spec.String()), "Watchers: none") {
		t.Error("the killed client does not watch the image")
	}
	imagestest.Forget(t, spec.String())
	if s.label != "" {
		acctest.RBD(t, "image-meta", "set", spec.String(), "terraform-provider-rbd.snapshot."+rbd.UndoSnapshot, s.label+":"+img.ID)
	}
	if img, err = b.Ceph.Image(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	return img
}

// clean expects nothing of a change on the image.
func clean(t *testing.T, b guestoverlay.Backends, spec rbd.Spec) {
	t.Helper()
	img, err := b.Ceph.Image(t.Context(), spec)
	if err != nil || img.EditInterrupted() || len(img.Snapshots) > 0 || len(img.Labels("snapshot.")) > 0 {
		t.Errorf("left: %+v, %v", img, err)
	}
	if out := acctest.RBD(t, "status", spec.String()); !strings.Contains(out, "Watchers: none") {
		t.Errorf("%s is watched: %s", spec, out)
	}
}

// stage is what is left of a change that is cut off at a step.
type stage struct {
	at step
	// label is that of the undo snapshot, where the change is cut off within an
	// operation of internal/rbd; empty leaves the one that it has.
	label string
	// safe is set where the image itself has its old content; else the undo
	// snapshot has it, or nothing is to be put back any more.
	safe bool
	// doubt is set where the image says that its content may be half there.
	doubt bool
	// done is set where the change stays: nothing is put back.
	done bool
}

var stages = []stage{
	{at: begun, safe: true},
	{at: protected, safe: true},
	{at: overlaid, safe: true},
	{at: prepared, safe: true},
	{at: committing, safe: true, doubt: true},
	{at: writing, doubt: true},
	{at: written, doubt: true},
	{at: noted, doubt: true},
	{at: noted, label: "pending", done: true}, // accepted, and the snapshot is still there
	{at: accepted, done: true},
}

// A change is killed at each step: the image has its old content or its new one,
// or says that it is in doubt and has a snapshot with the old one. Recovery leaves
// one of the two, and nothing of the change; so does the same change, run again.
func TestCutOffChange(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	file, before, after := contents(t)
	b, err := backends()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages {
		for name, recovery := range map[string]func(context.Context, guestoverlay.Backends, rbd.Image) error{
			"recovered": func(ctx context.Context, b guestoverlay.Backends, img rbd.Image) error {
				return Recover(ctx, b.Ceph, img)
			},
			"again": func(ctx context.Context, b guestoverlay.Backends, img rbd.Image) error {
				return change().Run(ctx, b, img.Spec, img.ID)
			},
		} {
			t.Run(string(s.at)+s.label+"/"+name, func(t *testing.T) {
				t.Parallel()
				img := s.cut(t, b, file)
				if !img.EditInterrupted() || img.ContentInDoubt() != s.doubt {
					t.Errorf("interrupted %t, in doubt %t, want %t", img.EditInterrupted(), img.ContentInDoubt(), s.doubt)
				}
				s.checkContent(t, b, img, before, after)
				if _, err := CheckPlanned(t.Context(), b.Ceph, img.Spec, true); err != nil {
					t.Errorf("a plan refuses to go on: %v", err)
				}
				if err := recovery(t.Context(), b, img); err != nil {
					t.Fatal(err)
				}
				want := before
				if s.done || name == "again" {
					want = after
				}
				if got := content(t, img.Spec); got != want {
					t.Errorf("the content is %s; before %s, after %s", got, before, after)
				}
				clean(t, b, img.Spec)
				steps := 0
				if s.done {
					steps++
				}
				if name == "again" {
					steps++
				}
				inHistory(t, b, img.Spec, steps)
			})
		}
	}
}

// inHistory expects so many steps in the history of an image of which nobody knows where
// it comes from.
func inHistory(t *testing.T, b guestoverlay.Backends, spec rbd.Spec, steps int) {
	t.Helper()
	img, err := b.Ceph.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	of := img.History(rbd.Snapshot{ID: math.MaxUint64, SizeBytes: img.SizeBytes})
	if len(of.Steps) != steps || len(of.Gaps) != 1 {
		t.Errorf("%d steps of %d are noted: %+v", len(of.Steps), steps, of)
	}
	for _, s := range of.Steps {
		if s.Type != "matrix" || s.Tools["qemu-img"] == "" {
			t.Errorf("noted is %+v", s)
		}
	}
}

func (s stage) checkContent(t *testing.T, b guestoverlay.Backends, img rbd.Image, before, after string) {
	t.Helper()
	got := inner(t, b, img.Spec)
	switch {
	case s.done && got != after:
		t.Errorf("the new content is not in the image: %s", got)
	case s.safe && got != before:
		t.Errorf("the old content is not in the image: %s", got)
	case s.at == writing && (got == before || got == after):
		t.Errorf("it was not killed half way")
	}
	if _, err := img.Snapshot(rbd.UndoSnapshot); (err == nil) != (s.at != begun && s.at != accepted) {
		t.Errorf("the undo snapshot: %v", err)
	} else if err == nil {
		if old := inner(t, b, img.Spec.WithSnapshot(rbd.UndoSnapshot)); old != before {
			t.Errorf("the undo snapshot has the content %s", old)
		}
	}
}

// A change that is called off at a step, as by Ctrl-C, takes back by itself what
// it has done.
func TestCalledOffChange(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	file, before, after := contents(t)
	b, err := backends()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages {
		if s.label != "" {
			continue // no step of Change
		}
		t.Run(string(s.at), func(t *testing.T) {
			t.Parallel()
			spec := rbd.Spec{Pool: "vms", Image: acctest.Name(t)}
			id := imagestest.Make(t, spec.String(), "import", "--no-progress", "--object-size", "1M", file)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := change()
			c.reached = func(at step) {
				if at == s.at {
					cancel()
				}
			}
			if err := c.Run(ctx, b, spec, id); (err == nil) != s.done {
				t.Errorf("it ends with %v", err)
			}
			want := before
			if s.done {
				want = after
			}
			if got := content(t, spec); got != want {
				t.Errorf("the content is %s; before %s, after %s", got, before, after)
			}
			clean(t, b, spec)
			if s.done {
				inHistory(t, b, spec, 1)
			} else {
				inHistory(t, b, spec, 0)
			}
		})
	}
}

// What can't be made or verified is not in the image.
func TestChangeThatFails(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	file, before, _ := contents(t)
	b, err := backends()
	if err != nil {
		t.Fatal(err)
	}
	spec := rbd.Spec{Pool: "vms", Image: acctest.Name(t)}
	id := imagestest.Make(t, spec.String(), "import", "--no-progress", file)
	broken := errors.New("broken")
	for name, alter := range map[string]func(*Change){
		"not needed": func(c *Change) { c.Needed = func(context.Context, rbd.Spec) (bool, error) { return false, broken } },
		"made in part": func(c *Change) {
			make := c.Make
			c.Make = func(ctx context.Context, o *guestoverlay.Overlay) (bool, error) {
				_, err := make(ctx, o)
				return true, errors.Join(err, broken)
			}
		},
		"not as wanted": func(c *Change) { c.Verify = func(context.Context) error { return broken } },
	} {
		c := change()
		alter(&c)
		if err := c.Run(t.Context(), b, spec, id); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		if got := content(t, spec); got != before {
			t.Errorf("%s: the content is not the old one", name)
		}
		clean(t, b, spec)
	}
}
