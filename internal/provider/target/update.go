// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// updater brings one image from its state to its plan.
type updater struct {
	d           *providerdata.Data
	kind        report.Kind
	spec        rbd.Spec // as the image is called by now
	id          string
	state, plan *Model
	change      Change
}

// run goes step by step and ends at the first that fails: what was done by then
// is seen by the next refresh.
func (u *updater) run(ctx context.Context, diags *diag.Diagnostics) {
	unlock, err := u.d.Ceph.LockImage(ctx, u.spec)
	if err != nil {
		u.kind.Error(diags, "update", u.spec.String(), err)
		return
	}
	defer unlock()
	for _, step := range []struct {
		attribute, verb string
		do              func(context.Context) error
	}{
		{"trashed", "restore", u.restore},
		{"name", "rename", u.rename},
		{"size", "resize", u.resize},
		{"features", "switch the features of", u.features},
		{"metadata", "set the metadata of", u.metadata},
		{"", "update", u.also},
		{"trashed", "move to the trash", u.trash},
	} {
		err := step.do(ctx)
		switch {
		case err == nil:
			continue
		case step.attribute == "":
			u.kind.Error(diags, step.verb, u.spec.String(), err)
		default:
			u.kind.AttributeError(diags, path.Root(step.attribute), step.verb, u.spec.String(), err)
		}
		return
	}
}

func (u *updater) restore(ctx context.Context) error {
	if !u.state.Trashed.ValueBool() || u.plan.Trashed.ValueBool() {
		return nil
	}
	to := u.spec.WithImage(u.plan.Name.ValueString())
	if err := u.d.Ceph.RestoreImage(ctx, to, u.id); err != nil {
		return err
	}
	u.spec = to
	return nil
}

func (u *updater) rename(ctx context.Context) error {
	name := u.plan.Name.ValueString()
	if name == u.spec.Image {
		return nil
	}
	if err := u.d.Ceph.RenameImage(ctx, u.spec, u.id, name); err != nil {
		return err
	}
	u.spec = u.spec.WithImage(name)
	return nil
}

func (u *updater) resize(ctx context.Context) error {
	// What is in the trash can't be changed, and the plan has seen to that.
	if !u.plan.Size.Known() || u.state.Trashed.ValueBool() && u.plan.Trashed.ValueBool() {
		return nil
	}
	return u.d.Ceph.ResizeImage(ctx, u.spec, u.id, u.plan.Size.Amount(), u.change.AllowShrink)
}

func (u *updater) features(ctx context.Context) error {
	want := u.plan.FeatureNames()
	if want == nil || slices.Equal(want, u.state.FeatureNames()) {
		return nil
	}
	return u.d.Ceph.SetFeatures(ctx, u.spec, u.id, want)
}

func (u *updater) metadata(ctx context.Context) error {
	was := rbd.MetadataEntries(values.Map(u.state.Metadata.Elements()), values.Map(u.state.Conf.Elements()))
	set := rbd.MetadataEntries(values.Map(u.plan.Metadata.Elements()), values.Map(u.plan.Conf.Elements()))
	var remove []string
	for k, v := range was {
		switch now, ok := set[k]; {
		case !ok:
			remove = append(remove, k)
		case now == v:
			delete(set, k)
		}
	}
	slices.Sort(remove)
	return u.d.Ceph.SetMetadata(ctx, u.spec, u.id, set, remove)
}

func (u *updater) also(ctx context.Context) error {
	if u.change.Also == nil {
		return nil
	}
	return u.change.Also(ctx, u.spec)
}

func (u *updater) trash(ctx context.Context) error {
	if u.state.Trashed.ValueBool() || !u.plan.Trashed.ValueBool() {
		return nil
	}
	return u.d.Ceph.TrashImage(ctx, u.spec, u.id, u.plan.TrashDelay.Amount())
}
