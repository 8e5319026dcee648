// SPDX-License-Identifier: MPL-2.0

package mirrorpool

import (
	"cmp"
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	modeImage        = "image"
	modeDisabled     = "disabled"
	onDestroyDisable = "disable"
	maxSiteName      = 255
)

type model struct {
	Pool      types.String   `tfsdk:"pool"`
	Namespace types.String   `tfsdk:"namespace"`
	Mode      types.String   `tfsdk:"mode"`
	SiteName  types.String   `tfsdk:"site_name"`
	Peer      types.Object   `tfsdk:"peer"`
	OnDestroy types.String   `tfsdk:"on_destroy"`
	Spec      types.String   `tfsdk:"spec"`
	Peers     types.List     `tfsdk:"peers"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`
}

type peerModel struct {
	Token     types.String `tfsdk:"bootstrap_token_wo"`
	Version   types.Int64  `tfsdk:"bootstrap_token_wo_version"`
	Direction types.String `tfsdk:"direction"`
	FSID      types.String `tfsdk:"fsid"`
	UUID      types.String `tfsdk:"uuid"`
	SiteName  types.String `tfsdk:"site_name"`
}

var peerTypes = map[string]attr.Type{
	"bootstrap_token_wo": types.StringType, "bootstrap_token_wo_version": types.Int64Type, "direction": types.StringType,
	"fsid": types.StringType, "uuid": types.StringType, "site_name": types.StringType,
}

var peersType = types.ObjectType{AttrTypes: map[string]attr.Type{"uuid": types.StringType, "site_name": types.StringType, "direction": types.StringType}}

// at is the pool, or the namespace of it.
func (m model) at() rbd.Spec {
	return rbd.Spec{Pool: m.Pool.ValueString(), Namespace: m.Namespace.ValueString()}
}

func (m model) name() string { return m.at().PoolSpec() }

func (m model) atKnown() bool { return !m.Pool.IsUnknown() && !m.Namespace.IsUnknown() }

// peer is nil where there is none, or none that is known.
func (m model) peer(ctx context.Context, diags *diag.Diagnostics) *peerModel {
	if m.Peer.IsNull() || m.Peer.IsUnknown() {
		return nil
	}
	var p peerModel
	diags.Append(m.Peer.As(ctx, &p, basetypes.ObjectAsOptions{})...)
	return &p
}

// imports tells whether the token must be imported for this peer, with what the state has.
func (p *peerModel) imports(state *peerModel) bool {
	return p != nil && (state == nil || !p.Version.Equal(state.Version) || !p.Direction.Equal(state.Direction))
}

// object has no token: that is only to be written.
func (p *peerModel) object(ctx context.Context, diags *diag.Diagnostics) types.Object {
	if p == nil {
		return types.ObjectNull(peerTypes)
	}
	p.Token = types.StringNull()
	out, errs := types.ObjectValueFrom(ctx, peerTypes, p)
	diags.Append(errs...)
	return out
}

// setRead leaves out a peer that is gone, and takes over what became of it.
func (m *model) setRead(ctx context.Context, is rbd.MirrorPool, fsid string, diags *diag.Diagnostics) {
	m.Mode, m.Spec = types.StringValue(is.Mode), types.StringValue(m.name())
	switch {
	case m.Namespace.ValueString() != "": // where none is taken: what is generated of an import must be valid
		m.SiteName = types.StringNull()
	case is.SiteName != fsid || m.SiteName.IsNull() || m.SiteName.IsUnknown(): // who may not read the name gets the fsid
		m.SiteName = types.StringValue(is.SiteName)
	}
	if m.OnDestroy.IsNull() { // just imported
		m.OnDestroy = types.StringValue(onDestroyDisable)
	}
	had := m.peer(ctx, diags)
	m.Peer = types.ObjectNull(peerTypes)
	var all []attr.Value
	slices.SortFunc(is.Peers, func(a, b rbd.MirrorPeer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID)) })
	for _, p := range is.Peers {
		all = append(all, types.ObjectValueMust(peersType.AttrTypes, map[string]attr.Value{
			"uuid": types.StringValue(p.UUID), "site_name": types.StringValue(p.Name), "direction": types.StringValue(p.Direction),
		}))
		if had != nil && had.UUID.ValueString() == p.UUID {
			had.SiteName, had.Direction = types.StringValue(p.Name), types.StringValue(p.Direction)
			m.Peer = had.object(ctx, diags)
		}
	}
	m.Peers = types.ListValueMust(peersType, all)
}

// keep is for the end of an apply: what was planned holds, and what another has changed
// meanwhile is for the next refresh.
func (m *model) keep(plan model) {
	if !plan.SiteName.IsUnknown() {
		m.SiteName = plan.SiteName
	}
	if !plan.Peers.IsUnknown() {
		m.Peers = plan.Peers
	}
}
