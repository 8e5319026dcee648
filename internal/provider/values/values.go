// SPDX-License-Identifier: MPL-2.0

// Package values makes plain Go of the framework's lists, sets and maps of strings.
package values

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Strings are the elements that are known and not null, in their order.
func Strings(elements []attr.Value) (out []string) {
	for _, v := range elements {
		if s, ok := v.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			out = append(out, s.ValueString())
		}
	}
	return out
}

// Sorted are Strings in alphabetical order, as of a set.
func Sorted(elements []attr.Value) []string {
	out := Strings(elements)
	slices.Sort(out)
	return out
}

// Map are the elements that are known; one that is null is empty. It is never nil.
func Map(elements map[string]attr.Value) map[string]string {
	out := map[string]string{}
	for k, v := range elements {
		if s, ok := v.(types.String); ok && !s.IsUnknown() {
			out[k] = s.ValueString()
		}
	}
	return out
}
