// Package glancelocation is the resource rbd_glance_image_location.
package glancelocation

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	noun           = "Glance image"
	defaultTimeout = 10 * time.Minute
	// hashTimeout is enough for some 4 TiB with SHA-512.
	hashTimeout = 2 * time.Hour

	protectionGuard = "guard"
	protectionAlias = "alias"
	protectionNone  = "none"

	diskFormat      = "raw"
	containerFormat = "bare"
)

var (
	_ resource.ResourceWithConfigure      = &locationResource{}
	_ resource.ResourceWithModifyPlan     = &locationResource{}
	_ resource.ResourceWithImportState    = &locationResource{}
	_ resource.ResourceWithValidateConfig = &locationResource{}
)

func init() {
	for _, a := range []struct {
		is   error
		text string
	}{
		{errTaken, "Glance never gives an ID to a second image: leave image_id out or choose another (also where something else of the resource makes a new record), or bring the existing one into the state with `terraform import`."},
		{errNotVisible, "It was not deleted, as far as can be told. Check cloud in the provider's openstack block, and OS_CLOUD."},
		{errOtherRecords, "They would lose the guard that protects their data too. Delete them first, or bring them into a state with `terraform import`. Nothing was changed."},
		{errOtherData, "Glance would remove that data together with the image: remove those locations first, or destroy as a user who is no admin. Nothing was changed."},
		{errDelayedDelete, "It would lose the data when its scrubber runs. Destroy as a user of the project who is no admin: then Glance lets the data be. Nothing was changed."},
		{errRefused, "The record is as it was. See what uses the RBD image (`rbd status`, `rbd children`), and Glance's log."},
		{errAside, "See `rbd ls -l POOL` for the empty image of 1 MiB that has its name. When no DELETE of the image is under way in Glance any more, and no scrubber runs, remove the empty one with `rbd rm` and run again: the name is given back."},
		{rbd.ErrAside, "A run is deleting, or was cut off while it deleted, a Glance image of it. Remove nothing by hand: the next plan with the rbd_glance_image_location puts the image back."},
		{errNotMade, "What was made of it was removed again."},
		{errNoHash, "Glance takes hashes only while an image has no data yet: verify_hash compares nothing here, and hash = \"once\" needs a new image."},
		{errHash, "Either the snapshot is not the one that was hashed, or somebody else gave Glance the hashes. Find out which before you go on: what was read is what Nova and Cinder clone. With hash other than \"off\", the next plan makes the image anew where the hashes in Glance are wrong."},
		{glance.ErrHashAlgorithm, "Set os_hash_algo to the hashing_algorithm of Glance; os_hash_algo of an image that was uploaded tells it (`openstack image show`). What was made was removed again."},
		{rbd.ErrNotProtected, "Protect it (`rbd snap protect`, or protected = true of rbd_snapshot), as guard and alias are v1 clones; or do without: protection = \"none\"."},
		{errNoStore, "Leave store out: Glance finds it by the pool in the location. See `glance stores-info`."},
		{errURL, "Choose another snapshot, or shorter names."},
		{glance.ErrNotConfigured, "Name a cloud of clouds.yaml in the provider's openstack block or in OS_CLOUD, or set the usual OS_* variables."},
		{glance.ErrCloudNotFound, "Look for a typing error in cloud of the provider's openstack block, or in OS_CLOUD."},
		{glance.ErrConfig, "Compare with a command that uses the same credentials: `openstack image list`."},
		{glance.ErrIdentityUnreachable, "Check auth_url, and the network between here and Keystone."},
		{glance.ErrUnauthenticated, "Check user, project and password: `openstack token issue` uses the same."},
		{glance.ErrNoEndpoint, "Set region or endpoint in the provider's openstack block; see `openstack catalog show image`."},
		{glance.ErrNotGlance, "Check endpoint in the provider's openstack block, and the catalogue: `openstack catalog show image`."},
		{glance.ErrNotGuarded, "Leave protection at \"guard\", which takes a protected snapshot. What was made was removed again."},
		{glance.ErrImport, "Glance's log says why; a pool or snapshot that its own Ceph user can't read is one cause. What was made was removed again."},
		{glance.ErrLocationsDisabled, "A snapshot can't be registered otherwise. What was made was removed again."},
		{glance.ErrUndecided, "Glance may still be at work. Run again: what was done is found, and the rest done or undone."},
		{glance.ErrForbidden, "Glance's policy or the role of the user is against it; a public image needs the role admin by default."},
		{glance.ErrTooLarge, "Ask the operator of Glance for a larger quota, or make do with fewer tags and properties."},
		{glance.ErrConflict, "Look at the record with `openstack image show`."},
		{glance.ErrBadRequest, "See what Glance says; a pool or snapshot that Glance's own Ceph user can't read is one cause."},
		{glance.ErrServer, "See Glance's log; a pool that none of its stores uses is one cause, an alias whose parent Glance's Ceph user can't read (`profile rbd-read-only pool=POOL`) is another."},
		{glance.ErrNoAnswer, "Check the network between here and Glance; raise request_timeout in the provider's openstack block where it is merely slow."},
	} {
		report.Advise(a.is, a.text)
	}
}

