// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// newNamespace is a name that nothing is left under.
func newNamespace(t *testing.T, what string) string {
	t.Helper()
	acctest.RequireLab(t)
	name := fmt.Sprintf("unit-%s-%d", what, os.Getpid())
	t.Cleanup(func() {
		_, _ = acctest.TryRBD(t, "rm", "--no-progress", "vms/"+name+"/i")
		_, _ = acctest.TryRBD(t, "namespace", "rm", "vms/"+name)
		note(t, name, "")
	})
	return name
}

// note is what is noted of a namespace, which a text other than "?" replaces.
func note(t *testing.T, name, text string) (was string) {
	t.Helper()
	c := NewCluster(Config{})
	err := c.withPool(t.Context(), "vms", "", readWrite, func(ioctx *rados.IOContext) error {
		was, _ = librbd.GetPoolMetadata(ioctx, ownership.NamespaceKey(name))
		switch text {
		case "?":
			return nil
		case "":
			return dropNamespaceLabel(ioctx, "vms", name)
		}
		return setNamespaceLabel(ioctx, "vms", name, text)
	})
	if err != nil && t.Context().Err() == nil {
		t.Fatal(err)
	}
	return was
}

func TestNamespaceOfAnotherState(t *testing.T) {
	name, ctx := newNamespace(t, "owned"), t.Context()
	a, next, b := client(t, "a", "1"), client(t, "a", "2"), client(t, "b", "1")
	if err := a.CreateNamespace(ctx, "vms", name); err != nil {
		t.Fatal(err)
	}
	_, err := b.CheckFreeNamespace(ctx, "vms", name)
	wants(t, "another state's plan", err, ErrOtherState)
	wants(t, "another state", b.CreateNamespace(ctx, "vms", name), ErrOtherState)
	wants(t, "a second resource of the run", a.CreateNamespace(ctx, "vms", name), ErrThisRun)
	wants(t, "while the run goes on", client(t, "a", "3").SettleNamespace(ctx, "vms", name), nil)
	acctest.RBD(t, "create", "--size", "4M", "vms/"+name+"/i")
	if found, err := next.CheckFreeNamespace(ctx, "vms", name); err != nil || !found {
		t.Errorf("the next run's plan: %v, %v", found, err)
	}
	wants(t, "the next run", next.CreateNamespace(ctx, "vms", name), nil)
	wants(t, "settled", next.SettleNamespace(ctx, "vms", name), nil)
	for what, c := range map[string]*Cluster{"another state": b, "the same state": client(t, "a", "4")} {
		err := c.CreateNamespace(ctx, "vms", name)
		if !errors.Is(err, ErrExists) || Unfinished(err) {
			t.Errorf("%s, of what a state has: %v", what, err)
		}
	}
	if text := note(t, name, "?"); text != "" {
		t.Errorf("noted of what a state has: %s", text)
	}
}

// A run that was killed before it had said that it made the namespace left one
// that is empty. One that has images may be of somebody who came in between.
func TestNamespaceCutOff(t *testing.T) {
	name, ctx := newNamespace(t, "cut"), t.Context()
	a, next, b := client(t, "a", "1"), client(t, "a", "2"), client(t, "b", "1")
	note(t, name, a.cfg.Run.Sign(ownership.Creating))
	for what, c := range map[string]*Cluster{"this state": next, "another state": b} {
		if found, err := c.CheckFreeNamespace(ctx, "vms", name); err != nil || found {
			t.Errorf("%s, of a note alone: %v, %v", what, found, err)
		}
	}
	acctest.RBD(t, "namespace", "create", "vms/"+name)
	wants(t, "another state", b.CreateNamespace(ctx, "vms", name), ErrOtherState)
	if found, err := next.CheckFreeNamespace(ctx, "vms", name); err != nil || !found {
		t.Errorf("empty: %v, %v", found, err)
	}
	acctest.RBD(t, "create", "--size", "4M", "vms/"+name+"/i")
	wants(t, "with an image", next.CreateNamespace(ctx, "vms", name), ErrExists)
	acctest.RBD(t, "rm", "--no-progress", "vms/"+name+"/i")
	wants(t, "empty again", next.CreateNamespace(ctx, "vms", name), nil)
	wants(t, "removed", next.RemoveNamespace(ctx, "vms", name), nil)
	if text := note(t, name, "?"); text != "" {
		t.Errorf("noted of what is gone: %s", text)
	}
	note(t, name, a.cfg.Run.Sign(ownership.Pending))
	wants(t, "over the note of a namespace that is gone", b.CreateNamespace(ctx, "vms", name), nil)
	wants(t, "claimed", next.ClaimNamespace(ctx, "vms", name), nil)
	wants(t, "claimed by a state", b.CreateNamespace(ctx, "vms", name), ErrExists)
	acctest.RBD(t, "namespace", "rm", "vms/"+name)

	var all sync.WaitGroup
	errs := make([]error, 4)
	var states []*Cluster
	for i := range errs { // which connect one after the other
		states = append(states, client(t, fmt.Sprint("s", i%3), fmt.Sprint("running", i)))
	}
	for i := range errs {
		all.Go(func() { errs[i] = states[i].CreateNamespace(ctx, "vms", name) })
	}
	all.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times: %v", made, errs)
	}
}

// Who may not write the pool's metadata makes namespaces all the same.
func TestNamespaceWithoutNotes(t *testing.T) {
	name := newNamespace(t, "notes")
	user, keyring := "client."+name, filepath.Join(t.TempDir(), "keyring")
	acctest.Admin(t, "ceph", "auth", "get-or-create", user, "mon", "profile rbd",
		"osd", "allow rwx pool=vms namespace="+name+", allow rwx pool=vms object_prefix rbd_namespace", "-o", keyring)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "auth", "rm", user) })
	c := NewCluster(Config{User: name, KeyringFile: keyring, Run: Run{State: "a", ID: "1"}})
	wants(t, "made", c.CreateNamespace(t.Context(), "vms", name), nil)
	if out := acctest.RBD(t, "namespace", "ls", "vms"); !strings.Contains(out, name) {
		t.Error(out)
	}
	wants(t, "made twice", c.CreateNamespace(t.Context(), "vms", name), ErrExists)
}
