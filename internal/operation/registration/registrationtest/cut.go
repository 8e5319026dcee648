// SPDX-License-Identifier: MPL-2.0

package registrationtest

import (
	"encoding/json"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// Prefix begins the names of this provider's metadata labels.
const Prefix = "terraform-provider-rbd."

// LeaveCreation makes what a killed creation for a state left, as far as it had
// come.
func LeaveCreation(g *Golden, state string, guard, record, location bool) (id string) {
	t := g.T
	t.Helper()
	c := Client(t, AsMember)
	ctx := t.Context()
	who, err := c.Caller(ctx)
	if err != nil {
		t.Fatal(err)
	}
	at, err := c.Identity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	where, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	id = glance.NewID()
	acctest.RBD(t, "image-meta", "set", g.Spec, Prefix+"glance."+id, fmt.Sprintf(
		`{"rbd_image_id":%q,"snapshot_id":%s,"state":"pending","project_id":%q,"name":%q,"state_id":%q,"glance":%s}`,
		g.ID, SnapshotID(t, g.Spec, "s"), who.ProjectID, g.Name, state, where))
	if guard {
		acctest.RBD(t, "--rbd-default-clone-format", "1", "clone", g.Spec+"@s", "images/guard."+id)
	}
	if record {
		_, err = c.Create(ctx, glance.CreateOpts{ID: id, Name: g.Name, DiskFormat: "raw", ContainerFormat: "bare"})
	}
	if err == nil && location {
		_, err = c.AddLocation(ctx, id, fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(t), g.Spec), nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Cut is how far a deletion with the data put aside had come.
type Cut struct {
	What string
	// The image has its other name; the placeholder is there, or half of it.
	Away, placeholder, half bool
	step                    string
	// Record is still there.
	Record  bool
	noGuard bool
	// Held: no guard is possible either.
	Held bool
	// Acceptance is tried with Terraform too.
	Acceptance bool
}

// Leave makes what the cut off deletion left.
func (k Cut) Leave(g *Golden, id string) {
	t := g.T
	t.Helper()
	if err := Client(t, AsAdmin).Deactivate(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "image-meta", "set", g.Spec, Prefix+"aside",
		fmt.Sprintf(`{"rbd_image_id":%q,"name":%q,"for":%q,"step":%q}`, g.ID, g.Name, id, k.step))
	detached := g.Spec + ".detach-" + g.ID
	if k.Away {
		acctest.RBD(t, "rename", g.Spec, detached)
	}
	for name, made := range map[string]bool{g.Spec: k.placeholder, g.Spec + ".tfpending": k.half} {
		if made {
			acctest.RBD(t, "create", "--size", "1M", name)
			// A mark has the id of the image that it is on.
			own := RBDID(t, name)
			acctest.RBD(t, "image-meta", "set", name, Prefix+"image", "decoy:"+g.ID+":"+own)
		}
	}
	if k.noGuard || k.Held {
		acctest.RBD(t, "rm", "--no-progress", "images/guard."+id)
	}
	if k.Held { // no guard is possible either
		acctest.RBD(t, "snap", "unprotect", detached+"@s")
	}
	if !k.Record {
		if _, err := Client(t, AsMember).DeleteRecord(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// Cuts are all of them.
var Cuts = []Cut{
	{What: "noted", Record: true},
	{What: "renamed", Away: true, Record: true},
	{What: "half a placeholder", Away: true, half: true, Record: true},
	{What: "placeholder", Acceptance: true, Away: true, placeholder: true, Record: true},
	{What: "asked for", Away: true, placeholder: true, step: "delete-shown", Record: true},
	{What: "placeholder deleted", Away: true, step: "delete-shown", Record: true},
	{What: "deleted", Away: true, step: "delete-shown"},
	{What: "deleted without the placeholder", Away: true, placeholder: true, step: "delete"},
	{What: "named back", step: "delete-shown"},
	{What: "asked for without a guard", Acceptance: true, Away: true, placeholder: true, step: "delete-shown", Record: true, noGuard: true},
	{What: "asked for without a snapshot to guard", Away: true, placeholder: true, step: "delete-shown", Record: true, Held: true},
}
