// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// expect fails the test unless the text has all of these words.
func expect(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s lacks %q: %s", what, w, text)
		}
	}
}

// Whatever an action is: what is not known yet is no error of its plan, and a
// cluster that is not the one that is meant is one.
func TestProtocolActionsPlanned(t *testing.T) {
	c, elsewhere := newClient(t, nil), newClient(t, object{"fsid": "00000000-0000-0000-0000-000000000000"})
	for _, a := range registeredActions(t) {
		t.Run(a.name, func(t *testing.T) {
			ty, _ := c.schema.ActionSchemas[a.name].Schema.ValueType().(tftypes.Object)
			all := map[string]tftypes.Value{}
			for name, of := range ty.AttributeTypes {
				all[name] = tftypes.NewValue(of, nil)
				if a.schema.Attributes[name].GetType().Equal(types.StringType) {
					all[name] = tftypes.NewValue(of, tftypes.UnknownValue)
				}
			}
			wrong := "another cluster"
			if strings.HasPrefix(a.name, "rbd_glance_") {
				wrong = "" // Ceph is not asked
			}
			for from, want := range map[*client]string{c: "", elsewhere: wrong} {
				resp, err := from.server.PlanAction(t.Context(), &tfprotov6.PlanActionRequest{ActionType: a.name, Config: c.dynamic(ty, tftypes.NewValue(ty, all))})
				if err != nil {
					t.Fatal(err)
				}
				if text := errorsOf(resp.Diagnostics); want == "" && text != "" || !strings.Contains(text, want) {
					t.Errorf("want %q: %s", want, text)
				}
			}
		})
	}
}

// What no action takes is refused before it is planned.
func TestProtocolActionsRefused(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	for what, tc := range map[string]struct {
		name      string
		arguments object
		want      []string
	}{
		"no snapshot":         {"rbd_snapshot_rollback", object{}, []string{"snapshot is null, and needs a value"}},
		"an image":            {"rbd_snapshot_rollback", object{"snapshot": "vms/a"}, []string{"a snapshot is wanted"}},
		"an empty name":       {"rbd_snapshot_rollback", object{"snapshot": "vms/a@s", "keep_undo_snapshot": ""}, []string{"keep_undo_snapshot"}},
		"no time":             {"rbd_snapshot_rollback", object{"snapshot": "vms/a@s", "timeouts": object{"invoke": "0s"}}, []string{"nothing can be done in no time"}},
		"the undo of an edit": {"rbd_snapshot_rollback", object{"snapshot": "vms/a@terraform-undo"}, []string{"terraform-undo"}},
		"no such image":       {"rbd_snapshot_rollback", object{"snapshot": "vms/no-such-image@s"}, []string{`Unable to roll back image to RBD snapshot "vms/no-such-image@s"`, "rbd ls"}},
		"a pool that is not":  {"rbd_snapshot_rollback", object{"snapshot": "no-such-pool/a@s"}, []string{"Pool not found"}},
	} {
		t.Run(what, func(t *testing.T) { expect(t, "the refusal", c.planAction(tc.name, tc.arguments).errors, tc.want...) })
	}
}

