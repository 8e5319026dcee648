// SPDX-License-Identifier: MPL-2.0

package guestresource

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
)

// Atomic is the part of a resource's description that is the same for all.
const Atomic = "~> **The image itself is changed.** " +
	"An image that anything else has open or locked is refused: the disk of a running machine is never written. Other operations of this provider are waited for. " +
	"Snapshots that exist already keep the old content.\n\n" +
	"The work is done in an overlay on a snapshot of the image (`terraform-undo`, removed at the end). It is put into the image as a whole, and only where nobody has written to that meanwhile. " +
	"An interrupted run leaves the image with its old content, or the next run puts that back.\n\n"

// Caps is the part of a resource's description that names the Ceph caps.
const Caps = "Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`."

// Schema is a resource's schema with what all have in common: the image, and
// what became of it.
func Schema(ctx context.Context, description, what, revision string, attributes map[string]schema.Attribute) schema.Schema {
	all := map[string]schema.Attribute{
		imageref.Name: imageref.Attribute(what),
		"spec":        schema.StringAttribute{Computed: true, MarkdownDescription: "The image's spec, for what must come after this."},
		"image_id": schema.StringAttribute{
			Computed: true, MarkdownDescription: "RBD image id of the image.",
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"timeouts": deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: defaultTimeout, Update: defaultTimeout, Delete: defaultTimeout}),
		"revision": schema.StringAttribute{Computed: true, MarkdownDescription: revision + " For the name of the snapshot that follows."},
	}
	for name, a := range attributes {
		all[name] = a
	}
	return schema.Schema{
		MarkdownDescription: description,
		Attributes:          all,
	}
}
