// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

func testSpec(t *testing.T) Spec {
	t.Helper()
	acctest.RequireLab(t)
	name := fmt.Sprintf("unit-%s-%d", strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), os.Getpid())
	t.Cleanup(func() {
		for _, n := range []string{name, PendingName(name), name + "-2"} {
			acctest.Drop(t, "vms/"+n)
		}
	})
	return Spec{Pool: "vms", Image: name}
}

func TestConnectionErrors(t *testing.T) {
	acctest.RequireLab(t)
	wrongKey := filepath.Join(t.TempDir(), "keyring")
	if err := os.WriteFile(wrongKey, []byte("[client.terraform]\n\tkey = AQAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := func(content string) Config {
		path := filepath.Join(t.TempDir(), "ceph.conf")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return Config{ConfFile: path}
	}
	for name, tc := range map[string]struct {
		cfg  Config
		want error
	}{
		"no conf file":    {Config{ConfFile: "/nonexistent/ceph.conf"}, ErrConfNotFound},
		"malformed conf":  {conf("[global\nmon_host = 127.0.0.1\n"), ErrConfMalformed},
		"no keyring file": {Config{KeyringFile: "/nonexistent/keyring"}, ErrKeyringNotFound},
		"unknown user":    {Config{User: "nobody-here"}, ErrKeyringNotFound},
		"wrong key":       {Config{KeyringFile: wrongKey}, ErrAuthentication},
		"wrong fsid":      {Config{FSID: "00000000-0000-4000-8000-000000000000"}, ErrWrongCluster},
		"unreachable":     {Config{Monitors: []string{"v2:127.0.0.1:9"}, Key: "AQAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==", ConnectTimeout: 2 * time.Second}, ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			_, err := NewCluster(tc.cfg).FSID(ctx)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			t.Log(err)
		})
	}
}

