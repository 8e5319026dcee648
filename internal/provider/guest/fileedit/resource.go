// SPDX-License-Identifier: MPL-2.0

// Package fileedit is the resource rbd_guest_file_edit.
package fileedit

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var kind = report.NewKind("files in RBD image", advice, guestresource.Advice)

var advice = []report.Advice{
	{Is: fileedit.ErrMissing, Do: "Look for a typing error, or give content to make the file. The image was not changed."},
	{Is: fileedit.ErrType, Do: "Only regular files are edited. The image was not changed."},
	{Is: fileedit.ErrSamePath, Do: "Upper and lower case in a path are the same there. The image was not changed."},
	{Is: fileedit.ErrUnsettled, Do: "Write the patterns so that they do not match what they lead to. The image was not changed."},
}

// NewResource is rbd_guest_file_edit.
func NewResource() resource.Resource {
	return &guestresource.Resource[model, *model]{Type: "_guest_file_edit", Kind: kind, Action: "edit", Work: work{}}
}

// work is the editing of files.
type work struct{}

// Apply makes the edits hold in the image.
func (work) Apply(ctx context.Context, b guestoverlay.Backends, plan *model, config tfsdk.Config, diags *diag.Diagnostics) error {
	request, err := plan.request(ctx, config, diags)
	if err != nil || diags.HasError() {
		return err
	}
	result, err := fileedit.Do(ctx, b, request)
	if err != nil {
		return err
	}
	plan.set(result, request.Edits)
	return nil
}

// Read compares the guest with what the state wants. The content of an image that
// is being written to can't be told.
func (work) Read(ctx context.Context, b guestoverlay.Backends, img rbd.Image, state *model, diags *diag.Diagnostics) {
	edits := state.edits(ctx, diags)
	if len(edits) == 0 || diags.HasError() {
		state.Drift = noDrift // just imported
		return
	}
	all := func(why string) map[string][]string {
		unmet := map[string][]string{}
		for _, e := range edits {
			unmet[e.Path] = []string{why}
		}
		return unmet
	}
	if img.ContentInDoubt() {
		state.Drift = driftOf(ctx, all("an edit was interrupted; its beginning is taken back first"), diags)
		return
	}
	err := b.Ceph.CheckUnused(ctx, img.Spec, img.ID)
	if errors.Is(err, rbd.ErrInUse) {
		diags.AddWarning("Files not compared", "The guest was not looked at, as what is written to it now may be half there: "+err.Error()+".")
		return
	}
	var unmet map[string][]string
	if err == nil {
		unmet, err = fileedit.Compare(ctx, b, img, state.tree(), edits)
	}
	switch {
	case err == nil:
	case fileedit.OfGuest(err):
		// The plan says what is in the way, if these edits still want it.
		diags.AddWarning("Files not compared", fmt.Sprintf("What is in the guest of %q keeps the files from being compared: %v.", img.Spec, err))
		unmet = all("it can't be compared: " + err.Error())
	default:
		kind.Error(diags, "read", img.Spec.String(), err)
		return
	}
	state.Drift = driftOf(ctx, unmet, diags)
}
