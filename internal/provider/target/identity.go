// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/settle"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Identity is what stays of an image whatever its name is.
type Identity struct {
	FSID      string `tfsdk:"fsid"`
	Pool      string `tfsdk:"pool"`
	Namespace string `tfsdk:"namespace"`
	ImageID   string `tfsdk:"image_id"`
}

// IdentityOf is the identity of an image that was read.
func IdentityOf(img rbd.Image) Identity {
	return Identity{FSID: img.FSID, Pool: img.Spec.Pool, Namespace: img.Spec.Namespace, ImageID: img.ID}
}

// IdentityAttributes are those of Identity.
func IdentityAttributes() map[string]identityschema.Attribute {
	return map[string]identityschema.Attribute{
		"fsid":      identityschema.StringAttribute{OptionalForImport: true, Description: "Cluster of the image. Default: the provider's."},
		"pool":      identityschema.StringAttribute{RequiredForImport: true, Description: "Pool of the image."},
		"namespace": identityschema.StringAttribute{OptionalForImport: true, Description: "RBD namespace in the pool. Default: the pool's default one."},
		"image_id":  identityschema.StringAttribute{RequiredForImport: true, Description: "RBD image id (`rbd info`). It survives a rename."},
	}
}

// IdentitySchema is that of resources that make an image.
func IdentitySchema() identityschema.Schema {
	return identityschema.Schema{Attributes: IdentityAttributes()}
}

// setIdentity does nothing under a CLI that knows no identities.
func setIdentity(ctx context.Context, img rbd.Image, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to != nil {
		diags.Append(to.Set(ctx, IdentityOf(img))...)
	}
}

// keepIdentity is for a read that reads nothing: the framework wants an identity
// of every one, and a CLI that knows none has kept none. Without a cluster to
// ask, the fsid stays empty, which is why identities are declared to be mutable.
func keepIdentity(ctx context.Context, d *providerdata.Data, m *Model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to == nil || !to.Raw.IsFullyNull() {
		return
	}
	id := Identity{Pool: m.Pool.ValueString(), Namespace: m.Namespace.ValueString(), ImageID: m.ImageID.ValueString()}
	if d.CanAsk() {
		var err error
		if id.FSID, err = d.Ceph.FSID(ctx); err != nil {
			diags.AddError("Unable to read the cluster's fsid", image.Detail(err))
			return
		}
	}
	diags.Append(to.Set(ctx, id)...)
}

// Created is for Create, when the image is in the state: it sets the identity,
// and sees to it that the image is noted as had by a state.
func Created(ctx context.Context, d *providerdata.Data, img rbd.Image, resp *resource.CreateResponse) {
	setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
	noteHome(ctx, d, image, img, resp.Private, &resp.Diagnostics)
	settle.AtEnd(func(ctx context.Context) error { return d.Ceph.SettleImage(ctx, img) })
}

var (
	// errNoImage says that nothing has the id, under whatever name.
	errNoImage = errors.New("no image has the identity's image_id")
)

// FindIdentity reads the image that an identity is of, also one in the trash.
//
// Errors: providerdata.ErrOtherIdentity, errNoImage; as Image of internal/rbd.
func FindIdentity(ctx context.Context, d *providerdata.Data, at *tfsdk.ResourceIdentity) (rbd.Image, error) {
	var id struct{ fsid, pool, namespace, image *string }
	for name, to := range map[string]**string{"fsid": &id.fsid, "pool": &id.pool, "namespace": &id.namespace, "image_id": &id.image} {
		if diags := at.GetAttribute(ctx, path.Root(name), to); diags.HasError() {
			return rbd.Image{}, errors.New(diags[0].Detail())
		}
	}
	if _, err := d.CheckIdentity(ctx, text(id.fsid)); err != nil {
		return rbd.Image{}, err
	}
	spec := rbd.Spec{Pool: text(id.pool), Namespace: text(id.namespace)}
	img, err := d.Ceph.ImageByID(ctx, spec, text(id.image))
	if errors.Is(err, rbd.ErrImageNotFound) {
		img, err = d.Ceph.TrashedImage(ctx, spec, text(id.image))
	}
	if errors.Is(err, rbd.ErrNotInTrash) {
		err = fmt.Errorf("%w: %q was looked for in %s and in its trash", errNoImage, text(id.image), spec.PoolSpec())
	}
	return img, err
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Import takes pool[/namespace]/image, or an identity.
func Import(ctx context.Context, d *providerdata.Data, kind report.Kind, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var values map[string]string
	if req.ID == "" && req.Identity != nil {
		if !d.CanAsk() {
			kind.Unconfigured(&resp.Diagnostics, "import", "")
			return
		}
		img, err := FindIdentity(ctx, d, req.Identity)
		if err != nil {
			kind.Error(&resp.Diagnostics, "import", "", err)
			return
		}
		values = map[string]string{"name": img.Spec.Image, "pool": img.Spec.Pool, "namespace": img.Spec.Namespace, "image_id": img.ID}
		setIdentity(ctx, img, resp.Identity, &resp.Diagnostics)
	} else {
		spec, err := rbd.ParseSpec(req.ID)
		if err == nil && spec.Snapshot != "" {
			err = errors.New("the spec of a snapshot, an image is wanted")
		}
		if err != nil {
			resp.Diagnostics.AddError("Invalid import id", "Want pool[/namespace]/image: "+err.Error()+".")
			return
		}
		values = map[string]string{"name": spec.Image, "pool": spec.Pool, "namespace": spec.Namespace}
	}
	for name, v := range values {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), v)...)
	}
}
