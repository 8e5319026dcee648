// SPDX-License-Identifier: MPL-2.0

// Package nameregex is the argument name_regex of the data sources that list.
package nameregex

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
)

// Attribute is the argument; what are the things that it picks.
func Attribute(what string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Only " + what + " whose name matches this regular expression ([RE2](https://github.com/google/re2/wiki/Syntax)), " +
			"which may match a part: `^` and `$` tie it to the ends. By default all.",
		Validators: []validator.String{namecheck.Pattern()},
	}
}

// Matcher is what the argument picks, nil for all.
func Matcher(expression types.String) (func(string) bool, error) {
	if expression.IsNull() {
		return nil, nil //nolint:nilnil // nothing to match is no error
	}
	re, err := regexp.Compile(expression.ValueString())
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}
