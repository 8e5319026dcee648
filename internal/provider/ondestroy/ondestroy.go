// SPDX-License-Identifier: MPL-2.0

// Package ondestroy is the argument on_destroy: what becomes of a thing when its
// resource is destroyed.
package ondestroy

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// The values; each resource has some of them.
const (
	Delete = "delete"
	// Trash is where Ceph keeps it, until it expires or its last clone is gone.
	Trash = "trash"
	// Retain leaves it as it is.
	Retain = "retain"
	// Hide and Deactivate are Glance's: the record stays.
	Hide       = "hide"
	Deactivate = "deactivate"
)

// Attribute is the argument of a resource that knows these values besides Delete,
// which is the default.
func Attribute(description string, others ...string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(Delete),
		MarkdownDescription: description,
		Validators:          []validator.String{stringvalidator.OneOf(append([]string{Delete}, others...)...)},
	}
}
