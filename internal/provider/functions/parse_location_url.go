// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// NewParseLocationURL is the function parse_location_url.
func NewParseLocationURL() function.Function { return &parseLocationURL{} }

type parseLocationURL struct{}

type locationParts struct {
	FSID      string `tfsdk:"fsid"`
	Pool      string `tfsdk:"pool"`
	Namespace string `tfsdk:"namespace"`
	Image     string `tfsdk:"image"`
	Snapshot  string `tfsdk:"snapshot"`
	Spec      string `tfsdk:"spec"`
}

func (*parseLocationURL) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_location_url"
}

func (*parseLocationURL) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The parts of a location of Glance",
		MarkdownDescription: "Takes the location of an image that Glance keeps in RBD, `rbd://FSID/POOL/IMAGE/SNAPSHOT`, to pieces " +
			"and returns an object of strings, percent-decoded:\n\n" +
			"- `fsid`, as it is written: Glance compares locations as strings, and Ceph prints an fsid in small letters\n" +
			"- `pool`\n" +
			"- `namespace`, empty where there is none\n" +
			"- `image`\n" +
			"- `snapshot`\n" +
			"- `spec`, as `pool[/namespace]/image@snapshot`\n\n" +
			"Any other URL is an error. So is an fsid that is not a UUID, an empty part, or a name that librbd does not take. " +
			"The older form `rbd://IMAGE` does not tell its cluster and is an error too.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "url", MarkdownDescription: "Location of an image, as `openstack image show` has it in `direct_url` or `locations`."},
		},
		Return: function.ObjectReturn{AttributeTypes: map[string]attr.Type{
			"fsid": types.StringType, "pool": types.StringType, "namespace": types.StringType,
			"image": types.StringType, "snapshot": types.StringType, "spec": types.StringType,
		}},
	}
}

func (*parseLocationURL) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var arg string
	if resp.Error = req.Arguments.Get(ctx, &arg); resp.Error != nil {
		return
	}
	fsid, spec, err := rbd.ParseLocationURL(arg)
	if err == nil {
		err = checkUUID("the fsid of a cluster", fsid)
	}
	// A name may be any bytes in RBD, but only text in Terraform.
	if err == nil && !utf8.ValidString(spec.String()) {
		err = fmt.Errorf("%q: a name in it is not UTF-8", arg)
	}
	if resp.Error = argumentError(0, err); resp.Error != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, locationParts{
		FSID: fsid, Pool: spec.Pool, Namespace: spec.Namespace, Image: spec.Image, Snapshot: spec.Snapshot, Spec: spec.String(),
	})
}
