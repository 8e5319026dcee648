// SPDX-License-Identifier: MPL-2.0

// Package bootcheck is the resource rbd_guest_boot_check.
package bootcheck

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	defaultTimeout = 30 * time.Minute
)

var kind = report.NewKind("RBD snapshot", advice, guestresource.Advice)

var (
	_ resource.ResourceWithConfigure      = &bootCheckResource{}
	_ resource.ResourceWithModifyPlan     = &bootCheckResource{}
	_ resource.ResourceWithImportState    = &bootCheckResource{}
	_ resource.ResourceWithValidateConfig = &bootCheckResource{}
)

var advice = []report.Advice{
	{Is: qemu.ErrConsoleFailure, Do: "The snapshot is as it was. Mend the image, and take another snapshot."},
	{Is: qemu.ErrEnded, Do: "The guest has powered off or rebooted, or qemu could not run it; where the rbd driver is missing, install qemu-block-extra. The snapshot is as it was."},
	{Is: qemu.ErrNoFirmware, Do: "Install it on the machine that runs Terraform (on Debian: ovmf for x86_64, qemu-efi-aarch64 for aarch64). The snapshot is as it was."},
	{Is: errTooSlow, Do: "Raise boot_timeout where the guest is merely slow: without KVM it takes several times as long. The snapshot is as it was."},
}

// NewResource is rbd_guest_boot_check.
func NewResource() resource.Resource { return &bootCheckResource{} }

type bootCheckResource struct{ data *providerdata.Data }

func (r *bootCheckResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_guest_boot_check"
}

func (r *bootCheckResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *bootCheckResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	r.check(ctx, &plan, req.Config, &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

// Update boots again, unless only the snapshot's name or the timeouts changed.
func (r *bootCheckResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if plan.Seconds.IsUnknown() {
		r.check(ctx, &plan, req.Config, &resp.Diagnostics)
	}
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

// Read looks for the snapshot that was booted. Where that is gone, nothing was
// checked of what is there now.
func (r *bootCheckResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	ctx, cancel, ok := deadline.Reading(ctx, state.Timeouts.Read, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if !r.data.CanAsk() {
		kind.NotRefreshed(&resp.Diagnostics, state.Snapshot.ValueString())
		return
	}
	spec, err := rbd.ParseSpec(state.Snapshot.ValueString())
	var img rbd.Image
	if err == nil {
		img, err = imageref.Find(ctx, r.data, spec.ImageSpec().String(), state.ImageID.ValueString())
	}
	if err != nil && !rbd.IsNotFound(err) {
		kind.Error(&resp.Diagnostics, "read", state.Snapshot.ValueString(), err)
		return
	}
	i := slices.IndexFunc(img.Snapshots, func(s rbd.Snapshot) bool {
		if state.SnapshotID.IsNull() { // just imported
			return s.Kind == rbd.UserSnapshot && s.Name == spec.Snapshot
		}
		return s.Kind == rbd.UserSnapshot && state.isOf(img.ID, s.ID)
	})
	if err != nil || i < 0 {
		resp.State.RemoveResource(ctx)
		return
	}
	state.Snapshot = types.StringValue(img.Spec.WithSnapshot(img.Snapshots[i].Name).String())
	state.Spec, state.ImageID = state.Snapshot, types.StringValue(img.ID)
	state.SnapshotID = types.Int64Value(int64(img.Snapshots[i].ID)) //nolint:gosec // a counter
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
}

// Delete does nothing: there is nothing but the result.
func (*bootCheckResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// ImportState takes pool[/namespace]/image@snapshot. What was seen can't be
// imported: the next apply boots the snapshot, and waits for a login where the
// configuration says nothing else.
func (r *bootCheckResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	spec, err := rbd.ParseSpec(req.ID)
	if err != nil || spec.Snapshot == "" {
		resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image@snapshot, got \""+req.ID+"\".")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("snapshot"), spec.String())...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("console_pattern"), "login:")...)
}
