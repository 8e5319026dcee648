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

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

const shared = "shared"

var errNoStore = errors.New("Glance has no such store")

// unshare ends the sharing with our members before the record is shared no
// longer: Glance lets nobody see or change them then, and shares with them
// again as soon as it is shared again.
func (r *locationResource) unshare(ctx context.Context, rec *glance.Image, before, plan model) error {
	if rec.Visibility != shared || plan.Visibility.ValueString() == shared || before.Members.IsNull() {
		return nil
	}
	return r.data.Glance.SetMembers(ctx, rec.ID, nil)
}

func (r *locationResource) share(ctx context.Context, id string, plan model) error {
	if plan.Members.IsNull() || plan.Visibility.ValueString() != shared {
		return nil
	}
	return r.data.Glance.SetMembers(ctx, id, words(plan.Members))
}

// readMembers notes who the members are, and what they said. all is for a
// refresh, where those that others added show.
func (r *locationResource) readMembers(ctx context.Context, m *model, rec *glance.Image, all, imported bool) error {
	status, members := map[string]attr.Value{}, []attr.Value{}
	m.MemberStatus = types.MapNull(types.StringType)
	if rec.Visibility == shared {
		now, err := r.data.Glance.Members(ctx, rec.ID)
		if err != nil {
			return err
		}
		for project, said := range now {
			status[project] = types.StringValue(said)
			members = append(members, types.StringValue(project))
		}
		m.MemberStatus = types.MapValueMust(types.StringType, status)
	}
	if all && (!m.Members.IsNull() || imported && len(members) > 0) {
		m.Members = types.SetValueMust(types.StringType, members)
	}
	return nil
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

// storeOf is where Glance says that the data is; null where it has but one
// store, or does not say.
func storeOf(rec *glance.Image) types.String {
	for _, l := range rec.Locations {
		if s := l.Metadata["store"]; s != "" {
			return types.StringValue(s)
		}
	}
	if len(rec.Stores) > 0 {
		return types.StringValue(rec.Stores[0])
	}
	return types.StringNull()
}

func (m model) locationMetadata() map[string]string {
	if s := m.Store.ValueString(); s != "" {
		return map[string]string{"store": s}
	}
	return nil
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
		report.AttributeError(diags, path.Root("store"), "plan", noun, plan.Name.ValueString(), err)
	}
}
