package glancelocation

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func aliasName(record string) string { return "alias." + record }

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

// withAlias gives a place its alias, whose name follows from the record's ID.
func (p place) withAlias(pool string) place {
	p.alias = rbd.Spec{}
	if pool != "" {
		p.alias = rbd.Spec{Pool: pool, Image: aliasName(p.record)}
	}
	return p
}

func (p place) hasAlias() bool { return p.alias.Image != "" }

// location is the snapshot that Glance is told of.
func (p place) location() rbd.Spec {
	if p.hasAlias() {
		return p.alias.WithSnapshot(rbd.AliasSnapshot)
	}
	return p.snapshot
}

// protect makes what keeps the data when somebody else deletes the record.
func (r *locationResource) protect(ctx context.Context, p place, guard bool) error {
	if p.hasAlias() {
		return r.data.Ceph.EnsureAlias(ctx, p.snapshot, p.rbdImageID, p.snapshotID, p.alias, p.record)
	}
	if !guard {
		return nil
	}
	return r.data.Ceph.EnsureGuard(ctx, p.snapshot, p.rbdImageID, p.snapshotID, guardName(p.record), p.record)
}

// checkAlias refuses to delete a record whose alias would have to stay.
func (r *locationResource) checkAlias(ctx context.Context, p place) error {
	if !p.hasAlias() {
		return nil
	}
	return r.data.Ceph.CheckAlias(ctx, p.alias, p.rbdImageID, p.record)
}

// readProtection tells whether guard or alias are as they should be.
func (r *locationResource) readProtection(ctx context.Context, m *model, p place) error {
	m.Guard, m.Alias = types.StringNull(), types.StringNull()
	spec := p.keeper()
	g, err := r.data.Ceph.Guard(ctx, spec)
	switch {
	case rbd.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case !g.Guards(p.rbdImageID, p.snapshotID):
	case !p.hasAlias():
		m.Guard = types.StringValue(spec.String())
	default:
		if s, err := g.Image.Snapshot(rbd.AliasSnapshot); err == nil && s.Protected {
			m.Alias = types.StringValue(spec.String())
		}
	}
	return nil
}

func (m *model) setProtection(p place) {
	m.Guard, m.Alias = types.StringNull(), types.StringNull()
	switch {
	case p.hasAlias():
		m.Alias = types.StringValue(p.alias.String())
	case m.wantsGuard():
		m.Guard = types.StringValue(p.guard().String())
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
	p := place{snapshot: spec, record: plan.ImageID.ValueString()}.withAlias(plan.aliasPool(spec))
	if known && !(plan.wantsAlias() && plan.AliasPool.IsUnknown()) {
		plan.setProtection(p)
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
		report.AttributeError(diags, path.Root("alias_pool"), "plan", noun, plan.Name.ValueString(), err)
	}
}

// deleteAliased deletes a record, and lets Glance remove the alias with it where
// it is shown one to the caller: the rest of it is removed afterwards.
func (r *locationResource) deleteAliased(ctx context.Context, p place, rec *glance.Image) (glance.DeleteOutcome, error) {
	if err := r.onlyOurData(ctx, p, rec); err != nil {
		return glance.Undecided, err
	}
	return decide(r.data.Glance.DeleteRecord(ctx, p.record))
}

// locateAlias finds the snapshot that an alias of ours stands for.
func (r *locationResource) locateAlias(ctx context.Context, m *model, location rbd.Spec) (rbd.Spec, error) {
	record := m.ImageID.ValueString()
	if location.Image != aliasName(record) || location.Snapshot != rbd.AliasSnapshot {
		return location, nil
	}
	g, err := r.data.Ceph.Guard(ctx, location)
	if err != nil || g.Owner != record || g.Image.Parent == nil {
		return location, tolerateMissing(err)
	}
	m.Protection = types.StringValue(protectionAlias)
	parent := g.Image.Parent.Spec
	if parent.Pool != location.Pool {
		m.AliasPool = types.StringValue(location.Pool)
	}
	return parent, nil
}

func tolerateMissing(err error) error {
	if errors.Is(err, rbd.ErrImageNotFound) {
		return nil
	}
	return err
}
