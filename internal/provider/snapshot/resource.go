// SPDX-License-Identifier: MPL-2.0

// Package snapshot is the resource rbd_snapshot.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/destroying"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/glancelocation"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	defaultTimeout = 10 * time.Minute
	deleteTimeout  = 2 * time.Hour // it may flatten children

	onNameChangeReplace = "replace"
	onNameChangeRename  = "rename"
)

var kind = report.NewKind("RBD snapshot", target.Advice)

var (
	_ resource.ResourceWithConfigure   = &snapshotResource{}
	_ resource.ResourceWithModifyPlan  = &snapshotResource{}
	_ resource.ResourceWithImportState = &snapshotResource{}
	_ resource.ResourceWithIdentity    = &snapshotResource{}
)

// NewResource is rbd_snapshot.
func NewResource() resource.Resource { return &snapshotResource{} }

type snapshotResource struct{ data *providerdata.Data }

func (r *snapshotResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_snapshot"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *snapshotResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identitySchema()
}

func (r *snapshotResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *snapshotResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	img, s, err := r.create(ctx, plan)
	if err != nil {
		kind.Error(&resp.Diagnostics, "create", plan.Image.ValueString()+"@"+plan.Name.ValueString(), err)
		return
	}
	plan.setRead(img, s, nil)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(keepName(ctx, resp.Private, s.Name)...)
	r.noteHome(ctx, img, s, resp.Private, &resp.Diagnostics)
	setIdentity(ctx, img, s, resp.Identity, &resp.Diagnostics)
	settle.AtEnd(func(ctx context.Context) error { return r.data.Ceph.SettleSnapshot(ctx, img, s) })
}

func (r *snapshotResource) create(ctx context.Context, plan model) (rbd.Image, rbd.Snapshot, error) {
	spec, err := plan.rbdSpec()
	if err != nil {
		return rbd.Image{}, rbd.Snapshot{}, err
	}
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return rbd.Image{}, rbd.Snapshot{}, err
	}
	defer unlock()
	img, err := r.data.Ceph.Image(ctx, spec)
	if err != nil {
		return img, rbd.Snapshot{}, err
	}
	s, err := r.data.Ceph.CreateSnapshot(ctx, spec, img.ID, plan.Protected.ValueBool())
	return img, s, err
}

func (r *snapshotResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	name := state.Image.ValueString() + "@" + state.Name.ValueString()
	if !r.data.CanAsk() {
		kind.NotRefreshed(&resp.Diagnostics, name)
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	}
	if err := r.checkHome(ctx, state, req.Private); err != nil {
		kind.Error(&resp.Diagnostics, "read", name, err)
		return
	}
	img, s, children, err := r.find(ctx, state)
	unknown := errors.Is(err, rbd.ErrChildrenUnknown)
	if unknown {
		tflog.Warn(ctx, "could not list the children of a snapshot", map[string]any{"snapshot": name, "error": err.Error()})
		err = nil
	}
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		keepIdentity(ctx, r.data, state, resp.Identity, &resp.Diagnostics)
		return
	case err != nil:
		kind.Error(&resp.Diagnostics, "read", name, err)
		return
	}
	providerdata.NoteRefreshed(img.FSID, refreshedID(img, s))
	r.claim(ctx, img, s)
	r.noteHome(ctx, img, s, resp.Private, &resp.Diagnostics)
	if was, diags := req.Private.GetKey(ctx, nameKey); was == nil && !diags.HasError() {
		resp.Diagnostics.Append(keepName(ctx, resp.Private, state.Name.ValueString())...)
	}
	state.setRead(img, s, children)
	if unknown {
		state.Children = types.ListNull(types.StringType)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	setIdentity(ctx, img, s, resp.Identity, &resp.Diagnostics)
}

// noteHome keeps where the snapshot is.
func (r *snapshotResource) noteHome(ctx context.Context, img rbd.Image, s rbd.Snapshot, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, diags *diag.Diagnostics) {
	if err := r.data.NoteHome(ctx, to, img.Spec.Pool); err != nil {
		kind.Error(diags, "read", img.Spec.WithSnapshot(s.Name).String(), err)
	}
}

// checkHome makes sure that the state's cluster and pool are the ones at hand.
func (r *snapshotResource) checkHome(ctx context.Context, m model, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}) error {
	spec, err := m.rbdSpec()
	if err != nil {
		return err
	}
	return r.data.CheckHome(ctx, from, spec.Pool)
}

