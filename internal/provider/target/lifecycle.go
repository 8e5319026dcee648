// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/destroying"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	// ReadTimeout is the default of a refresh.
	ReadTimeout = 10 * time.Minute
	// ChangeTimeout is the default of an update and a deletion. It is long since librbd visits every object of an image that is
	// removed, shrunk or flattened.
	ChangeTimeout = 2 * time.Hour
)

// holder is the model of a resource that makes an image: it embeds Model.
type holder[M any] interface {
	*M
	Base() *Model
}

// refresher is a model with more to refresh than Model.
type refresher interface{ Refreshed(img rbd.Image) }

// updated is a model in which an update changes more than the plan knows.
type updated interface{ Updated(img rbd.Image) }

// Read is the Read of a resource that makes an image. An image that was renamed
// is found by its id, and one that took its name is not taken for it.
func Read[M any, P holder[M]](ctx context.Context, d *providerdata.Data, kind report.Kind, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	m := P(&state).Base()
	ctx, cancel, ok := deadline.Reading(ctx, m.Timeouts.Read, ReadTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec, id := m.RBDSpec(), m.ImageID.ValueString()
	if !d.CanAsk() {
		kind.NotRefreshed(&resp.Diagnostics, spec.String())
		keepIdentity(ctx, d, m, resp.Identity, &resp.Diagnostics)
		return
	}
	var img rbd.Image
	err := d.CheckHome(ctx, req.Private, spec.Pool)
	if err == nil {
		img, err = d.Ceph.FindImage(ctx, spec, id)
	}
	switch {
	case rbd.IsNotFound(err) && wasMoved(ctx, req.Private):
		kind.Error(&resp.Diagnostics, "move", spec.String(), fmt.Errorf("%w: %w", errMovedAbsent, err))
		return
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		keepIdentity(ctx, d, m, resp.Identity, &resp.Diagnostics)
		return
	case err != nil:
		kind.Error(&resp.Diagnostics, "read", spec.String(), err)
		return
	}
	keepRemoving(ctx, img, resp, &resp.Diagnostics)
	if img.Removing() {
		resp.Diagnostics.AddWarning("A removal was cut off", fmt.Sprintf("%s %q was being removed. That is brought to its end, and where the image is wanted, it is made anew.", kind, spec))
		keepIdentity(ctx, d, m, resp.Identity, &resp.Diagnostics)
		providerdata.NoteRefreshed(img.FSID, img.ID)
		return
	}
	if img.Trash == nil {
		// Reading must also work for a user who may not write.
		if err := d.Ceph.ClaimImage(ctx, img); err != nil {
			tflog.Warn(ctx, "could not note that the image is in a state", map[string]any{"image": img.Spec.String(), "error": err.Error()})
		}
	}
	providerdata.NoteRefreshed(img.FSID, img.ID)
	noteHome(ctx, d, kind, img, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, movedKey, nil)...)
	m.SetRead(img)
	if own, ok := any(&state).(refresher); ok {
		own.Refreshed(img)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
}

// removingKey is where the private state keeps that the image was being removed.
const removingKey = "removing"

func keepRemoving(ctx context.Context, img rbd.Image, resp *resource.ReadResponse, diags *diag.Diagnostics) {
	var value []byte
	if img.Removing() {
		value = []byte("true")
	}
	diags.Append(resp.Private.SetKey(ctx, removingKey, value)...)
}

// noteHome keeps where the image is.
func noteHome(ctx context.Context, d *providerdata.Data, kind report.Kind, img rbd.Image, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, diags *diag.Diagnostics) {
	if err := d.NoteHome(ctx, to, img.Spec.Pool); err != nil {
		kind.Error(diags, "read", img.Spec.String(), err)
	}
}

// CheckHome refuses to plan for an image that is in another cluster than the
// provider's, or whose pool has another name now. It is for ModifyPlan, where
// there is a state.
func CheckHome(ctx context.Context, d *providerdata.Data, kind report.Kind, m Model, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}, diags *diag.Diagnostics) {
	if !d.CanAsk() {
		return
	}
	if err := d.CheckHome(ctx, from, m.Pool.ValueString()); err != nil {
		kind.Error(diags, "plan", m.RBDSpec().String(), err)
	}
}

