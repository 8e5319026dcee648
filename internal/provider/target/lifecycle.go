package target

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	readTimeout = 10 * time.Minute
	// changeTimeout is long since librbd visits every object of an image that is
	// removed, shrunk or flattened.
	changeTimeout = 2 * time.Hour
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
func Read[M any, P holder[M]](ctx context.Context, d *providerdata.Data, noun string, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	m := P(&state).Base()
	ctx, cancel, ok := deadline.With(ctx, m.Timeouts.Read, readTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec, id := m.RBDSpec(), m.ImageID.ValueString()
	if !d.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", "The provider's configuration is not known yet, so "+noun+" \""+spec.String()+"\" was not read.")
		keepIdentity(ctx, d, m, resp.Identity, &resp.Diagnostics)
		return
	}
	img, err := d.Ceph.FindImage(ctx, spec, id)
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		keepIdentity(ctx, d, m, resp.Identity, &resp.Diagnostics)
		return
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, spec.String(), err)
		return
	}
	if img.Trash == nil {
		// Reading must also work for a user who may not write.
		if err := d.Ceph.ClaimImage(ctx, img); err != nil {
			tflog.Warn(ctx, "could not note that the image is in a state", map[string]any{"image": img.Spec.String(), "error": err.Error()})
		}
	}
	providerdata.NoteRefreshed(img.FSID, img.ID)
	m.SetRead(img)
	if own, ok := any(&state).(refresher); ok {
		own.Refreshed(img)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
}

// Change is what an update does beyond what Model says.
type Change struct {
	AllowShrink bool
	// Also is done last, but for a move to the trash, with the image's spec.
	Also func(ctx context.Context, spec rbd.Spec) error
}

// Update is the Update of a resource that makes an image: it restores, renames,
// resizes and switches as planned. change may be nil.
func Update[M any, P holder[M]](ctx context.Context, d *providerdata.Data, noun string, req resource.UpdateRequest, resp *resource.UpdateResponse, change func(was, is *M) Change) {
	var was, is M
	resp.Diagnostics.Append(req.State.Get(ctx, &was)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &is)...)
	state, plan := P(&was).Base(), P(&is).Base()
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, changeTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	u := updater{d: d, noun: noun, spec: state.RBDSpec(), id: state.ImageID.ValueString(), state: state, plan: plan}
	if change != nil {
		u.change = change(&was, &is)
	}
	if u.run(ctx, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	img, ok := ReadBack(ctx, d, noun, u.spec, u.id, plan, &resp.Diagnostics)
	if ok {
		if own, ok := any(&is).(updated); ok {
			own.Updated(img)
		}
		resp.Diagnostics.Append(resp.State.Set(ctx, &is)...)
		setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
	}
}

// ReadBack puts what the cluster says now of the image into the model. An empty
// id means whichever has the name.
func ReadBack(ctx context.Context, d *providerdata.Data, noun string, spec rbd.Spec, id string, m *Model, diags *diag.Diagnostics) (rbd.Image, bool) {
	img, err := d.Ceph.FindImage(ctx, spec, id)
	if err != nil {
		report.Error(diags, "read back", noun, spec.String(), err)
		return img, false
	}
	m.SetRead(img)
	return img, true
}

// Delete is the Delete of a resource that makes an image: it removes the image,
// or lets it be, as on_destroy says.
func Delete[M any, P holder[M]](ctx context.Context, d *providerdata.Data, noun string, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	m := P(&state).Base()
	ctx, cancel, ok := deadline.With(ctx, m.Timeouts.Delete, changeTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec := m.RBDSpec()
	if err := remove(ctx, d, *m, spec); err != nil && !rbd.IsNotFound(err) {
		report.Error(&resp.Diagnostics, "delete", noun, spec.String(), err)
	}
}

func remove(ctx context.Context, d *providerdata.Data, m Model, spec rbd.Spec) error {
	unlock, err := d.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	id := m.ImageID.ValueString()
	img, err := d.Ceph.FindImage(ctx, spec, id)
	if err != nil {
		return err
	}
	trashed := img.Trash != nil
	switch {
	case m.OnDestroy.ValueString() == OnDestroyDelete && trashed:
		return d.Ceph.RemoveTrashed(ctx, spec, id)
	case m.OnDestroy.ValueString() == OnDestroyDelete:
		return d.Ceph.RemoveImage(ctx, spec, id)
	case trashed:
		return nil
	}
	if err := d.Ceph.DisownImage(ctx, spec, id); err != nil || m.OnDestroy.ValueString() == OnDestroyRetain {
		return err
	}
	return d.Ceph.TrashImage(ctx, spec, id, m.trashDelay())
}