// NewResource is rbd_glance_image_location.
func NewResource() resource.Resource { return &locationResource{} }

type locationResource struct{ data *providerdata.Data }

func (r *locationResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_glance_image_location"
}

func (r *locationResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *locationResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, plan.defaultTimeout(), &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if err := r.create(ctx, &plan, &resp.Diagnostics); err != nil {
		report.Error(&resp.Diagnostics, "create", noun, plan.Name.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func (r *locationResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Read, state.defaultTimeout(), &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if !r.data.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", "The provider's configuration is not known yet, so "+noun+" \""+state.ImageID.ValueString()+"\" was not read.")
		return
	}
	there, err := r.read(ctx, &state, &resp.Diagnostics)
	switch {
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, state.ImageID.ValueString(), err)
	case !there:
		resp.State.RemoveResource(ctx)
	default:
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	}
}

func (r *locationResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, plan.defaultTimeout(), &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if err := r.update(ctx, state, &plan); err != nil {
		report.Error(&resp.Diagnostics, "update", noun, state.ImageID.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func (r *locationResource) update(ctx context.Context, state model, plan *model) error {
	p, err := state.place()
	if err != nil {
		return err
	}
	// Before the lock, as it may take long.
	data, err := r.verify(ctx, state, *plan, p)
	if err != nil {
		return err
	}
	unlock, err := r.data.Ceph.LockImage(ctx, p.snapshot)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.heal(ctx, p.snapshot, p.rbdImageID); err != nil {
		return err
	}
	img, snap, err := r.registered(ctx, p)
	if err != nil {
		return err
	}
	// First of all, so that nothing else happens while it is missing.
	if err := r.protect(ctx, p, plan.wantsGuard()); err != nil {
		return err
	}
	rec, err := r.data.Glance.Get(ctx, p.record)
	if err != nil {
		return err
	}
	want := registration{url: rbd.LocationURL(img.FSID, p.location()), size: int64(snap.SizeBytes)} //nolint:gosec // signed in librbd
	if rec.Status == glance.StatusQueued && plan.wantsHash() {
		// Its location is gone; the hashes have to come with the next one again.
		want.hashes = entries(img)[p.record].Hashes
	}
	rec, err = r.complete(ctx, rec, state, *plan, want)
	if err != nil {
		return err
	}
	if data != nil {
		if err := r.claim(ctx, img, p, rec.Name, data); err != nil {
			return err
		}
	}
	if plan.unprotected() {
		if err := r.data.Ceph.RemoveGuard(ctx, p.guard(), p.rbdImageID, p.record); err != nil {
			return err
		}
	}
	plan.setPlace(p)
	plan.setRecord(rec, false)
	if err := r.readMembers(ctx, plan, rec, false, false); err != nil {
		return err
	}
	plan.setLocation(rec, want.url)
	plan.setProtection(p)
	return nil
}

func (r *locationResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	zombie, err := r.delete(ctx, state)
	if err != nil {
		report.Error(&resp.Diagnostics, "delete", noun, state.ImageID.ValueString(), err)
	}
	tell(&resp.Diagnostics, zombie, state.ImageID.ValueString())
}

func (r *locationResource) delete(ctx context.Context, state model) (zombie bool, err error) {
	p, err := state.place()
	if err != nil {
		return false, err
	}
	unlock, err := r.data.Ceph.LockImage(ctx, p.snapshot)
	if err != nil {
		return false, err
	}
	defer unlock()
	if state.retires() {
		return r.retire(ctx, state, p)
	}
	if err := r.checkOthers(ctx, p); err != nil {
		return false, err
	}
	if err := r.checkAlias(ctx, p); err != nil {
		return false, err
	}
	return r.remove(ctx, p)
}

// ImportState takes the ID of the image in Glance.
func (r *locationResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if !imageID.MatchString(req.ID) {
		resp.Diagnostics.AddError("Invalid import id", "Want the ID of the image in Glance, a UUID, not "+`"`+req.ID+`".`)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("image_id"), req.ID)...)
}
