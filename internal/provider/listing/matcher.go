// SPDX-License-Identifier: MPL-2.0

package listing

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images/nameregex"
)

// Matcher is what an argument with a regular expression picks: all where it is null.
func Matcher(expression types.String, argument string, diags *diag.Diagnostics) func(string) bool {
	match, err := nameregex.Matcher(expression)
	if err != nil {
		diags.AddAttributeError(path.Root(argument), "Not a regular expression", err.Error()+".")
	}
	if match == nil {
		match = func(string) bool { return true }
	}
	return match
}
