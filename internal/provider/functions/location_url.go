// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// NewLocationURL is the function location_url.
func NewLocationURL() function.Function { return &locationURL{} }

type locationURL struct{}

func (*locationURL) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "location_url"
}

func (*locationURL) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The location of a snapshot, as Glance writes it",
		MarkdownDescription: "Returns `rbd://FSID/POOL/IMAGE/SNAPSHOT`, the location that Glance keeps of an image and that Nova and Cinder clone from. " +
			"Each part is percent-encoded as Glance's RBD store does it, so that equal locations are equal strings; " +
			"a namespace is part of the pool, `POOL%2FNAMESPACE`.\n\n" +
			"The fsid is taken as it is written, since Glance compares locations as strings; Ceph prints it in small letters.\n\n" +
			"An fsid that is not a UUID is an error, and so is a spec that does not name a snapshot.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "fsid", MarkdownDescription: "ID of the cluster, as `ceph fsid` prints it."},
			function.StringParameter{Name: "spec", MarkdownDescription: "Spec of the snapshot, `pool[/namespace]/image@snapshot`."},
		},
		Return: function.StringReturn{},
	}
}

func (*locationURL) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var fsid, arg string
	if resp.Error = req.Arguments.Get(ctx, &fsid, &arg); resp.Error != nil {
		return
	}
	spec, err := snapshotSpec(arg)
	resp.Error = function.ConcatFuncErrors(argumentError(0, checkUUID("the fsid of a cluster", fsid)), argumentError(1, err))
	if resp.Error != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, rbd.LocationURL(fsid, spec))
}
