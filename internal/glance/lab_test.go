// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

const labHint = "these tests need the lab: run `lab/lab up` and `eval \"$(lab/lab env)\"`"

// labEnv gives a variable that the lab exports. A missing lab is a failure: a
// skipped test would look like one that passed.
func labEnv(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set; %s", name, labHint)
	}
	return v
}

// The lab's callers: a member of project demo, an admin, and a member of
// another project.
const (
	asMember = ""
	asAdmin  = "-admin"
	asOther  = "-other"
)

func labConfig(t *testing.T, who string) Config {
	t.Helper()
	labEnv(t, "OS_CLIENT_CONFIG_FILE")
	return Config{Cloud: labEnv(t, "OS_CLOUD") + who, RequestTimeout: 20 * time.Second, UserAgent: "glance-test", retryDelay: time.Millisecond}
}

// labClients holds one Client per caller, as a provider does: a token costs more
// than all that a test does with it.
var labClients sync.Map

func labClient(t *testing.T, who string) *Client {
	t.Helper()
	c, _ := labClients.LoadOrStore(who, New(labConfig(t, who)))
	return c.(*Client)
}

func rbd(t *testing.T, args ...string) string {
	t.Helper()
	labEnv(t, "CEPH_CONF")
	out, err := exec.Command("rbd", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("rbd %s: %v: %s\n%s", strings.Join(args, " "), err, out, labHint)
	}
	return string(out)
}

// golden is an 8 MiB RBD image of the pool "images" with a protected snapshot
// "s", as a test registers it.
type golden struct {
	name string
	url  string
}

func newGolden(t *testing.T) golden {
	t.Helper()
	g := makeGolden(t)
	t.Cleanup(g.remove)
	return g
}

var (
	sharedOnce   sync.Once
	sharedImage  golden
	errShareLost = "the RBD image that tests share could not be made"
)

// sharedGolden is for tests whose records are a member's, so that nothing they
// do may remove it.
func sharedGolden(t *testing.T) golden {
	t.Helper()
	sharedOnce.Do(func() { sharedImage = makeGolden(t) })
	if sharedImage.name == "" {
		t.Fatal(errShareLost)
	}
	return sharedImage
}

func TestMain(m *testing.M) {
	code := acctest.RunOnClouds(m)
	if sharedImage.name != "" {
		sharedImage.remove()
	}
	os.Exit(code)
}

func makeGolden(t *testing.T) golden {
	t.Helper()
	g := golden{name: "glance-test-" + NewID()[:13]}
	g.url = fmt.Sprintf("rbd://%s/images/%s/s", labEnv(t, "RBD_LAB_FSID"), g.name)
	rbd(t, "create", "--size", "8", "images/"+g.name)
	rbd(t, "snap", "create", "--no-progress", "images/"+g.name+"@s")
	rbd(t, "snap", "protect", "images/"+g.name+"@s")
	return g
}

// remove tolerates what is gone, by the nature of the tests.
func (g golden) remove() {
	if exec.Command("rbd", "info", "images/"+g.name).Run() != nil {
		return
	}
	for _, args := range [][]string{
		{"rm", "--no-progress", "images/" + g.name + ".guard"},
		{"snap", "unprotect", "images/" + g.name + "@s"},
		{"snap", "purge", "--no-progress", "images/" + g.name},
		{"rm", "--no-progress", "images/" + g.name},
	} {
		_ = exec.Command("rbd", args...).Run()
	}
}

// guard makes a v1 clone of the snapshot, which keeps Glance from deleting it.
func (g golden) guard(t *testing.T) {
	t.Helper()
	rbd(t, "--rbd-default-clone-format", "1", "clone", "images/"+g.name+"@s", "images/"+g.name+".guard")
}

// intact says whether the image and its protected snapshot are there.
func (g golden) intact(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command("rbd", "snap", "ls", "images/"+g.name).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == int(syscall.ENOENT) {
		return false
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return regexp.MustCompile(`\bs +8 MiB +yes\b`).Match(out)
}

// newRecord makes a queued record, and removes what is left of it in the end.
func newRecord(t *testing.T, c *Client, change func(*CreateOpts)) *Image {
	t.Helper()
	opts := CreateOpts{Name: "glance-test-" + NewID()[:13], DiskFormat: "raw", ContainerFormat: "bare", Visibility: "private"}
	if change != nil {
		change(&opts)
	}
	img, err := c.Create(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	dropRecord(t, c, img.ID)
	return img
}

// dropRecord removes a record at the end of the test; for a member it leaves
// the data.
func dropRecord(t *testing.T, c *Client, id string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Unprotect(ctx, id); errors.Is(err, ErrNotFound) {
			return
		}
		_ = c.Deactivate(ctx, id) // a queued record cannot be
		if got, err := c.DeleteRecord(ctx, id); got != Gone {
			t.Errorf("left behind: image %s: %v: %v", id, got, err)
		}
	})
}

// newActive makes a record of a golden image's snapshot.
func newActive(t *testing.T, c *Client, g golden) *Image {
	t.Helper()
	img := newRecord(t, c, nil)
	img, err := c.AddLocation(t.Context(), img.ID, g.url, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
