// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// NewParseSpec is the function parse_spec.
func NewParseSpec() function.Function { return &parseSpec{} }

type parseSpec struct{}

type specParts struct {
	Pool      string `tfsdk:"pool"`
	Namespace string `tfsdk:"namespace"`
	Image     string `tfsdk:"image"`
	Snapshot  string `tfsdk:"snapshot"`
}

func (*parseSpec) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_spec"
}

func (*parseSpec) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The parts of a spec",
		MarkdownDescription: "Takes a spec of Ceph, `pool[/namespace]/image[@snapshot]`, to pieces and returns an object of strings:\n\n" +
			"- `pool`\n" +
			"- `namespace`, empty where the spec has none\n" +
			"- `image`\n" +
			"- `snapshot`, empty for the spec of an image\n\n" +
			"A spec without a pool, with an empty part, or with a name that librbd does not take is an error. " +
			"The cluster is not asked whether the image exists.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "spec", MarkdownDescription: "Spec of an image or a snapshot."},
		},
		Return: function.ObjectReturn{AttributeTypes: map[string]attr.Type{
			"pool": types.StringType, "namespace": types.StringType, "image": types.StringType, "snapshot": types.StringType,
		}},
	}
}

func (*parseSpec) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var arg string
	if resp.Error = req.Arguments.Get(ctx, &arg); resp.Error != nil {
		return
	}
	spec, err := rbd.ParseSpec(arg)
	if resp.Error = argumentError(0, err); resp.Error != nil {
		return
	}
	resp.Error = resp.Result.Set(ctx, specParts{
		Pool: spec.Pool, Namespace: spec.Namespace, Image: spec.Image, Snapshot: spec.Snapshot,
	})
}
