// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"
	"crypto/sha1" //nolint:gosec // Nova names its files so
	"encoding/hex"

	"github.com/hashicorp/terraform-plugin-framework/function"
)

// NewNovaBaseFileName is the function nova_base_file_name.
func NewNovaBaseFileName() function.Function { return &novaBaseFileName{} }

type novaBaseFileName struct{}

func (*novaBaseFileName) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "nova_base_file_name"
}

func (*novaBaseFileName) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The name of an image's file in Nova's cache",
		MarkdownDescription: "Returns the name of the file that Nova keeps of a Glance image on a compute node, in `_base` below its `instances_path`: " +
			"the SHA-1 of the image's ID, in hexadecimal with small letters. Nova makes such a file where it does not clone the image in Ceph: " +
			"one that is there tells that an instance was booted the slow way.\n\n" +
			"The ID is taken as it is written, as Nova does. One that is not a UUID is an error.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "image_id", MarkdownDescription: "ID of the image in Glance."},
		},
		Return: function.StringReturn{},
	}
}

func (*novaBaseFileName) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var id string
	if resp.Error = req.Arguments.Get(ctx, &id); resp.Error != nil {
		return
	}
	if resp.Error = argumentError(0, checkUUID("the ID of a Glance image", id)); resp.Error != nil {
		return
	}
	sum := sha1.Sum([]byte(id)) //nolint:gosec // no secret, a file's name
	resp.Error = resp.Result.Set(ctx, hex.EncodeToString(sum[:]))
}