func TestProtocolSnapshotRollback(t *testing.T) {
	c, spec := newClient(t, nil), "vms/"+providertest.Name(t)
	imagestest.Make(t, spec, "create", "--size", "8M")
	imagestest.Snapshot(t, spec+"@s", false)
	imagestest.Write(t, spec, 4)
	imagestest.Snapshot(t, spec+"@later", true)
	acctest.RBD(t, "resize", "--no-progress", "--size", "12M", spec)
	arguments := object{"snapshot": spec + "@s", "keep_undo_snapshot": "before"}

	expect(t, "a taken name", c.planAction("rbd_snapshot_rollback", object{"snapshot": spec + "@s", "keep_undo_snapshot": "later"}).errors, "In attribute keep_undo_snapshot", "Choose another name")
	end := acctest.Watch(t, spec)
	expect(t, "the plan of an image in use", c.planAction("rbd_snapshot_rollback", arguments).errors, "In attribute snapshot", "is in use: watcher", "rbd status")
	expect(t, "the rollback of an image in use", c.invoke("rbd_snapshot_rollback", arguments).errors, "is in use: watcher", "Nothing was changed")
	end()

	got := c.done("rbd_snapshot_rollback", arguments)
	expect(t, "the plan", got.warnings, "put back to a snapshot", "The objects that differ have 4 MiB.", "Its size goes from 12582912 to 8388608 bytes.", "Newer snapshots stay: later.", `The snapshot "before" keeps what it is now.`)
	expect(t, "what it says", strings.Join(got.lines, "\n"), `"`+spec+`" becomes what it was at "s"`, "rollback ended: ")
	expect(t, "rbd", acctest.RBD(t, "snap", "ls", spec), "before", "later", " s ")
	expect(t, "rbd", acctest.RBD(t, "info", spec), "size 8 MiB")
	if used := acctest.RBD(t, "diff", "--format", "json", spec); !strings.Contains(used, "[]") {
		t.Errorf("there is data: %s", used)
	}
	again := c.done("rbd_snapshot_rollback", object{"snapshot": spec + "@s"})
	expect(t, "the second plan", again.warnings, "What was written since the snapshot is lost")
}

// A run that makes the snapshot may also roll back to it.
func TestProtocolActionOnWhatIsPlanned(t *testing.T) {
	c, name := newClient(t, object{"pool": "vms"}), providertest.Name(t)
	rollback := object{"snapshot": "vms/" + name + "@s"}
	ty := c.resourceType("rbd_image")
	c.planToo("rbd_image", instance{state: tftypes.NewValue(ty, nil)}, value(t, ty, object{"name": name, "size": "8MiB"}))
	if text := c.planAction("rbd_snapshot_rollback", rollback).errors; text != "" {
		t.Error(text)
	}
	expect(t, "what is not there when its turn comes", c.invoke("rbd_snapshot_rollback", rollback).errors, "image not found", "rbd ls")
}

