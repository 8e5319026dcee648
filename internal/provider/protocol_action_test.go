// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
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
				if a := a.schema.Attributes[name]; a.IsRequired() || name == "image" || name == "name" {
					all[name] = tftypes.NewValue(of, tftypes.UnknownValue)
				}
			}
			for from, want := range map[*client]string{c: "", elsewhere: "another cluster"} {
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
