// SPDX-License-Identifier: MPL-2.0

// newschemas prints the schemas of lists and identities as
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
	if err := json.NewEncoder(os.Stdout).Encode(object{"list_resource_schemas": lists, "resource_identity_schemas": ids}); err != nil {
		log.Fatal(err)
	}
}

// block is for lists, whose arguments are plain attributes.
func block(b *tfprotov6.SchemaBlock) object {
	if len(b.BlockTypes) > 0 {
		log.Fatal("the schema of a list has blocks, which are not printed")
	}
	attributes := object{}
	for _, a := range b.Attributes {
		if a.NestedType != nil {
			log.Fatalf("the attribute %s of a list is nested, which is not printed", a.Name)
		}
		attributes[a.Name] = object{
			"type": a.Type, "description": a.Description, "description_kind": kind(a.DescriptionKind),
			"required": a.Required, "optional": a.Optional, "computed": a.Computed,
		}
	}
	return object{"attributes": attributes, "description": b.Description, "description_kind": kind(b.DescriptionKind)}
}

func kind(k tfprotov6.StringKind) string {
	if k == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}
