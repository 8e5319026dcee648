// SPDX-License-Identifier: MPL-2.0

// Package imageref is the argument that names an image somebody else made, and
// what a change of it means.
package imageref

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Name is the argument's name.
const Name = "image"

// Attribute is the argument; what completes "The image …".
func Attribute(what string) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: "The image " + what + ": `pool[/namespace]/image`. Another spec of the same RBD image, " +
			"as after a rename, is no change; another image means a new resource.",
		Validators: []validator.String{namecheck.ImageSpec()},
	}
}

// PlanChange decides whether a changed argument means another image. imageID
// is the RBD image id in the state.
//
// A name that is not known yet belongs to an image that is still to be made.
// A known one that does not exist, while the image still has its old name, is
// a rename planned in the same run.
func PlanChange(ctx context.Context, d *providerdata.Data, state, plan types.String, imageID string, resp *resource.ModifyPlanResponse) {
	if state.Equal(plan) {
		return
	}
	other := plan.IsUnknown()
	if !other && d.CanAsk() {
		same, err := sameImage(ctx, d, state.ValueString(), plan.ValueString(), imageID)
		if err != nil {
			resp.Diagnostics.AddAttributeError(path.Root(Name), "Unable to plan a change of the image", err.Error()+".")
			return
		}
		other = !same
	}
	if other {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root(Name))
	}
}

func sameImage(ctx context.Context, d *providerdata.Data, state, plan, imageID string) (bool, error) {
	id, err := imageIDOf(ctx, d, plan)
	if err != nil || id != "" {
		return id == imageID, err
	}
	was, err1 := rbd.ParseSpec(state)
	is, err2 := rbd.ParseSpec(plan)
	if err := errors.Join(err1, err2); err != nil || was.PoolSpec() != is.PoolSpec() {
		return false, err // no rename leads to another pool
	}
	id, err = imageIDOf(ctx, d, state)
	return id == imageID, err
}

// imageIDOf is empty where there is no such image.
func imageIDOf(ctx context.Context, d *providerdata.Data, s string) (string, error) {
	spec, err := rbd.ParseSpec(s)
	if err != nil {
		return "", err
	}
	img, err := d.Ceph.Image(ctx, spec)
	if rbd.IsNotFound(err) {
		return "", nil
	}
	return img.ID, err
}

// Find reads the image of a state, by its id where its name has changed. The
// error is not found where the image with this id is gone.
func Find(ctx context.Context, d *providerdata.Data, s, imageID string) (rbd.Image, error) {
	spec, err := rbd.ParseSpec(s)
	if err != nil {
		return rbd.Image{}, err
	}
	img, err := d.Ceph.Image(ctx, spec)
	if imageID != "" && (errors.Is(err, rbd.ErrImageNotFound) || err == nil && img.ID != imageID) {
		return d.Ceph.ImageByID(ctx, spec, imageID)
	}
	return img, err
}

// Same makes sure, at apply time, that a spec names the image with this id.
func Same(ctx context.Context, d *providerdata.Data, s, imageID string) (rbd.Image, error) {
	spec, err := rbd.ParseSpec(s)
	if err != nil {
		return rbd.Image{}, err
	}
	img, err := d.Ceph.Image(ctx, spec)
	if err == nil && img.ID != imageID {
		err = fmt.Errorf("%w: %s has id %s, expected %s", rbd.ErrOtherImage, spec, img.ID, imageID)
	}
	return img, err
}
