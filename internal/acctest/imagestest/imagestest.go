// SPDX-License-Identifier: MPL-2.0

// Package imagestest makes the images that tests of listings look at: with the
// rbd command, in several pools and namespaces, and gone after the test, those
// in the trash too.
package imagestest

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// Make runs an rbd command that makes the image spec, and returns the image's
// id. After the test the image goes, wherever it is then: what is made later
// goes earlier, and so clones before their parents.
func Make(t *testing.T, spec string, args ...string) string {
	t.Helper()
	acctest.RBD(t, append(args, spec)...)
	var info struct{ ID string }
	decode(t, acctest.RBD(t, "info", "--format", "json", spec), &info)
	t.Cleanup(func() { remove(t, spec, info.ID) })
	return info.ID
}

// Clone is Make with `rbd clone`, format 1 or 2.
func Clone(t *testing.T, format int, snapshot, spec string) string {
	t.Helper()
	return Make(t, spec, "clone", "--rbd-default-clone-format", fmt.Sprint(format), snapshot)
}

// Snapshot is `rbd snap create`, and with protect `rbd snap protect`.
func Snapshot(t *testing.T, spec string, protect bool) {
	t.Helper()
	acctest.RBD(t, "snap", "create", "--no-progress", spec)
	if protect {
		acctest.RBD(t, "snap", "protect", spec)
	}
}

// Trash is `rbd trash mv`.
func Trash(t *testing.T, spec string) {
	t.Helper()
	acctest.RBD(t, "trash", "mv", spec)
}

// Write fills the first so many MiB of an image.
func Write(t *testing.T, spec string, mib int) {
	t.Helper()
	acctest.RBD(t, "bench", "--io-type", "write", "--io-size", "1M", "--io-threads", "1", "--io-total", fmt.Sprintf("%dM", mib), spec)
}

// Used is what `rbd du` counts for an image, in bytes.
func Used(t *testing.T, spec string) int64 {
	t.Helper()
	var du struct {
		Images []struct {
			Used int64 `json:"used_size"`
		}
	}
	out := acctest.RBD(t, "du", "--merge-snapshots", "--format", "json", spec)
	// A warning that there is no fast-diff may come before.
	_, text, _ := strings.Cut(out, "{")
	decode(t, "{"+text, &du)
	if len(du.Images) != 1 {
		t.Fatalf("rbd du %s: %s", spec, out)
	}
	return du.Images[0].Used
}

// Forget has the cluster forget the clients that watch an image: those that were
// killed, of whose end it would otherwise know half a minute later. A manager that
// works on the image is none of them.
func Forget(t *testing.T, spec string) {
	t.Helper()
	var status struct {
		Watchers []struct{ Address string }
	}
	decode(t, acctest.RBD(t, "status", "--format", "json", spec), &status)
	managers := acctest.Admin(t, "ceph", "mgr", "dump", "--format", "json")
	for _, w := range status.Watchers {
		if _, nonce, _ := strings.Cut(w.Address, "/"); strings.Contains(managers, `"nonce":`+nonce+"}") {
			continue
		}
		acctest.Admin(t, "ceph", "osd", "blocklist", "add", w.Address, "600")
	}
}

// Namespace makes an RBD namespace in the pool for the time of the test.
func Namespace(t *testing.T, pool string) string {
	t.Helper()
	name := fmt.Sprintf("ns-%s-%d", strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), os.Getpid())
	acctest.RBD(t, "namespace", "create", pool+"/"+name)
	t.Cleanup(func() {
		if out, err := acctest.TryRBD(t, "namespace", "remove", pool+"/"+name); err != nil {
			t.Errorf("could not clean up: %v: %s", err, out)
		}
	})
	return name
}

// User makes a Ceph user with these caps of the OSDs and returns its key.
func User(t *testing.T, caps string) (name, key string) {
	t.Helper()
	name = fmt.Sprintf("%s-%d", strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-"), os.Getpid())
	acctest.Admin(t, "ceph", "auth", "get-or-create", "client."+name, "mon", "profile rbd", "osd", caps)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "auth", "del", "client."+name) })
	return name, acctest.Admin(t, "ceph", "auth", "get-key", "client."+name)
}

func remove(t *testing.T, spec, id string) {
	t.Helper()
	pool := spec[:strings.LastIndex(spec, "/")]
	_, _ = acctest.TryRBD(t, "trash", "restore", "--image", spec[len(pool)+1:], pool+"/"+id)
	out, err := acctest.TryRBD(t, "snap", "ls", "--all", "--format", "json", spec)
	if err != nil {
		return // gone
	}
	var snaps []struct {
		Name      string
		Namespace struct{ Type string }
	}
	decode(t, out, &snaps)
	for _, s := range snaps {
		if s.Namespace.Type == "user" {
			_, _ = acctest.TryRBD(t, "snap", "unprotect", spec+"@"+s.Name)
			_, _ = acctest.TryRBD(t, "snap", "rm", "--no-progress", spec+"@"+s.Name)
		}
	}
	if out, err := acctest.TryRBD(t, "rm", "--no-progress", spec); err != nil {
		t.Errorf("could not clean up: rbd rm %s: %v: %s", spec, err, out)
	}
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
