// SPDX-License-Identifier: MPL-2.0

package mirrorpool

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var (
	errOtherCluster  = errors.New("the bootstrap token is of another cluster than the peer that is there")
	errNoToken       = errors.New("the peer must be imported, and there is no token to import")
	errSiteNames     = errors.New("another rbd_mirror_pool gives the cluster another site name")
	errSiteNameTaken = errors.New("a peer has this site name")
)

// ValidateConfig refuses for a namespace what only a pool has.
func (r *poolResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &m)...); resp.Diagnostics.HasError() || m.Namespace.ValueString() == "" {
		return
	}
	for name, is := range map[string]interface{ IsNull() bool }{"site_name": m.SiteName, "peer": m.Peer} {
		if !is.IsNull() {
			resp.Diagnostics.AddAttributeError(path.Root(name), "Invalid Attribute Combination", fmt.Sprintf(
				"A namespace is mirrored over the peers of its pool, by the name that the cluster has: give %s to the rbd_mirror_pool of the pool, or leave namespace out.", name))
		}
	}
}

// ModifyPlan refuses what can't succeed.
func (r *poolResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var plan, state model
	diags := &resp.Diagnostics
	creating, destroying := req.State.Raw.IsNull(), req.Plan.Raw.IsNull()
	if !creating {
		diags.Append(req.State.Get(ctx, &state)...)
	}
	if !destroying {
		diags.Append(req.Plan.Get(ctx, &plan)...)
	}
	if diags.HasError() {
		return
	}
	if r.data.CanAsk() {
		// Also while the pool is not known yet: a wrong cluster stops here.
		_, err := r.data.Ceph.FSID(ctx)
		name := plan.name()
		if err == nil && !creating {
			name = state.name()
			err = r.data.CheckHome(ctx, req.Private, state.Pool.ValueString())
		}
		if err != nil {
			kind.AttributeError(diags, path.Root("pool"), "plan", name, err)
			return
		}
	}
	if destroying || len(resp.RequiresReplace) > 0 {
		r.checkDestroy(ctx, state, diags)
	}
	if destroying || diags.HasError() {
		return
	}
	had := state.peer(ctx, diags)
	if creating || len(resp.RequiresReplace) > 0 {
		had = nil
		plan.Spec = types.StringUnknown()
		r.planCreate(ctx, state, plan, req, resp)
	}
	if !diags.HasError() {
		r.planPeer(ctx, plan, had, req, resp)
		r.checkSiteName(ctx, plan, req.Config, diags)
	}
	diags.Append(resp.Plan.SetAttribute(ctx, path.Root("spec"), plan.Spec)...)
}

// planCreate refuses what is mirrored already, and two resources for one pool.
func (r *poolResource) planCreate(ctx context.Context, state, plan model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data == nil || !plan.atKnown() {
		return
	}
	diags, at := &resp.Diagnostics, plan.at()
	had, errs := providerdata.Replaces(ctx, req.Private)
	diags.Append(errs...)
	creating := req.State.Raw.IsNull()
	again := creating && had != ""
	if !creating {
		had = state.name()
		diags.Append(providerdata.NoteReplaces(ctx, resp.Private, had)...)
	}
	if err := r.data.Planned.Claim("mirroring of "+plan.name(), had, again); err != nil {
		kind.AttributeError(diags, path.Root("pool"), "plan", plan.name(), err)
		return
	}
	if !r.data.CanAsk() {
		return
	}
	left, err := r.data.Ceph.CheckFreeMirrorPool(ctx, at)
	if _, planned := r.data.Planned.Find(at); planned && errors.Is(err, rbd.ErrNamespaceNotFound) {
		err = nil // this run makes it
	}
	where := path.Root("pool")
	if errors.Is(err, rbd.ErrNamespaceNotFound) {
		where = path.Root("namespace")
	}
	switch {
	case err != nil && !(again && errors.Is(err, rbd.ErrPoolMirroredBefore)):
		kind.AttributeError(diags, where, "enable", plan.name(), err)
	case left:
		diags.AddAttributeWarning(where, "An unfinished run is taken up", fmt.Sprintf(
			"The %s %q was enabled by a run of this state that was cut off before it could write its state. It is taken up as it is.", kind, plan.name()))
	}
	r.data.Planned.NoteMirrored(at)
}

// planPeer tells what an apply will find out, and refuses a token that can't be imported.
func (r *poolResource) planPeer(ctx context.Context, plan model, had *peerModel, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	diags := &resp.Diagnostics
	peers := types.ListUnknown(peersType)
	want := plan.peer(ctx, diags)
	if diags.HasError() {
		return
	}
	switch {
	case plan.Peer.IsUnknown():
	case want.imports(had):
		want.FSID, want.UUID, want.SiteName = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
		r.checkImport(ctx, plan, had, req.Config, diags)
	case want == nil && had != nil:
		r.checkRemovePeer(ctx, plan, had, diags)
	case !plan.Spec.IsUnknown():
		if want != nil {
			want.FSID, want.UUID, want.SiteName = had.FSID, had.UUID, had.SiteName
		}
		diags.Append(req.State.GetAttribute(ctx, path.Root("peers"), &peers)...)
	}
	if !plan.Peer.IsUnknown() {
		diags.Append(resp.Plan.SetAttribute(ctx, path.Root("peer"), want.object(ctx, diags))...)
	}
	diags.Append(resp.Plan.SetAttribute(ctx, path.Root("peers"), peers)...)
}

