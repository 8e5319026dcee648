// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// foreignKeys are the attributes by which providers of Ceph name an image.
var foreignKeys = map[string][]string{
	"pool":      {"pool", "pool_name"},
	"namespace": {"namespace", "name_space", "rados_namespace"},
	"name":      {"name", "image", "image_name", "img_name"},
}

// Mover takes a state over from the RBD image of another provider, for a moved
// block: it is an import of pool[/namespace]/name, whose first refresh reads all
// the rest.
func Mover() []resource.StateMover {
	return []resource.StateMover{{StateMover: move}}
}

// movedKey is where the private state keeps that a moved block has brought the
// image, until it was read for the first time.
const movedKey = "moved"

// errMovedAbsent says that an image is not where a moved block wants it to be. It
// is not taken for gone: nobody has ever seen it in this cluster.
var errMovedAbsent = errors.New("the state that a moved block takes over has it, and it is not in this cluster")

// wasMoved tells whether an image comes from a moved block and was not read yet.
func wasMoved(ctx context.Context, private interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}) bool {
	text, diags := private.GetKey(ctx, movedKey)
	return text != nil && !diags.HasError()
}

// foreign tells whether a type is an RBD image's, but not one of ours: those
// mean different things.
func foreign(typeName string) bool {
	return strings.HasSuffix(typeName, "_rbd") || strings.HasSuffix(typeName, "_rbd_image")
}

func move(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	if !foreign(req.SourceTypeName) || req.SourceRawState == nil {
		return // Terraform says that it is not supported
	}
	spec, err := foreignSpec(req.SourceRawState.JSON)
	if err != nil {
		resp.Diagnostics.AddError("Unable to move "+req.SourceTypeName,
			fmt.Sprintf("Its state does not say which RBD image it is: %s. Use `terraform state rm` for it, and an import block with id = \"pool/image\".", err))
		return
	}
	for name, v := range map[string]string{"name": spec.Image, "pool": spec.Pool, "namespace": spec.Namespace} {
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root(name), v)...)
	}
	resp.Diagnostics.Append(resp.TargetPrivate.SetKey(ctx, movedKey, []byte("true"))...)
}

// foreignSpec is the image that another provider's state is of.
func foreignSpec(state []byte) (rbd.Spec, error) {
	var all map[string]any
	if err := json.Unmarshal(state, &all); err != nil {
		return rbd.Spec{}, err
	}
	value := func(of string) string {
		for _, key := range foreignKeys[of] {
			if text, ok := all[key].(string); ok && text != "" {
				return text
			}
		}
		return ""
	}
	spec := rbd.Spec{Pool: value("pool"), Namespace: value("namespace"), Image: value("name")}
	if spec.Pool == "" || spec.Image == "" {
		return rbd.Spec{}, fmt.Errorf("it has none of %s, or none of %s", strings.Join(foreignKeys["pool"], ", "), strings.Join(foreignKeys["name"], ", "))
	}
	parsed, err := rbd.ParseSpec(spec.String())
	if err == nil && parsed != spec {
		err = fmt.Errorf("%q is no name of an image", spec.String())
	}
	return parsed, err
}