// Change is what an update does beyond what Model says.
type Change struct {
	AllowShrink bool
	// Also is done last, but for a move to the trash, with the image's spec.
	Also func(ctx context.Context, spec rbd.Spec) error
}

// Update is the Update of a resource that makes an image: it restores, renames,
// resizes and switches as planned. change may be nil.
func Update[M any, P holder[M]](ctx context.Context, d *providerdata.Data, kind report.Kind, req resource.UpdateRequest, resp *resource.UpdateResponse, change func(was, is *M) Change) {
	var was, is M
	resp.Diagnostics.Append(req.State.Get(ctx, &was)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &is)...)
	state, plan := P(&was).Base(), P(&is).Base()
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, ChangeTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	defer destroying.Begin()()
	u := updater{d: d, kind: kind, spec: state.RBDSpec(), id: state.ImageID.ValueString(), state: state, plan: plan}
	if change != nil {
		u.change = change(&was, &is)
	}
	if u.run(ctx, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	img, ok := ReadBack(ctx, d, kind, u.id, plan, &resp.Diagnostics)
	if ok {
		if own, ok := any(&is).(updated); ok {
			own.Updated(img)
		}
		resp.Diagnostics.Append(resp.State.Set(ctx, &is)...)
		setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
	}
}

// ReadBack puts what the cluster says now of the image with the model's name into
// the model. An empty id means whichever has the name.
func ReadBack(ctx context.Context, d *providerdata.Data, kind report.Kind, id string, m *Model, diags *diag.Diagnostics) (rbd.Image, bool) {
	spec := m.RBDSpec()
	img, err := d.Ceph.FindImage(ctx, spec, id)
	if err != nil {
		kind.Error(diags, "read back", spec.String(), err)
		return img, false
	}
	m.SetRead(img)
	return img, true
}

// owner is a model whose image has snapshots of its own.
type owner interface{ Own() rbd.Own }

func ownOf(m any) rbd.Own {
	if o, ok := m.(owner); ok {
		return o.Own()
	}
	return nil
}

// Delete is the Delete of a resource that makes an image: it removes the image,
// or lets it be, as on_destroy says.
func Delete[M any, P holder[M]](ctx context.Context, d *providerdata.Data, kind report.Kind, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	m := P(&state).Base()
	ctx, cancel, ok := deadline.With(ctx, m.Timeouts.Delete, ChangeTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec := m.RBDSpec()
	err := d.CheckHome(ctx, req.Private, spec.Pool)
	if err == nil {
		err = destroying.Await(ctx, Ours(ctx, d), func() error { return remove(ctx, d, *m, spec, ownOf(&state)) })
	}
	if err != nil && !rbd.IsNotFound(err) {
		kind.Error(&resp.Diagnostics, "delete", spec.String(), err)
	}
}

// remove finds the image by its id, whatever its name is now.
func remove(ctx context.Context, d *providerdata.Data, m Model, spec rbd.Spec, own rbd.Own) error {
	unlock, err := d.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	id := m.ImageID.ValueString()
	if m.OnDestroy.ValueString() == ondestroy.Delete {
		err := d.Ceph.DeleteImage(ctx, spec, id, own)
		if removed, e := d.Ceph.RemoveLeftovers(ctx, rbd.ChildrenOf(err)); e != nil {
			return errors.Join(err, e)
		} else if removed > 0 {
			err = d.Ceph.DeleteImage(ctx, spec, id, own)
		}
		return err
	}
	img, err := d.Ceph.FindImage(ctx, spec, id)
	if err != nil || img.Trash != nil {
		return err
	}
	if m.OnDestroy.ValueString() == ondestroy.Trash {
		if err := d.Ceph.CheckTrash(ctx, spec, id); err != nil {
			return err
		}
	}
	if err := d.Ceph.Disown(ctx, img, own); err != nil || m.OnDestroy.ValueString() == ondestroy.Retain {
		return err
	}
	return d.Ceph.TrashImage(ctx, spec, id, m.TrashDelay.Amount())
}
