// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Plan plans the revision, and that nothing drifts: whatever does not hold now will
// hold after the apply. It refuses what the guest, as it is now, stands against.
func (work) Plan(ctx context.Context, p *guestresource.Planning[model]) {
	will := !p.Exists() || changes(p.Plan, p.State)
	img, _ := p.Image(ctx, will)
	if p.Diagnostics().HasError() {
		return
	}
	if img != nil {
		warnOfLaterSteps(*img, p.State, p.Diagnostics())
	}
	plan, revision := &p.Plan, types.StringUnknown()
	if !plan.ImageID.IsUnknown() && guestresource.Known(ctx, plan.Files) {
		edits := plan.edits(ctx, p.Diagnostics())
		revision = types.StringValue(fileedit.Revision(plan.ImageID.ValueString(), edits))
		if img != nil && will && !img.ContentInDoubt() && guestresource.Known(ctx, plan.RootDevice, plan.Mounts) {
			if err := checkGuest(ctx, p, *img, edits); err != nil {
				kind.AttributeError(p.Diagnostics(), path.Root("files"), "plan an edit of", img.Spec.String(), err)
			}
		}
	}
	p.Set(ctx, map[string]attr.Value{"revision": revision, "drift": noDrift})
}

// checkGuest refuses what can't be done to the guest, unless another edit of this
// run comes before.
func checkGuest(ctx context.Context, p *guestresource.Planning[model], img rbd.Image, edits []fileedit.Edit) error {
	b, tree := p.Data.Guest(), p.Plan.tree()
	if err := fileedit.CheckWindows(ctx, b, img.Spec, tree, edits); err != nil {
		return err
	}
	if p.Data.Planned.NoteEdit(img.ID) {
		return nil
	}
	return fileedit.CheckPossible(ctx, b, img.Spec, tree, edits)
}

// warnOfLaterSteps says of drift that a later step of the same chain may have made
// it: that step does not run again for an edit that is what it was.
func warnOfLaterSteps(img rbd.Image, state model, diags *diag.Diagnostics) {
	var later []string
	for _, s := range img.StepsAfter(fileedit.Step(state.Revision.ValueString())) {
		name, _, _ := strings.Cut(s, "/")
		if name == fileedit.StepName {
			name = "another " + name
		}
		later = append(later, name)
	}
	files := slices.Sorted(maps.Keys(state.Drift.Elements()))
	if len(files) == 0 || len(later) == 0 {
		return
	}
	diags.AddAttributeWarning(path.Root("files"), "A later step may have undone this edit", fmt.Sprintf(
		"%s changed the guest of %q after this edit, which does not hold any more for %s. Applied, the edit is made again, and what came after it is not: "+
			"a snapshot or Glance image that was made since keeps what it has, and the next run of that step may undo the edit again.\n\n"+
			"Make the edit the last step, by the spec of that one (image = rbd_guest_sysprep.NAME.spec for example); or leave out of files what the later step removes, or of that step what removes it.",
		strings.Join(slices.Compact(later), " and "), img.Spec, strings.Join(files, ", ")))
}

// changes tells whether an apply will look into the guest.
func changes(plan, state model) bool {
	return len(state.Drift.Elements()) > 0 || !plan.Files.Equal(state.Files) ||
		!plan.RootDevice.Equal(state.RootDevice) || !plan.Mounts.Equal(state.Mounts)
}
