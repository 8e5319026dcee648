// Package snapshot is the resource rbd_snapshot.
package snapshot

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	noun           = "RBD snapshot"
	defaultTimeout = 10 * time.Minute

	onDestroyDelete = "delete"
	onDestroyRetain = "retain"
)

var (
	_ resource.ResourceWithConfigure   = &snapshotResource{}
	_ resource.ResourceWithModifyPlan  = &snapshotResource{}
	_ resource.ResourceWithImportState = &snapshotResource{}
)

// NewResource is rbd_snapshot.
func NewResource() resource.Resource { return &snapshotResource{} }

type snapshotResource struct{ data *providerdata.Data }

func (r *snapshotResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_snapshot"
}

func (r *snapshotResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A snapshot of an RBD image, protected unless told otherwise: `rbd snap create` and `rbd snap protect`. " +
			"Destroying it unprotects and removes it, and refuses while clones hang on it.\n\n" +
			"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`; to see the children in other pools, read access to those.",
		Attributes: map[string]schema.Attribute{
			imageref.Name: imageref.Attribute("to take the snapshot of"),
			"name": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Name of the snapshot. A change takes a new snapshot, as it is the image's content now that is wanted under the new name; " +
					"with the `revision` of an earlier step in the name, a new one is taken exactly when that step's result has changed.",
				Validators:    []validator.String{namecheck.Snapshot()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"protected": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(true),
				MarkdownDescription: "Whether the snapshot is protected, which v1 clones need. Default: `true`. Switched in place.",
			},
			"on_destroy": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString(onDestroyDelete),
				MarkdownDescription: "What happens to the snapshot when the resource is destroyed: `delete` (default) or `retain` (left as it is).",
				Validators:          []validator.String{stringvalidator.OneOf(onDestroyDelete, onDestroyRetain)},
			},
			"spec": schema.StringAttribute{
				Computed: true, MarkdownDescription: "`pool[/namespace]/image@snapshot`, for every argument that wants a snapshot.",
			},
			"image_id": schema.StringAttribute{
				Computed: true, MarkdownDescription: "RBD image id of the image.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"snapshot_id": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Snapshot id.",
				PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"size_bytes": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Size of the image when the snapshot was taken, in bytes.",
				PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"location_url": schema.StringAttribute{
				Computed: true, MarkdownDescription: "`rbd://FSID/POOL/IMAGE/SNAPSHOT`, as Glance, Nova and Cinder write it.",
			},
		},
		Blocks: map[string]schema.Block{
			"timeouts": timeouts.Block(ctx, timeouts.Opts{Create: true, Read: true, Update: true, Delete: true}),
		},
	}
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
		report.Error(&resp.Diagnostics, "create", noun, plan.Image.ValueString()+"@"+plan.Name.ValueString(), err)
		return
	}
	plan.setRead(img, s)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
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
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	name := state.Image.ValueString() + "@" + state.Name.ValueString()
	if !r.data.CanAsk() {
		resp.Diagnostics.AddWarning("Not refreshed", "The provider's configuration is not known yet, so "+noun+" \""+name+"\" was not read.")
		return
	}
	img, err := imageref.Find(ctx, r.data, state.Image.ValueString(), state.ImageID.ValueString())
	var s rbd.Snapshot
	if err == nil {
		s, err = img.Snapshot(state.Name.ValueString())
	}
	imported := state.SnapshotID.IsNull()
	if err == nil && !imported && int64(s.ID) != state.SnapshotID.ValueInt64() { //nolint:gosec // a counter
		err = rbd.ErrSnapshotNotFound // another one has its name; creating will say so
	}
	switch {
	case rbd.IsNotFound(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, name, err)
		return
	}
	r.claim(ctx, img, s, imported)
	state.setRead(img, s)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// claim notes on the image that the snapshot is in a state. Reading must also
// work for a user who may not write.
func (r *snapshotResource) claim(ctx context.Context, img rbd.Image, s rbd.Snapshot, imported bool) {
	err := r.data.Ceph.ClaimSnapshot(ctx, img, s.Name)
	if imported && !img.OwnsSnapshot(s.Name) {
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
	if err := r.update(ctx, state, &plan); err != nil {
		report.Error(&resp.Diagnostics, "update", noun, plan.Image.ValueString()+"@"+plan.Name.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func (r *snapshotResource) update(ctx context.Context, state model, plan *model) error {
	spec, err := plan.rbdSpec()
	if err != nil {
		return err
	}
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err = imageref.Same(ctx, r.data, plan.Image.ValueString(), state.ImageID.ValueString()); err != nil {
		return err
	}
	id := uint64(state.SnapshotID.ValueInt64()) //nolint:gosec // it came from a uint64
	if err := r.data.Ceph.ProtectSnapshot(ctx, spec, id, plan.Protected.ValueBool()); err != nil {
		return err
	}
	img, err := r.data.Ceph.Image(ctx, spec)
	if err != nil {
		return err
	}
	s, err := img.Snapshot(spec.Snapshot)
	if err == nil {
		plan.setRead(img, s)
	}
	return err
}

func (r *snapshotResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	spec, err := state.rbdSpec()
	if err == nil {
		err = r.remove(ctx, spec, state)
	}
	if err != nil {
		report.Error(&resp.Diagnostics, "delete", noun, spec.String(), err)
	}
}

func (r *snapshotResource) remove(ctx context.Context, spec rbd.Spec, state model) error {
	unlock, err := r.data.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	if state.OnDestroy.ValueString() == onDestroyRetain {
		err := r.data.Ceph.DisownSnapshot(ctx, spec)
		if rbd.IsNotFound(err) {
			return nil
		}
		return err
	}
	return r.data.Ceph.RemoveSnapshot(ctx, spec, uint64(state.SnapshotID.ValueInt64())) //nolint:gosec // it came from a uint64
}

func (r *snapshotResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	spec, err := rbd.ParseSpec(req.ID)
	if err == nil && spec.Snapshot == "" {
		err = errors.New("the spec of an image, a snapshot is wanted")
	}
	if err != nil {
		resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image@snapshot: "+err.Error()+".")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(imageref.Name), spec.ImageSpec().String())...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), spec.Snapshot)...)
}
