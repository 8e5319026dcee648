// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

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

// foreign tells whether a type is an RBD image's, but not one of ours: those
// mean different things.
func foreign(typeName string) bool {
	return strings.Contains(typeName, "_rbd") && !strings.Contains(typeName, "snap")
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