// checkImport refuses what the import would refuse, as far as this cluster knows.
func (r *poolResource) checkImport(ctx context.Context, plan model, had *peerModel, config tfsdk.Config, diags *diag.Diagnostics) {
	at := path.Root("peer").AtName("bootstrap_token_wo")
	token, known, err := tokenOf(ctx, config, diags)
	if diags.HasError() || !known {
		return
	}
	if err == nil {
		err = checkSame(token, had)
	}
	if err == nil && r.data.CanAsk() && plan.atKnown() {
		err = r.data.Ceph.CheckMirrorPeer(ctx, plan.Pool.ValueString(), token, uuidOf(had))
	}
	if err != nil {
		kind.AttributeError(diags, at, "add a peer to", plan.name(), err)
	}
}

// tokenOf takes the token from the configuration.
func tokenOf(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (token rbd.BootstrapToken, known bool, err error) {
	var text types.String
	diags.Append(config.GetAttribute(ctx, path.Root("peer").AtName("bootstrap_token_wo"), &text)...)
	switch {
	case text.IsUnknown():
		return token, false, nil
	case text.IsNull():
		return token, true, errNoToken
	}
	token, err = rbd.ParseBootstrapToken(text.ValueString())
	return token, true, err
}

// checkSame refuses to put a peer in the place of another one.
func checkSame(token rbd.BootstrapToken, had *peerModel) error {
	if had != nil && had.FSID.ValueString() != "" && !strings.EqualFold(had.FSID.ValueString(), token.FSID) {
		return fmt.Errorf("%w: that is %s (%q), the token is of %s", errOtherCluster, had.FSID.ValueString(), had.SiteName.ValueString(), token.FSID)
	}
	return nil
}

func uuidOf(p *peerModel) string {
	if p == nil {
		return ""
	}
	return p.UUID.ValueString()
}

func (r *poolResource) checkRemovePeer(ctx context.Context, plan model, had *peerModel, diags *diag.Diagnostics) {
	if !r.data.CanAsk() {
		return
	}
	if err := mirroring.CheckRemovePeer(ctx, r.data.Ceph, plan.at()); err != nil {
		kind.AttributeError(diags, path.Root("peer"), "remove the peer \""+had.SiteName.ValueString()+"\" of", plan.name(), err)
		return
	}
	diags.AddAttributeWarning(path.Root("peer"), "A peer is removed", fmt.Sprintf(
		"%q no longer receives from %q. What that cluster has of this one as a peer stays there: `rbd mirror pool peer remove`, or its rbd_mirror_pool.", plan.name(), had.SiteName.ValueString()))
}

// checkSiteName refuses a name that another resource, or a peer, has.
func (r *poolResource) checkSiteName(ctx context.Context, plan model, config tfsdk.Config, diags *diag.Diagnostics) {
	var given types.String
	at := path.Root("site_name")
	diags.Append(config.GetAttribute(ctx, at, &given)...)
	if r.data == nil || given.IsUnknown() || given.IsNull() || !plan.atKnown() {
		return
	}
	name := given.ValueString()
	if other, ok := r.data.Planned.AgreeOn("site name", name); !ok {
		kind.AttributeError(diags, at, "name the site of", plan.name(), fmt.Errorf("%w: %q", errSiteNames, other))
		return
	}
	if !r.data.CanAsk() {
		return
	}
	is, err := r.data.Ceph.MirrorPool(ctx, plan.Pool.ValueString(), plan.Namespace.ValueString())
	if err != nil {
		return // planCreate, or the next refresh, says so
	}
	for _, p := range is.Peers {
		if p.Name == name {
			kind.AttributeError(diags, at, "name the site of", plan.name(), fmt.Errorf("%w: %q", errSiteNameTaken, name))
		}
	}
}

// checkDestroy refuses to disable what still mirrors, except for images whose mirroring a
// resource of this provider holds, since that goes first. Secondaries go when their
// primaries do: who holds these is not known here.
func (r *poolResource) checkDestroy(ctx context.Context, state model, diags *diag.Diagnostics) {
	if !r.data.CanAsk() || state.OnDestroy.ValueString() == ondestroy.Retain {
		return
	}
	err := r.data.Ceph.CheckMirrorsNone(ctx, state.at())
	var mirrored *rbd.MirrorsImagesError
	switch {
	case err == nil || rbd.IsNotFound(err):
	case !errors.As(err, &mirrored) || !mirrored.AllOwned():
		kind.Error(diags, "disable", state.name(), err)
	case len(mirrored.Secondaries) > 0:
		diags.AddWarning("Secondaries are waited for", fmt.Sprintf("%v. They go when the mirroring of their primaries has ended, which the same apply may do in the other cluster; for two minutes the apply waits for that.", mirrored))
	}
}
