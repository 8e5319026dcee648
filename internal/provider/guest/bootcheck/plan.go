// SPDX-License-Identifier: MPL-2.0

package bootcheck

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ValidateConfig refuses what can't be waited for.
func (r *bootCheckResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() {
		return
	}
	m.validate(&resp.Diagnostics)
}

// validate refuses what contradicts itself.
func (m model) validate(diags *diag.Diagnostics) {
	if m.Network.ValueString() == qemu.NoNetwork && !m.SSHBanner.IsNull() {
		diags.AddAttributeError(path.Root("network"), "No network for ssh", "ssh_banner needs a network card: \""+qemu.Isolated+"\" will do, and is the default with it.")
	}
	if m.Architecture.ValueString() == qemu.AArch64 {
		if m.Firmware.ValueString() == qemu.BIOS {
			diags.AddAttributeError(path.Root("firmware"), "No BIOS on aarch64", "A guest for aarch64 boots by UEFI, which is the default there.")
		}
		if m.DiskBus.ValueString() == qemu.IDE {
			diags.AddAttributeError(path.Root("disk_bus"), "No such bus on aarch64", "The machine for aarch64 has \""+qemu.VirtioBlk+"\" and \""+qemu.VirtioSCSI+"\".")
		}
	}
	if m.Memory.Known() && (m.memoryMiB() < 16 || m.Memory.Amount()%(1<<20) != 0) {
		diags.AddAttributeError(path.Root("memory"), "Invalid memory", "It must be a multiple of 1MiB, and 16MiB at least.")
	}
}

func (r *bootCheckResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return // nothing is done
	}
	var plan, state model
	creating := req.State.Raw.IsNull()
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !creating {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	same, err := r.sameSnapshot(ctx, plan, state)
	if err != nil {
		kind.AttributeError(&resp.Diagnostics, path.Root("snapshot"), "plan a boot of", plan.Snapshot.ValueString(), err)
		return
	}
	plan.Spec = plan.Snapshot
	if !creating && same && sameArguments(plan, state) {
		plan.keep(state)
	} else {
		plan.forget()
	}
	guestresource.SetPlan(ctx, resp, plan.computed())
}

func sameArguments(plan, state model) bool {
	was := state.arguments()
	for i, a := range plan.arguments() {
		if !a.Equal(was[i]) {
			return false
		}
	}
	return true
}

// sameSnapshot tells whether the snapshot is the one that the state has. It
// refuses one that neither exists nor is made in this run.
func (r *bootCheckResource) sameSnapshot(ctx context.Context, plan, state model) (bool, error) {
	if !r.data.CanAsk() {
		return plan.Snapshot.Equal(state.Snapshot), nil
	}
	// Also while the snapshot is not known yet: a wrong cluster stops here.
	if _, err := r.data.Ceph.FSID(ctx); err != nil || plan.Snapshot.IsUnknown() {
		return false, err
	}
	spec, err := rbd.ParseSpec(plan.Snapshot.ValueString())
	if err != nil {
		return false, err
	}
	if id, ok := r.data.Planned.Find(spec); ok {
		return state.isOf(id.ImageID, id.SnapshotID), nil
	}
	o, err := findOrigin(ctx, r.data, plan.Snapshot.ValueString())
	if r.data.Planned.Explains(spec, err) {
		return false, nil
	}
	return err == nil && state.isOf(o.imageID, o.snapshotID), err
}

func (m model) isOf(imageID string, snapshotID uint64) bool {
	return imageID != "" && m.ImageID.ValueString() == imageID && uint64(m.SnapshotID.ValueInt64()) == snapshotID //nolint:gosec // it came from a uint64
}
