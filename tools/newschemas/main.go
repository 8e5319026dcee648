// SPDX-License-Identifier: MPL-2.0

// newschemas prints the schemas of lists, actions and identities as
// `terraform providers schema -json` of Terraform 1.14 does, for documentation that
// is the same whichever command line makes it.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider"
)

type object = map[string]any

func main() {
	ctx, server := context.Background(), provider.Server("dev")()
	all, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		log.Fatal(err)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		log.Fatal(err)
	}
	lists := object{}
	for name, s := range all.ListResourceSchemas {
		lists[name] = object{"version": s.Version, "block": block(s.Block)}
	}
	actions := object{}
	for name, s := range all.ActionSchemas {
		actions[name] = object{"block": block(s.Schema.Block)}
	}
	ids := object{}
	for name, s := range identities.IdentitySchemas {
		attributes := object{}
		for _, a := range s.IdentityAttributes {
			attributes[a.Name] = object{
				"type": a.Type, "description": a.Description,
				"required_for_import": a.RequiredForImport, "optional_for_import": a.OptionalForImport,
			}
		}
		ids[name] = object{"version": s.Version, "attributes": attributes}
	}
	if err := json.NewEncoder(os.Stdout).Encode(object{"list_resource_schemas": lists, "action_schemas": actions, "resource_identity_schemas": ids}); err != nil {
		log.Fatal(err)
	}
}

// block is for lists and actions, which have no nested blocks.
func block(b *tfprotov6.SchemaBlock) object {
	if len(b.BlockTypes) > 0 {
		log.Fatal("the schema of a list or an action has blocks, which are not printed")
	}
	return object{"attributes": attributes(b.Attributes), "description": b.Description, "description_kind": kind(b.DescriptionKind)}
}

func attributes(all []*tfprotov6.SchemaAttribute) object {
	out := object{}
	for _, a := range all {
		is := object{
			"description": a.Description, "description_kind": kind(a.DescriptionKind),
			"required": a.Required, "optional": a.Optional, "computed": a.Computed,
		}
		switch {
		case a.NestedType == nil:
			is["type"] = a.Type
		case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle:
			is["nested_type"] = object{"attributes": attributes(a.NestedType.Attributes), "nesting_mode": "single"}
		default:
			log.Fatalf("the attribute %s is nested in a way that is not printed", a.Name)
		}
		out[a.Name] = is
	}
	return out
}

func kind(k tfprotov6.StringKind) string {
	if k == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}