func (r *snapshotResource) find(ctx context.Context, m model) (rbd.Image, rbd.Snapshot, []rbd.Child, error) {
	spec, err := m.rbdSpec()
	if err != nil {
		return rbd.Image{}, rbd.Snapshot{}, nil, err
	}
	return r.data.Ceph.ReadSnapshot(ctx, spec, m.ImageID.ValueString(), m.snapshotID())
}

// claim notes on the image that the snapshot is in a state, also where it was
// imported or renamed. Reading must also work for a user who may not write.
func (r *snapshotResource) claim(ctx context.Context, img rbd.Image, s rbd.Snapshot) {
	if img.Trash != nil {
		return
	}
	err := r.data.Ceph.ClaimSnapshot(ctx, img, s.Name)
	if !img.OwnsSnapshot(s.Name) {
		err = errors.Join(err, r.data.Ceph.AdoptSnapshot(ctx, img.Spec, s.Name))
	}
	if err != nil {
		tflog.Warn(ctx, "could not note that the snapshot is in a state",
			map[string]any{"snapshot": img.Spec.WithSnapshot(s.Name).String(), "error": err.Error()})
	}
}

func (r *snapshotResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	img, s, err := r.update(ctx, state, plan)
	if err != nil {
		kind.Error(&resp.Diagnostics, "update", plan.Image.ValueString()+"@"+plan.Name.ValueString(), err)
		return
	}
	children := plan.Children // a clone made since the plan is for the next refresh
	plan.setRead(img, s, nil)
	plan.Children = children
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(keepName(ctx, resp.Private, s.Name)...)
	setIdentity(ctx, img, s, resp.Identity, &resp.Diagnostics)
}

func (r *snapshotResource) update(ctx context.Context, state, plan model) (img rbd.Image, s rbd.Snapshot, err error) {
	spec, err := plan.rbdSpec()
	if err != nil {
		return img, s, err
	}
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return img, s, err
	}
	defer unlock()
	if _, err = imageref.Same(ctx, r.data, plan.Image.ValueString(), state.ImageID.ValueString()); err != nil {
		return img, s, err
	}
	id := state.snapshotID()
	if was := spec.WithSnapshot(state.Name.ValueString()); was != spec {
		if err := r.data.Ceph.RenameSnapshot(ctx, was, id, spec.Snapshot); err != nil {
			return img, s, err
		}
	}
	if err := r.data.Ceph.ProtectSnapshot(ctx, spec, id, plan.Protected.ValueBool()); err != nil {
		return img, s, err
	}
	if img, err = r.data.Ceph.Image(ctx, spec); err == nil {
		s, err = img.SnapshotByID(id)
	}
	return img, s, err
}

func (r *snapshotResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, deleteTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec, err := state.rbdSpec()
	if err == nil {
		err = r.checkHome(ctx, state, req.Private)
	}
	if err == nil {
		err = destroying.Await(ctx, target.Ours(ctx, r.data), func() error { return r.remove(ctx, spec, state) })
	}
	if err != nil {
		kind.Error(&resp.Diagnostics, "delete", spec.String(), err)
	}
}

func (r *snapshotResource) remove(ctx context.Context, spec rbd.Spec, state model) error {
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	img, s, children, err := r.find(ctx, state)
	if rbd.IsNotFound(err) {
		return nil
	}
	if err != nil && !errors.Is(err, rbd.ErrChildrenUnknown) {
		return err
	}
	if img.Trash != nil {
		if state.OnDestroy.ValueString() == ondestroy.Retain {
			return nil
		}
		return fmt.Errorf("image %s (id %s): %w", img.Spec, img.ID, errImageTrashed)
	}
	spec = img.Spec.WithSnapshot(s.Name)
	if state.OnDestroy.ValueString() == ondestroy.Retain {
		return r.data.Ceph.DisownSnapshot(ctx, spec)
	}
	glancelocation.Sweep(ctx, r.data, img)
	if _, err := r.data.Ceph.RemoveLeftovers(ctx, children); err != nil {
		return err
	}
	if state.FlattenChildren.ValueBool() {
		if err := r.data.Ceph.FlattenChildren(ctx, spec, s.ID, nil); err != nil {
			return err
		}
	}
	if err := r.data.Ceph.RemoveSnapshot(ctx, spec, s.ID, state.OnDestroy.ValueString() == ondestroy.Trash); err != nil {
		return err
	}
	// Somebody may have renamed it, or its image, at the same time.
	if _, _, _, err = r.find(ctx, state); rbd.IsNotFound(err) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("snapshot %s (id %d): %w", spec, s.ID, rbd.ErrStillThere)
	}
	return err
}
