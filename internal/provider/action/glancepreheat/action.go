// SPDX-License-Identifier: MPL-2.0

// Package glancepreheat is the action rbd_glance_image_preheat.
package glancepreheat

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	frameworkaction "github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

// timeout is enough for some dozens of GiB.
const timeout = time.Hour

var kind = report.NewKind("Glance image", []report.Advice{
	{Is: glance.ErrNoCache, Do: "The server's operator sets image_cache_dir, and the flavor keystone+cachemanagement under paste_deploy. Behind a load balancer, set endpoint in the provider's openstack argument to one of the servers that have it. Nothing was changed."},
	{Is: glance.ErrCacheRefused, Do: "Use the credentials of an admin, or have the operator of Glance allow it. Nothing was changed."},
	{Is: glance.ErrNotActive, Do: "Upload or register its data first, or reactivate it (`openstack image set --activate`). Nothing was changed."},
	{Is: glance.ErrNotCached, Do: "See Glance's log on that server: no room in image_cache_dir, image_cache_max_size, or a store that it can't read."},
	{Is: glance.ErrUndecided, Do: "See `glance cache-list`. Where the server that is asked is another each time, behind a load balancer, set endpoint in the provider's openstack argument to one of them; else allow for more time with timeouts."},
	{Is: glance.ErrNotFound, Do: "Look for a typing error with `openstack image list`, and check that the provider's openstack argument is about the right cloud."},
})

type model struct {
	ImageID  types.String   `tfsdk:"image_id"`
	Evict    types.Bool     `tfsdk:"evict"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// NewAction is the action rbd_glance_image_preheat.
func NewAction() frameworkaction.Action { return action.New(way) }

func arguments(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Has a Glance API server take an image into its cache, as `glance cache-queue` does, and waits until it is there; or takes it out, as `glance cache-delete` does. " +
			"It is for images that Nova or Ironic download: what Nova clones in Ceph never comes by the cache.\n\n" +
			"Each API server has a cache of its own. The one that answers is asked: behind a load balancer, use a provider configuration (an alias) for each server, with its `endpoint`.\n\n" +
			"An image that is there already, and with `evict` one that is not, is no error. Glance does not tell how far it is. Where Ctrl-C or `timeouts` end the wait, Glance goes on.\n\n" +
			"Needs Glance 25 (2023.1) or newer with `image_cache_dir`, and by default the role `admin`. Of Ceph nothing is asked.",
		Attributes: map[string]schema.Attribute{
			"image_id": schema.StringAttribute{Required: true, Validators: []validator.String{namecheck.GlanceImageID()}, MarkdownDescription: "ID of the image in Glance, as `image_id` of `rbd_glance_image_location` has it."},
			"evict":    schema.BoolAttribute{Optional: true, MarkdownDescription: "Take the image out of the cache and its queue. By default `false`."},
			"timeouts": deadline.ActionAttribute(ctx, timeout),
		},
	}
}

var way = action.Action[model]{
	TypeName: "glance_image_preheat", Arguments: arguments,
	Kind: kind, Verb: "preheat", OnlyGlance: true,
	Name:     func(_ *providerdata.Data, m model) string { return m.ImageID.ValueString() },
	At:       func(model, error) path.Path { return path.Root("image_id") },
	Timeouts: func(m model) timeouts.Value { return m.Timeouts }, Timeout: timeout,
	Check: func(ctx context.Context, d *providerdata.Data, m model, _ *diag.Diagnostics) error {
		if m.Evict.ValueBool() {
			_, err := d.Glance.Cached(ctx, m.ImageID.ValueString())
			return err
		}
		_, _, err := d.Glance.CheckCache(ctx, m.ImageID.ValueString())
		return err
	},
	Do: do,
}

func do(ctx context.Context, d *providerdata.Data, m model, say action.Say) error {
	id := m.ImageID.ValueString()
	if m.Evict.ValueBool() {
		is, err := d.Glance.Cached(ctx, id)
		if err == nil && !is.Here && !is.Queued {
			say("image %s is not in the cache", id)
			return nil
		}
		if err == nil {
			err = d.Glance.Evict(ctx, id)
		}
		if err == nil {
			say("image %s is out of the cache", id)
		}
		return err
	}
	began := time.Now()
	is, err := d.Glance.Preheat(ctx, id)
	if err == nil {
		say("image %s is in the cache, %d MiB, after %s", id, is.SizeBytes>>20, time.Since(began).Round(time.Second))
	}
	return err
}