func TestProtocolImageSparsify(t *testing.T) {
	c, spec := newClient(t, nil), "vms/"+providertest.Name(t)
	imagestest.Make(t, spec, "create", "--size", "16M")
	zeros := filepath.Join(t.TempDir(), "zeros")
	if err := os.WriteFile(zeros, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	// What a client writes stays, zeros or not.
	if out, err := exec.Command("qemu-img", "convert", "-n", "-S", "0", "-f", "raw", "-O", "raw", zeros, "rbd:"+spec).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := imagestest.Used(t, spec)
	end := acctest.Watch(t, spec)
	expect(t, "the plan of an image in use", c.planAction("rbd_image_sparsify", object{"image": spec}).errors, "is in use: watcher", "fstrim")
	expect(t, "an image in use", c.invoke("rbd_image_sparsify", object{"image": spec}).errors, "is in use: watcher")
	end()
	got := c.done("rbd_image_sparsify", object{"image": spec})
	expect(t, "what it says", strings.Join(got.lines, "\n"), "sparsify ended: ")
	if after := imagestest.Used(t, spec); before != 8<<20 || after != 0 || got.warnings != "" {
		t.Errorf("%d bytes were used, %d are; %s", before, after, got.warnings)
	}
	imagestest.Snapshot(t, spec+"@s", false)
	expect(t, "the plan of one with a snapshot", c.done("rbd_image_sparsify", object{"image": spec}).warnings, "has 1 snapshots, which keep zeros")
	expect(t, "no time", c.invoke("rbd_image_sparsify", object{"image": spec, "timeouts": object{"invoke": "1ns"}}).errors, "timeouts.invoke allows no more")
}

func TestProtocolImageCopy(t *testing.T) {
	c, name := newClient(t, nil), providertest.Name(t)
	spec, ns := "vms/"+name, imagestest.Namespace(t, "images")
	target := "images/" + ns + "/copy"
	imagestest.Make(t, spec, "create", "--size", "8M", "--object-size", "1M", "--image-feature", "layering,exclusive-lock")
	imagestest.Write(t, spec, 1)
	imagestest.Snapshot(t, spec+"@s", true)
	imagestest.Write(t, spec, 2)
	acctest.RBD(t, "image-meta", "set", spec, "os", "debian")
	acctest.RBD(t, "config", "image", "set", spec, "rbd_cache", "false")
	owned := "owned:" + imageIdentity(t, "vms", spec)["image_id"].(string)
	acctest.RBD(t, "image-meta", "set", spec, "terraform-provider-rbd.image", owned)
	acctest.RBD(t, "image-meta", "set", spec, "terraform-provider-rbd.snapshot.s", owned)
	to := func(target string, more ...object) object {
		out := object{"image": spec, "target": target}
		for _, m := range more {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	other := imagestest.Make(t, "images/"+ns+"/taken", "create", "--size", "4M")
	for what, tc := range map[string]struct {
		arguments object
		want      []string
	}{
		"a name that is taken":       {to("images/" + ns + "/taken"), []string{`Unable to copy RBD image "` + spec, "In attribute target", "(id " + other + "): name is already taken", "Choose another name for target"}},
		"onto itself":                {to(spec), []string{"In attribute target", "source and target are one image"}},
		"a name that we give":        {to("images/" + ns + "/a.tfpending"), []string{"target", ".tfpending"}},
		"the spec of a snapshot":     {to("images/a@s"), []string{"target", "an image is wanted"}},
		"a source that is not":       {object{"image": "vms/no-such-image", "target": target}, []string{"In attribute image", "rbd ls"}},
		"a pool that is not":         {to("no-such-pool/a"), []string{"In attribute target", "ool not found"}},
		"a data pool that is not":    {to(target, object{"data_pool": "no-such-pool"}), []string{"In attribute target", "data pool: pool not found"}},
		"a namespace that is not":    {to("images/no-such-namespace/a"), []string{"In attribute target", "amespace not found"}},
		"the snapshot of the source": {object{"image": spec + "@s", "target": target}, []string{"image", "an image is wanted"}},
	} {
		t.Run(what, func(t *testing.T) {
			expect(t, "the refusal", c.planAction("rbd_image_copy", tc.arguments).errors, tc.want...)
		})
	}
	end := acctest.Watch(t, spec)
	expect(t, "the plan of an image in use", c.planAction("rbd_image_copy", to(target)).errors, "In attribute image", "is in use: watcher", "rbd_image_replica")
	expect(t, "the copy of an image in use", c.invoke("rbd_image_copy", to(target)).errors, "is in use: watcher")
	end()
	expect(t, "no time", c.invoke("rbd_image_copy", to(target, object{"timeouts": object{"invoke": "1ns"}})).errors, "timeouts.invoke allows no more")

	got := c.done("rbd_image_copy", to(target, object{"verify_content": true, "data_pool": "volumes"}))
	expect(t, "what it says", strings.Join(got.lines, "\n"), "copying "+spec+"@s", "copying "+spec+"\n", "copy ended: ", target+" is a copy of "+spec+", with 1 snapshots")
	info := acctest.RBD(t, "info", target)
	expect(t, "the copy", info, "size 8 MiB", "order 20", "data_pool: volumes", "features: layering, exclusive-lock, data-pool\n", "snapshot_count: 1")
	expect(t, "its snapshots", acctest.RBD(t, "snap", "ls", target), " s ", "yes")
	expect(t, "its metadata", acctest.RBD(t, "image-meta", "ls", target), "There are 2 metadata", "conf_rbd_cache", "debian")
	if a, b := imagestest.Used(t, spec), imagestest.Used(t, target); a != b {
		t.Errorf("the source has %d bytes, the copy %d", a, b)
	}
	expect(t, "the second plan", c.planAction("rbd_image_copy", to(target)).errors, "name is already taken")
	expect(t, "the mark of the source", acctest.RBD(t, "image-meta", "get", spec, "terraform-provider-rbd.image"), owned)
	acctest.RBD(t, "snap", "unprotect", target+"@s")
	acctest.RBD(t, "snap", "rm", "--no-progress", target+"@s")
	acctest.RBD(t, "rm", "--no-progress", target)
}

// A run that makes the source, or the target's namespace, may also copy; one that
// makes an image of the target's name may not.
func TestProtocolImageCopyOfWhatIsPlanned(t *testing.T) {
	c, name := newClient(t, object{"pool": "vms"}), providertest.Name(t)
	ty := c.resourceType("rbd_image")
	c.planToo("rbd_image", instance{state: tftypes.NewValue(ty, nil)}, value(t, ty, object{"name": name, "size": "8MiB"}))
	if text := c.planAction("rbd_image_copy", object{"image": "vms/" + name, "target": "images/" + name}).errors; text != "" {
		t.Error(text)
	}
	imagestest.Make(t, "images/"+name, "create", "--size", "4M")
	expect(t, "the target is planned, too", c.planAction("rbd_image_copy", object{"image": "images/" + name, "target": "vms/" + name}).errors,
		"In attribute target", "a resource of this configuration makes an image of this name")
}

// A guest is booted by the code of the resource, and what it says is shown.
func TestProtocolGuestBootCheck(t *testing.T) {
	c, spec := newClient(t, object{"pool": "vms"}), "vms/"+providertest.Name(t)
	acctest.RBD(t, "import", "--no-progress", guesttest.Sector(t, "\r\nstarting\r\n", "\r\nREADY host=tiny\r\n", "seed"), spec)
	t.Cleanup(func() { acctest.Drop(t, spec) })
	imagestest.Snapshot(t, spec+"@golden", false)
	with := func(more object) object {
		out := object{"snapshot": spec + "@golden", "memory": "64MiB"}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for what, tc := range map[string]struct {
		arguments object
		want      []string
	}{
		"no sign":            {with(object{}), []string{"console_pattern", "ssh_banner"}},
		"no network for ssh": {with(object{"ssh_banner": "SSH", "network": "none"}), []string{"No network for ssh"}},
		"no BIOS there":      {with(object{"console_pattern": "x", "architecture": "aarch64", "firmware": "bios"}), []string{"No BIOS on aarch64"}},
		"little memory":      {with(object{"console_pattern": "x", "memory": "1MiB"}), []string{"Invalid memory"}},
		"no time":            {with(object{"console_pattern": "x", "boot_timeout": "0s"}), []string{"boot_timeout"}},
		"no snapshot":        {object{"snapshot": spec + "@none", "console_pattern": "x"}, []string{`Unable to boot RBD snapshot "` + spec + "@none", "In attribute snapshot", "rbd snap ls"}},
		"an image":           {object{"snapshot": spec, "console_pattern": "x"}, []string{"a snapshot is wanted"}},
	} {
		t.Run(what, func(t *testing.T) {
			expect(t, "the refusal", c.planAction("rbd_guest_boot_check", tc.arguments).errors, tc.want...)
		})
	}
	got := c.done("rbd_guest_boot_check", with(object{"console_pattern": "^READY host=tiny", "user_data": "hello, user data"}))
	expect(t, "what it says", strings.Join(got.lines, "\n"), "the guest says: SEED hello, user data\n", spec+"@golden is up after ", " s, with tcg: READY host=tiny")
	failed := c.invoke("rbd_guest_boot_check", with(object{"console_pattern": "^never$", "failure_pattern": "^starting"}))
	expect(t, "a failure", failed.errors, "console shows a failure", "The end of its console:\n\n", "\nstarting", "Mend the image")
	expect(t, "no time", c.invoke("rbd_guest_boot_check", with(object{"console_pattern": "^never$", "boot_timeout": "1s"})).errors, "boot_timeout has passed", "no line of its console matches", "Raise boot_timeout")
	if status := acctest.RBD(t, "status", spec); !strings.Contains(status, "Watchers: none") {
		t.Errorf("it is watched: %s", status)
	}
}

func TestProtocolTrashPurge(t *testing.T) {
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	c := newClient(t, object{"pool": "vms", "namespace": ns})
	ids := map[string]string{}
	for _, name := range []string{"plain", "twice", "owned", "deferred", "parent", "snapshots", "ours"} {
		ids[name] = imagestest.Make(t, place+name, "create", "--size", "4M")
	}
	acctest.RBD(t, "image-meta", "set", place+"owned", "terraform-provider-rbd.image", "owned:"+ids["owned"])
	for _, name := range []string{"parent", "snapshots", "ours"} {
		imagestest.Snapshot(t, place+name+"@s", true)
	}
	acctest.RBD(t, "image-meta", "set", place+"ours", "terraform-provider-rbd.snapshot.s", "owned:"+ids["ours"])
	imagestest.Clone(t, 1, place+"parent@s", place+"child")
	for name := range ids {
		if name != "deferred" {
			imagestest.Trash(t, place+name)
		}
	}
	ids["another"] = imagestest.Make(t, place+"twice", "create", "--size", "4M")
	imagestest.Trash(t, place+"twice")
	acctest.RBD(t, "trash", "mv", "--expires-at", "2 hours", place+"deferred")

	if got := c.done("rbd_trash_purge", object{"older_than": "1h"}); got.warnings != "" || len(got.lines) != 1 {
		t.Errorf("what is younger: %s %s", got.warnings, got.lines)
	}
	for what, tc := range map[string]struct {
		arguments object
		want      []string
	}{
		"nothing asked for":   {object{}, []string{"older_than"}},
		"an empty set":        {object{"names": []any{}}, []string{"names"}},
		"a name that is not":  {object{"names": []any{"plain", "none"}}, []string{place + "none: image not found in the trash", "Nothing was removed"}},
		"an id that is not":   {object{"image_ids": []any{"0"}}, []string{"mage with id 0: image not found in the trash of vms/" + ns}},
		"what a state has":    {object{"names": []any{"plain", "owned"}}, []string{place + "owned (id " + ids["owned"] + ")", "a state has it"}},
		"a state's snapshot":  {object{"names": []any{"ours"}, "remove_snapshots": true}, []string{"its snapshot s"}},
		"before its time":     {object{"names": []any{"deferred"}}, []string{"kept in the trash for a while, until"}},
		"with a clone":        {object{"names": []any{"parent"}, "remove_snapshots": true}, []string{place + "child"}},
		"with its snapshots":  {object{"names": []any{"snapshots"}}, []string{"has snapshots: s", "remove_snapshots"}},
		"a pool that is not":  {object{"pool": "no-such-pool", "older_than": "0s"}, []string{"ceph osd pool ls"}},
		"a time that is none": {object{"older_than": "30d"}, []string{"older_than"}},
		"another's namespace": {object{"pool": "vms", "names": []any{"plain"}}, []string{"vms/plain: image not found in the trash"}},
	} {
		t.Run(what, func(t *testing.T) {
			expect(t, "the refusal", c.planAction("rbd_trash_purge", tc.arguments).errors, tc.want...)
		})
	}
	expect(t, "the name", c.planAction("rbd_trash_purge", object{"image_ids": []any{"0"}}).errors, `Unable to purge RBD trash of "vms/`+ns+`"`)
	expect(t, "no pool", newClient(t, nil).planAction("rbd_trash_purge", object{"older_than": "0s"}).errors, "names a pool")

	got := c.done("rbd_trash_purge", object{"names": []any{"plain", "twice"}, "older_than": "0s"})
	expect(t, "the plan", got.warnings, "3 images with 12 MiB of virtual size", place+"plain (id "+ids["plain"]+")", ids["another"])
	expect(t, "what it says", strings.Join(got.lines, "\n"), "removed 3 of 3: ", "3 images were removed, 0 stay")
	got = c.done("rbd_trash_purge", object{"older_than": "0s", "remove_snapshots": true})
	expect(t, "the second plan", got.warnings, "1 images with", "Images stay in the trash", "owned", "deferred", "parent", "its snapshot s")
	expect(t, "what it says", strings.Join(got.lines, "\n"), "stays: ", "removed 1 of 1: "+place+"snapshots", "1 images were removed, 4 stay")
	if left := acctest.RBD(t, "trash", "ls", "vms/"+ns); len(strings.Fields(left)) != 2*4 {
		t.Errorf("left: %s", left)
	}
}

func TestProtocolTrashRestore(t *testing.T) {
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	c := newClient(t, nil)
	id := imagestest.Make(t, place+"a", "create", "--size", "4M")
	imagestest.Snapshot(t, place+"a@s", true)
	imagestest.Trash(t, place+"a")
	at := func(more object) object {
		more["pool"], more["namespace"] = "vms", ns
		return more
	}
	imagestest.Make(t, place+"a", "create", "--size", "4M")
	removing := imagestest.Make(t, place+"removing", "create", "--size", "4M")
	acctest.RBD(t, "image-meta", "set", place+"removing", "terraform-provider-rbd.removing", "pending:"+removing)
	imagestest.Trash(t, place+"removing")
	for what, tc := range map[string]struct {
		arguments object
		want      []string
	}{
		"a name that is taken":     {at(object{"name": "a"}), []string{"In attribute name", place + "a: name is already taken", "new_name"}},
		"a new name that is taken": {at(object{"image_id": id, "new_name": "a"}), []string{"In attribute new_name", "name is already taken"}},
		"what is not in the trash": {at(object{"name": "b"}), []string{place + "b: image not found in the trash", "rbd trash ls"}},
		"an id that is not":        {at(object{"image_id": "0"}), []string{"In attribute image_id", "not found in the trash"}},
		"what is half gone":        {at(object{"name": "removing"}), []string{"some of its content may be gone", "rbd trash rm"}},
		"name and id":              {at(object{"name": "a", "image_id": id}), []string{"name"}},
		"neither":                  {at(object{}), []string{"name"}},
		"no pool":                  {object{"name": "a"}, []string{"In attribute pool", "names a pool"}},
		"a name that we give":      {at(object{"name": "a", "new_name": "a.tfpending"}), []string{"new_name"}},
	} {
		t.Run(what, func(t *testing.T) {
			expect(t, "the refusal", c.planAction("rbd_trash_restore", tc.arguments).errors, tc.want...)
		})
	}
	got := c.done("rbd_trash_restore", at(object{"name": "a", "new_name": "b"}))
	expect(t, "what it says", strings.Join(got.lines, "\n"), place+"a (id "+id+") is back as "+place+"b")
	expect(t, "rbd", acctest.RBD(t, "info", place+"b"), "id: "+id)
	expect(t, "rbd", acctest.RBD(t, "snap", "ls", place+"b"), " s ")

	imagestest.Trash(t, place+"b")
	other := imagestest.Make(t, place+"b", "create", "--size", "4M")
	imagestest.Trash(t, place+"b")
	expect(t, "two of one name", c.planAction("rbd_trash_restore", at(object{"name": "b"})).errors, "everal images in the trash had this name", id+", there since ", other, "image_id")
	c.done("rbd_trash_restore", at(object{"image_id": other}))
	expect(t, "rbd", acctest.RBD(t, "info", place+"b"), "id: "+other)
}

func TestProtocolImageFlattenChildren(t *testing.T) {
	c, name := newClient(t, nil), providertest.Name(t)
	spec := "images/" + name
	imagestest.Make(t, spec, "create", "--size", "8M")
	imagestest.Write(t, spec, 4)
	imagestest.Snapshot(t, spec+"@s", true)
	arguments := object{"snapshot": spec + "@s"}
	if got := c.done("rbd_image_flatten_children", arguments); got.warnings != "" || strings.Join(got.lines, "") != "0 of 0 clones are flat" {
		t.Errorf("without clones: %s %q", got.warnings, got.lines)
	}
	imagestest.Clone(t, 1, spec+"@s", "vms/"+name+"-1")
	imagestest.Clone(t, 2, spec+"@s", "volumes/"+name+"-2")
	trashed := imagestest.Clone(t, 2, spec+"@s", "vms/"+name+"-3")
	imagestest.Trash(t, "vms/"+name+"-3")
	guard := "images/guard.00000000-0000-4000-8000-" + fmt.Sprintf("%012d", os.Getpid())
	imagestest.Clone(t, 1, spec+"@s", guard)
	expect(t, "with a guard", c.planAction("rbd_image_flatten_children", arguments).errors, guard, "In attribute snapshot", "Nothing was changed")
	expect(t, "with a guard", c.invoke("rbd_image_flatten_children", arguments).errors, guard)
	if still := strings.Fields(acctest.RBD(t, "children", "--all", spec+"@s")); len(still) < 4 {
		t.Fatalf("something was flattened: %s", still)
	}
	acctest.RBD(t, "rm", "--no-progress", guard)

	by := "client"
	if acctest.TakesTasks(t) {
		by = "manager"
	}
	acctest.Watch(t, "vms/"+name+"-1")
	got := c.done("rbd_image_flatten_children", arguments)
	expect(t, "the plan", got.warnings, "3 clones of", "vms/"+name+"-1, ", "(in the trash, id "+trashed+")", "These go on meanwhile, and are slower: image vms/"+name+"-1 is in use: watcher")
	expect(t, "what it says", strings.Join(got.lines, "\n"), "1 of 3: ", "is flattened, by the "+by, "3 of 3 clones are flat")
	if still := acctest.RBD(t, "children", "--all", spec+"@s"); still != "" {
		t.Errorf("still clones: %s", still)
	}
	if used := imagestest.Used(t, "volumes/"+name+"-2"); used != 4<<20 {
		t.Errorf("a clone has %d bytes", used)
	}
}

func TestProtocolGlanceImagePreheat(t *testing.T) {
	c := newClient(t, nil)
	spec := "images/" + providertest.Name(t)
	imagestest.Make(t, spec, "create", "--size", "8M")
	imagestest.Snapshot(t, spec+"@s", true)
	const kind = "rbd_glance_image_location"
	made := c.apply(kind, instance{}, object{"snapshot": spec + "@s", "name": providertest.Name(t)})
	c.destroy(kind, made)
	id, _ := made.get(t, "image_id").(string)
	arguments := object{"image_id": id}
	t.Cleanup(c.configure) // before the destroy
	node := acctest.StartGlanceNode(t, map[string]string{
		"image_cache_dir": t.TempDir(), "image_cache_driver": "sqlite", "paste_deploy.flavor": "keystone+cachemanagement",
	})
	through := func(who string, endpoint any) *client {
		n := *c
		n.openstack = object{"cloud": os.Getenv("OS_CLOUD") + who, "endpoint": endpoint}
		n.configure()
		return &n
	}
	expect(t, "a Glance without a cache", through("-admin", nil).planAction("rbd_glance_image_preheat", arguments).errors, "Glance has no cache here", "image_cache_dir")
	expect(t, "a member", through("", node.Address).planAction("rbd_glance_image_preheat", arguments).errors, "In attribute image_id", "cache_image, cache_list and cache_delete", "an admin")
	admin := through("-admin", node.Address)
	for what, tc := range map[string]struct {
		arguments object
		want      string
	}{
		"none":      {object{"image_id": "00000000-0000-4000-8000-000000000000"}, "openstack image list"},
		"no ID":     {object{"image_id": "debian"}, "not the ID of an image in Glance"},
		"a null ID": {object{}, "image_id is null"},
	} {
		expect(t, what, admin.planAction("rbd_glance_image_preheat", tc.arguments).errors, tc.want)
	}
	evict := object{"image_id": id, "evict": true}
	expect(t, "an eviction of what is not there", strings.Join(admin.done("rbd_glance_image_preheat", evict).lines, ""), "is not in the cache")
	for range 2 { // the second finds it there
		expect(t, "what it says", strings.Join(admin.done("rbd_glance_image_preheat", arguments).lines, ""), "image "+id+" is in the cache, 8 MiB")
	}
	expect(t, "what it says", strings.Join(admin.done("rbd_glance_image_preheat", evict).lines, ""), "is out of the cache")
	expect(t, "an eviction of what is not there", strings.Join(admin.done("rbd_glance_image_preheat", evict).lines, ""), "is not in the cache")

	set := func(action string) {
		r := acctest.Request{User: "admin", Project: "admin", Method: http.MethodPost, Address: node.Address + "/v2/images/" + id + "/actions/" + action}
		if code := r.Send(t); code != http.StatusNoContent {
			t.Fatalf("%s: %d", action, code)
		}
	}
	set("deactivate")
	expect(t, "an image that is not active", admin.planAction("rbd_glance_image_preheat", arguments).errors, "the image is not active but deactivated")
	set("reactivate")
}

// A failover by hand between the two clusters of the lab, and back again.
func TestProtocolImageMirrorRoles(t *testing.T) {
	t.Parallel()
	second := acctest.RequireMirror(t)
	spec := acctest.Mirrored(t, second, "8M")
	dc1, dc2 := newClient(t, nil), newClient(t, object{"conf_file": second.Conf, "fsid": second.FSID})
	arguments := object{"image": spec}
	expect(t, "what is not mirrored", dc1.planAction("rbd_image_mirror_demote", arguments).errors, "In attribute image", "is not mirrored", "rbd_image_mirror")
	acctest.RBD(t, "mirror", "image", "enable", spec, "snapshot")
	id := func() any { return imageIdentity(t, acctest.MirrorPool, spec)["image_id"] }
	primary := func(env []string) bool {
		out, err := acctest.RBDIn(env, "info", spec)
		return err == nil && strings.Contains(out, "mirroring primary: true")
	}
	acctest.Await(t, "the secondary has a state of the primary", func() bool {
		out, err := acctest.RBDIn(second.Env, "mirror", "image", "status", spec)
		return err == nil && strings.Contains(out, "up+replaying")
	})
	expect(t, "a resync of the primary", dc1.planAction("rbd_image_mirror_resync", arguments).errors, "rbd_image_mirror_demote first")
	expect(t, "a resync of the primary", dc1.invoke("rbd_image_mirror_resync", arguments).errors, "rbd_image_mirror_demote first")
	expect(t, "the plan of a promotion", dc2.planAction("rbd_image_mirror_promote", arguments).warnings, "waits for a demotion")
	acctest.RBD(t, "image-meta", "set", spec, "terraform-provider-rbd.mirror", fmt.Sprint("owned:", id()))
	end := acctest.Watch(t, spec)
	expect(t, "a demotion of what is in use", dc1.planAction("rbd_image_mirror_demote", arguments).errors, "is in use: watcher")
	end()
	got := dc1.done("rbd_image_mirror_demote", arguments)
	expect(t, "the plan of the demotion", got.warnings, "A state has the mirroring")
	expect(t, "what it says", strings.Join(got.lines, ""), spec+": primary = false")
	expect(t, "the second", strings.Join(dc1.done("rbd_image_mirror_demote", arguments).lines, ""), "is so already")
	expect(t, "what it says", strings.Join(dc2.done("rbd_image_mirror_promote", arguments).lines, ""), spec+": primary = true")
	if primary(nil) || !primary(second.Env) {
		t.Error("the other cluster has not the primary")
	}
	acctest.Await(t, "the first cluster copies from the second", func() bool {
		out, err := acctest.RBDIn(nil, "mirror", "image", "status", spec)
		return err == nil && strings.Contains(out, "up+replaying")
	})
	was := id()
	got = dc1.done("rbd_image_mirror_resync", arguments)
	expect(t, "the plan of the resync", got.warnings, "The secondary is copied anew")
	expect(t, "what it says", strings.Join(got.lines, ""), spec+" is copied anew")
	if is := id(); is == was {
		t.Error("it is the image that it was")
	}
}
