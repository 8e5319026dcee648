// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
)

func TestNamespaceLife(t *testing.T) {
	acctest.RequireLab(t)
	c, ctx := NewCluster(Config{}), t.Context()
	name := fmt.Sprintf("unit-namespace-%d", os.Getpid())
	t.Cleanup(func() { _, _ = acctest.TryRBD(t, "namespace", "rm", "vms/"+name) })

	if err := c.CreateNamespace(ctx, "vms", name); err != nil {
		t.Fatal(err)
	}
	if out := acctest.RBD(t, "namespace", "ls", "vms"); !slices.Contains(strings.Fields(out), name) {
		t.Errorf("it is not there: %s", out)
	}
	if err := c.CreateNamespace(ctx, "vms", name); !errors.Is(err, ErrExists) {
		t.Errorf("made twice: %v", err)
	}
	if all, err := c.Namespaces(ctx, "vms"); err != nil || !slices.Contains(all, name) || slices.Contains(all, "") || !slices.IsSorted(all) {
		t.Errorf("%q, %v", all, err)
	}
	for range 2 { // what is gone is no error
		if err := c.RemoveNamespace(ctx, "vms", name); err != nil {
			t.Error(err)
		}
	}
	if out := acctest.RBD(t, "namespace", "ls", "vms"); slices.Contains(strings.Fields(out), name) {
		t.Errorf("it is still there: %s", out)
	}
	if err := c.CheckPool(ctx, "vms", name); !errors.Is(err, ErrNamespaceNotFound) {
		t.Error(err)
	}

	if err := c.CreateNamespace(ctx, "no-such-pool", name); !errors.Is(err, ErrPoolNotFound) {
		t.Error(err)
	}
	if _, err := c.Namespaces(ctx, "no-such-pool"); !errors.Is(err, ErrPoolNotFound) {
		t.Error(err)
	}
	if err := c.RemoveNamespace(ctx, "no-such-pool", name); err != nil {
		t.Error(err)
	}
}

// What is in a namespace is named, those in the trash too, and keeps it.
func TestNamespaceNotEmpty(t *testing.T) {
	c, ctx := NewCluster(Config{}), t.Context()
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	refused := func(pass func(Image) bool, want string) {
		t.Helper()
		err := c.CheckNamespaceEmpty(ctx, "vms", ns, pass)
		var e *NamespaceNotEmptyError
		if !errors.As(err, &e) || !errors.Is(err, ErrNamespaceNotEmpty) || !regexp.MustCompile("^namespace vms/"+ns+" is not empty: "+want+"$").MatchString(err.Error()) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	kept := func() {
		t.Helper()
		if err := c.RemoveNamespace(ctx, "vms", ns); !errors.Is(err, ErrNamespaceNotEmpty) {
			t.Error(err)
		}
		if err := c.CheckPool(ctx, "vms", ns); err != nil {
			t.Error(err)
		}
	}

	if err := c.CheckNamespaceEmpty(ctx, "vms", ns, nil); err != nil {
		t.Error(err)
	}
	id := imagestest.Make(t, place+"old", "create", "--size", "8M")
	imagestest.Trash(t, place+"old")
	refused(nil, place+`old \(in the trash, id `+id+`\)`)
	kept()
	trashed := func(img Image) bool { return img.Trash != nil && img.ID == id }
	if err := c.CheckNamespaceEmpty(ctx, "vms", ns, trashed); err != nil {
		t.Error(err)
	}
	imagestest.Make(t, place+"a00", "create", "--size", "8M")
	refused(trashed, place+"a00")
	kept()
	for i := 1; i < 12; i++ {
		imagestest.Make(t, fmt.Sprintf("%sa%02d", place, i), "create", "--size", "8M")
	}
	refused(nil, place+"a00, .*"+place+"a09 and 3 more")
	refused(trashed, place+"a00, .*"+place+"a09 and 2 more")
}

func TestCheckNamespaceName(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "tenant a.ü-1_b": true, strings.Repeat("n", 256): true,
		"": false, "a/b": false, "a@b": false, "a\nb": false, "\x7f": false, strings.Repeat("n", 257): false,
	} {
		if err := CheckNamespaceName(name); (err == nil) != ok || err != nil && !errors.Is(err, ErrInvalidSpec) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// An image that is being removed can't be opened any more, and has its name still:
// it is no obstacle once that is gone too. One that stays so is.
func TestNamespaceOfAVanishingImage(t *testing.T) {
	c, ctx := NewCluster(Config{}), t.Context()
	ns := imagestest.Namespace(t, "vms")
	id := imagestest.Make(t, "vms/"+ns+"/a", "create", "--size", "8M")
	imagestest.Make(t, "vms/"+ns+"/b", "create", "--size", "8M")
	rados := func(args ...string) {
		acctest.Admin(t, "rados", append([]string{"-p", "vms", "-N", ns}, args...)...)
	}
	rados("rm", "rbd_header."+id)
	all := func(Image) bool { return true }
	var e *NamespaceNotEmptyError
	if err := c.CheckNamespaceEmpty(ctx, "vms", ns, all); !errors.As(err, &e) || len(e.Images) != 1 || e.Images[0] != "vms/"+ns+"/a" {
		t.Errorf("while it is in the directory: %v", err)
	}
	vanish := sync.OnceFunc(func() {
		rados("rmomapkey", "rbd_directory", "name_a")
		rados("rmomapkey", "rbd_directory", "id_"+id)
		rados("rm", "rbd_id.a")
	})
	if err := c.CheckNamespaceEmpty(ctx, "vms", ns, func(Image) bool { vanish(); return true }); err != nil {
		t.Errorf("when it has gone: %v", err)
	}
}