// Ceph 16 takes no file whose last line is not ended, newer ones do.
func TestConfWithoutFinalLineFeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ceph.conf")
	if err := os.WriteFile(path, []byte("[global]\nmon_host = v2:127.0.0.1:9"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewCluster(Config{ConfFile: path, Key: "AQAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAA==", ConnectTimeout: time.Second}).FSID(t.Context())
	if !errors.Is(err, ErrUnreachable) && (!errors.Is(err, ErrConfMalformed) || !strings.Contains(err.Error(), "no line feed")) {
		t.Error(err)
	}
}

func TestConnectionIsShared(t *testing.T) {
	acctest.RequireLab(t)
	a, b := NewCluster(Config{}), NewCluster(Config{FSID: acctest.FSID(t)})
	for _, c := range []*Cluster{a, b} {
		if _, err := c.FSID(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a.cfg.key() != b.cfg.key() {
		t.Error("the fsid guard makes a second connection")
	}
}

func TestNotFoundIsToldApart(t *testing.T) {
	acctest.RequireLab(t)
	c := NewCluster(Config{})
	for spec, want := range map[Spec]error{
		{Pool: "no-such-pool", Image: "a"}:                   ErrPoolNotFound,
		{Pool: "vms", Image: "no-such-image"}:                ErrImageNotFound,
		{Pool: "vms", Namespace: "no-such-ns", Image: "any"}: ErrNamespaceNotFound,
	} {
		if _, err := c.Image(t.Context(), spec); !errors.Is(err, want) || !IsNotFound(err) {
			t.Errorf("Image(%s): %v, want %v", spec, err, want)
		}
	}
}

func TestClusterInfo(t *testing.T) {
	info, err := NewCluster(Config{FSID: strings.ToUpper(acctest.FSID(t))}).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.FSID != acctest.FSID(t) || len(info.Monitors) != 2 || info.Version == "" {
		t.Errorf("%+v", info)
	}
}

func TestImageLife(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	if err := c.CreateImage(ctx, spec, Layout{SizeBytes: 8 << 20}, "token"); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateImage(ctx, spec, Layout{SizeBytes: 8 << 20}, "other"); !errors.Is(err, ErrExists) {
		t.Errorf("second create: %v, want ErrExists", err)
	}
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if img.SizeBytes != 8<<20 || img.ID == "" || img.PendingToken() != "token" {
		t.Errorf("%+v", img)
	}
	if found, err := c.CheckFree(ctx, spec, "token"); err != nil || !found {
		t.Errorf("an unclaimed image is found by its token: %v, %v", found, err)
	}
	if err := c.ClaimImage(ctx, img); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CheckFree(ctx, spec, "token"); !errors.Is(err, ErrExists) {
		t.Errorf("a claimed image is nobody else's: %v", err)
	}
	if err := c.ResizeImage(ctx, spec, img.ID, 4<<20, false); !errors.Is(err, ErrShrink) {
		t.Errorf("shrink: %v", err)
	}
	if err := c.ResizeImage(ctx, spec, "0", 16<<20, false); !errors.Is(err, ErrOtherImage) {
		t.Errorf("grow of another image: %v", err)
	}
	if err := c.ResizeImage(ctx, spec, img.ID, 16<<20, false); err != nil {
		t.Fatal(err)
	}
	if out := acctest.RBD(t, "info", spec.String()); !strings.Contains(out, "size 16 MiB") {
		t.Error(out)
	}
	if err := c.RenameImage(ctx, spec, img.ID, spec.Image+"-2"); err != nil {
		t.Fatal(err)
	}
	renamed := spec.WithImage(spec.Image + "-2")
	if err := c.RemoveImage(ctx, renamed, "0"); err != nil {
		t.Errorf("an image that is gone is no error, whoever has its name: %v", err)
	}
	if _, err := c.Image(ctx, renamed); err != nil {
		t.Errorf("the other image was removed: %v", err)
	}
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	if err := c.RemoveImage(ctx, spec, img.ID); !errors.Is(err, ErrOtherImage) {
		t.Errorf("remove of an image that was renamed, by its old name: %v", err)
	}
	acctest.RBD(t, "rm", "--no-progress", spec.String())
	for range 2 {
		if err := c.RemoveImage(ctx, renamed, img.ID); err != nil {
			t.Fatal(err)
		}
	}
	if out := acctest.RBD(t, "ls", "vms"); strings.Contains(out, spec.Image) {
		t.Error(out)
	}
}

func TestSnapshotLife(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	acctest.RBD(t, "create", "--size", "8", spec.String())
	img, err := c.Image(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	at := spec.WithSnapshot("s1")
	s, err := c.CreateSnapshot(ctx, at, img.ID, true)
	if err != nil || !s.Protected || s.SizeBytes != 8<<20 {
		t.Fatalf("%+v, %v", s, err)
	}
	// Nobody has claimed it: an interrupted create is done again.
	again, err := c.CreateSnapshot(ctx, at, img.ID, true)
	if err != nil || again.ID == s.ID {
		t.Fatalf("%+v, %v", again, err)
	}
	if img, err = c.Image(ctx, spec); err != nil {
		t.Fatal(err)
	}
	if err := c.ClaimSnapshot(ctx, img, "s1"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateSnapshot(ctx, at, img.ID, true); !errors.Is(err, ErrExists) {
		t.Errorf("create over a claimed snapshot: %v", err)
	}
	if err := c.RemoveImage(ctx, spec, img.ID); !errors.Is(err, ErrHasSnapshots) {
		t.Errorf("remove with snapshots: %v", err)
	}
	acctest.RBD(t, "clone", at.String(), spec.String()+"-2")
	err = c.RemoveSnapshot(ctx, at, again.ID, false)
	var children *ChildrenError
	if !errors.As(err, &children) || len(children.Children) != 1 || children.Children[0].String() != spec.String()+"-2" {
		t.Errorf("remove with a child: %v", err)
	}
	if out := acctest.RBD(t, "snap", "ls", spec.String()); !strings.Contains(out, "yes") {
		t.Errorf("the refused removal has changed something: %s", out)
	}
	acctest.RBD(t, "rm", "--no-progress", spec.String()+"-2")
	if err := c.RemoveSnapshot(ctx, at, again.ID+1, false); !errors.Is(err, ErrOtherSnapshot) {
		t.Errorf("remove of another snapshot: %v", err)
	}
	for range 2 {
		if err := c.RemoveSnapshot(ctx, at, again.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	if out := acctest.RBD(t, "image-meta", "ls", spec.String()); strings.Contains(out, ownership.Prefix) {
		t.Errorf("marks are left: %s", out)
	}
}

func TestPendingLeftovers(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	left, err := c.NewPending(ctx, spec, Layout{SizeBytes: 8 << 20}, "a") // and never published
	if err != nil {
		t.Fatal(err)
	}
	if err := left.release(ctx); err != nil { // as when the process is killed
		t.Fatal(err)
	}
	p, err := c.NewPending(ctx, spec, Layout{SizeBytes: 8 << 20}, "b")
	if err != nil {
		t.Fatalf("a marked leftover is removed: %v", err)
	}
	if p.ID() == left.ID() {
		t.Error("the leftover was not made anew")
	}
	if err := p.Discard(ctx); err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "create", "--size", "8", p.Spec.String())
	if _, err := c.NewPending(ctx, spec, Layout{SizeBytes: 8 << 20}, "c"); !errors.Is(err, ErrExists) {
		t.Errorf("an image without our mark is not ours: %v", err)
	}
}

func TestInUse(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	acctest.RBD(t, "create", "--size", "8", spec.String())
	if err := c.CheckUnused(ctx, spec, ""); err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "lock", "add", spec.String(), "backup")
	if err := c.CheckUnused(ctx, spec, ""); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "backup") {
		t.Errorf("locked: %v", err)
	}
	out := acctest.RBD(t, "lock", "ls", spec.String())
	lines := strings.Split(out, "\n")
	acctest.RBD(t, "lock", "rm", spec.String(), "backup", strings.Fields(lines[len(lines)-1])[0])

	watch := exec.Command("rbd", "bench", "--io-type", "write", "--io-size", "4096", "--io-total", "1G", spec.String())
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Process.Signal(os.Interrupt); _ = watch.Wait() }()
	acctest.Await(t, "somebody watches the image", func() bool { return strings.Contains(acctest.RBD(t, "status", spec.String()), "watcher=") })
	var used *InUseError
	if err := c.CheckUnused(ctx, spec, ""); !errors.As(err, &used) || len(used.Watchers) != 1 {
		t.Errorf("watched: %v", err)
	}
}

func TestToolConfHidesTheKey(t *testing.T) {
	acctest.RequireLab(t)
	key := acctest.Admin(t, "ceph", "auth", "print-key", "client.terraform")
	dir := t.TempDir()
	tool, err := NewCluster(Config{Key: key}).WriteToolConf(t.Context(), dir, map[string]string{"rbd_cache": "false"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"ceph.conf", "keyring"} {
		st, err := os.Stat(filepath.Join(dir, f))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, st.Mode(), err)
		}
	}
	cmd := exec.Command("rbd", "--id", tool.User, "ls", "vms")
	cmd.Env = append(os.Environ(), tool.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v %s", err, out)
	}
}
