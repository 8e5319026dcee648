// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// How the data is protected when somebody else deletes the record.
const (
	protectionGuard = string(registration.ProtectionGuard)
	protectionAlias = string(registration.ProtectionAlias)
	protectionNone  = string(registration.ProtectionNone)
)

func (m model) wantsGuard() bool { return m.Protection.ValueString() == protectionGuard }

func (m model) unprotected() bool { return m.Protection.ValueString() == protectionNone }

func (m model) wantsAlias() bool { return m.Protection.ValueString() == protectionAlias }

// aliasPool is the pool of the alias; empty where none is wanted.
func (m model) aliasPool(snapshot rbd.Spec) string {
	switch {
	case !m.wantsAlias():
		return ""
	case m.AliasPool.ValueString() != "":
		return m.AliasPool.ValueString()
	}
	return snapshot.Pool
}

// knownAliasPool is aliasPool as it is shown and planned.
func (m model) knownAliasPool() types.String {
	spec, err := rbd.ParseSpec(m.Snapshot.ValueString())
	switch {
	case m.Protection.IsUnknown():
		return types.StringUnknown()
	case !m.wantsAlias():
		return types.StringNull()
	case !m.AliasPool.IsNull() && !m.AliasPool.IsUnknown():
		return m.AliasPool
	case err != nil:
		return types.StringUnknown()
	}
	return types.StringValue(m.aliasPool(spec))
}

func (m *model) setProtection(ref registration.Ref) {
	m.Guard, m.Alias = types.StringNull(), types.StringNull()
	switch {
	case ref.HasAlias():
		m.Alias = types.StringValue(ref.Alias.String())
	case m.wantsGuard():
		m.Guard = types.StringValue(ref.Guard().String())
	}
}

// planAliasPool: a pool that is left out is that of the snapshot.
func planAliasPool(plan *model, config model) {
	plan.AliasPool = config.AliasPool
	if config.AliasPool.IsNull() {
		plan.AliasPool = plan.knownAliasPool()
	}
}

// planProtection plans guard and alias, whose names follow from the record's ID.
func planProtection(plan *model) {
	plan.Guard, plan.Alias = types.StringUnknown(), types.StringUnknown()
	if plan.Protection.IsUnknown() {
		return
	}
	spec, err := rbd.ParseSpec(plan.Snapshot.ValueString())
	known := err == nil && !plan.ImageID.IsUnknown()
	ref := registration.Ref{Snapshot: spec, ImageID: plan.ImageID.ValueString()}.WithAlias(plan.aliasPool(spec))
	if known && !(plan.wantsAlias() && plan.AliasPool.IsUnknown()) {
		plan.setProtection(ref)
		return
	}
	if !plan.wantsAlias() {
		plan.Alias = types.StringNull()
	}
	if !plan.wantsGuard() {
		plan.Guard = types.StringNull()
	}
}

// checkAliasPool refuses a pool that is not there.
func (r *locationResource) checkAliasPool(ctx context.Context, plan model, diags *diag.Diagnostics) {
	if !plan.wantsAlias() || plan.AliasPool.ValueString() == "" {
		return
	}
	if err := r.data.Ceph.CheckPool(ctx, plan.AliasPool.ValueString(), ""); err != nil {
		kind.AttributeError(diags, path.Root("alias_pool"), "plan", plan.Name.ValueString(), err)
	}
}
