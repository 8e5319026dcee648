// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
)

// setCopies notes which of our stores have a copy; an import takes all of them for
// ours.
func (m *model) setCopies(rec *glance.Image, imported bool) {
	if rec.Status != glance.StatusActive && !m.CopyToStores.IsNull() {
		return // it may not show them
	}
	have := registration.CopiesOf(rec, values.Sorted(m.CopyToStores.Elements()))
	if imported {
		have = registration.FurtherStores(rec)
	}
	if m.CopyToStores.IsNull() && !(imported && len(have) > 0) {
		m.CopyToStores = types.SetNull(types.StringType)
		return
	}
	stores := []attr.Value{}
	for _, s := range have {
		stores = append(stores, types.StringValue(s))
	}
	m.CopyToStores = types.SetValueMust(types.StringType, stores)
}

// expectCopies is for an update that failed: copies that Glance may still make are
// ours, so that a destroy removes them. A refresh tells which there are.
func (m *model) expectCopies(plan model) {
	stores := append(m.CopyToStores.Elements(), plan.CopyToStores.Elements()...)
	if plan.CopyToStores.IsNull() || len(stores) == len(m.CopyToStores.Elements()) {
		return
	}
	all := []attr.Value{}
	for _, s := range slices.Compact(values.Sorted(stores)) {
		all = append(all, types.StringValue(s))
	}
	m.CopyToStores = types.SetValueMust(types.StringType, all)
}

// planCopies refuses stores that Glance does not have, and that of the location.
// With the first copy Glance hashes the data.
func (r *locationResource) planCopies(ctx context.Context, plan *model, state model, fresh bool, diags *diag.Diagnostics) {
	var had []string
	if !fresh {
		had = values.Sorted(state.CopyToStores.Elements())
	}
	unknown := plan.CopyToStores.IsUnknown() || slices.ContainsFunc(plan.CopyToStores.Elements(), attr.Value.IsUnknown)
	added := slices.DeleteFunc(values.Sorted(plan.CopyToStores.Elements()), func(s string) bool { return slices.Contains(had, s) })
	if len(added) == 0 && !unknown {
		return
	}
	if !fresh && state.HashValue.IsNull() {
		plan.HashValue, plan.Checksum = types.StringUnknown(), types.StringUnknown()
		if plan.HashAlgo.IsNull() {
			plan.HashAlgo = types.StringUnknown()
		}
	}
	if unknown || !r.data.CanAsk() {
		return
	}
	if err := r.checkCopies(ctx, added, plan.Store.ValueString()); err != nil {
		kind.AttributeError(diags, path.Root("copy_to_stores"), "plan", plan.Name.ValueString(), err)
	}
}

func (r *locationResource) checkCopies(ctx context.Context, added []string, own string) error {
	stores, err := r.data.Glance.Stores(ctx)
	if err != nil {
		return err
	}
	if len(stores) == 0 {
		return fmt.Errorf("%w: it does not have enabled_backends set, and so no store has a name", errNoStore)
	}
	for _, s := range added {
		if !slices.Contains(stores, s) {
			return fmt.Errorf("%w: %q; there are %s", errNoStore, s, strings.Join(stores, ", "))
		}
		if s == own {
			return fmt.Errorf("%w: store %q has the registered snapshot itself", registration.ErrNoCopy, s)
		}
	}
	return r.data.Glance.CheckCopy(ctx)
}
