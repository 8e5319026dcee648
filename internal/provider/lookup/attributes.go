// SPDX-License-Identifier: MPL-2.0

package lookup

import "github.com/hashicorp/terraform-plugin-framework/datasource/schema"

// Text is an attribute that the answer fills.
func Text(description string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

// Number is Text for whole numbers.
func Number(description string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: description}
}

// Bool is Text for what is so or not.
func Bool(description string) schema.BoolAttribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: description}
}
