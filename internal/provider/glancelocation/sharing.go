// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const shared = "shared"

var errNoStore = errors.New("Glance has no such store")

// setMemberStatus notes what the members said; members is nil where the record is
// not shared.
func (m *model) setMemberStatus(members map[string]string) {
	m.MemberStatus = types.MapNull(types.StringType)
	if members == nil {
		return
	}
	status := map[string]attr.Value{}
	for project, said := range members {
		status[project] = types.StringValue(said)
	}
	m.MemberStatus = types.MapValueMust(types.StringType, status)
}

// setMembers notes who the members are, also those that others added.
func (m *model) setMembers(now map[string]string, imported bool) {
	if m.Members.IsNull() && !(imported && len(now) > 0) {
		return
	}
	members := []attr.Value{}
	for project := range now {
		members = append(members, types.StringValue(project))
	}
	m.Members = types.SetValueMust(types.StringType, members)
}

// planSharing: who the members are is known, but not what they say.
func planSharing(plan *model, config, state model, fresh bool) {
	switch {
	case !plan.Visibility.IsUnknown() && plan.Visibility.ValueString() != shared:
		plan.MemberStatus = types.MapNull(types.StringType)
	case fresh || !plan.Members.Equal(state.Members) || !plan.Visibility.Equal(state.Visibility):
		plan.MemberStatus = types.MapUnknown(types.StringType)
	default:
		plan.MemberStatus = state.MemberStatus
	}
	if !fresh && config.Store.IsNull() {
		plan.Store = state.Store
	}
}

// checkStore refuses a store that Glance does not have: it answers that with a
// server error.
func (r *locationResource) checkStore(ctx context.Context, plan model, diags *diag.Diagnostics) {
	want := plan.Store.ValueString()
	if want == "" {
		return
	}
	stores, err := r.data.Glance.Stores(ctx)
	switch {
	case err == nil && len(stores) == 0:
		err = fmt.Errorf("%w: it does not have enabled_backends set, and so no store has a name", errNoStore)
	case err == nil && !slices.Contains(stores, want):
		err = fmt.Errorf("%w: %q; there are %s", errNoStore, want, strings.Join(stores, ", "))
	}
	if err != nil {
		kind.AttributeError(diags, path.Root("store"), "plan", plan.Name.ValueString(), err)
	}
}
