// SPDX-License-Identifier: MPL-2.0

// Package siblings validates arguments that depend on others beside them. The
// general validators of the framework name these as path expressions, which are
// no words for a user.
package siblings

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
)

// Conflict refuses an argument beside any of these.
func Conflict(names ...string) Check {
	return Check{names, "can't be given beside " + strings.Join(names, ", "), func(given bool, others []string) (string, string) {
		if !given || len(others) == 0 {
			return "", ""
		}
		return "Invalid Attribute Combination", "%s can't be given beside " + strings.Join(others, ", ") + ": leave one of them out."
	}}
}

// Need refuses an argument without one of these.
func Need(names ...string) Check {
	last := len(names) - 1
	list, advice := names[0], "give both, or none."
	if last > 0 {
		list, advice = strings.Join(names[:last], ", ")+" or "+names[last], "give one of them beside it."
	}
	return Check{names, "needs " + list, func(given bool, others []string) (string, string) {
		if !given || len(others) > 0 {
			return "", ""
		}
		return "Invalid Attribute Combination", "%s is nothing without " + list + ": " + advice
	}}
}

// ExactlyOne wants the argument or one of these, and no two.
func ExactlyOne(names ...string) Check {
	return Check{names, "is wanted, or one of " + strings.Join(names, ", "), func(given bool, others []string) (string, string) {
		switch {
		case !given && len(others) == 0:
			return "Invalid Attribute Combination", "One of %s, " + strings.Join(names, ", ") + " is needed."
		case given && len(others) > 0:
			return "Invalid Attribute Combination", "%s can't be given beside " + strings.Join(others, ", ") + ": leave one of them out."
		case len(others) > 1:
			return "Invalid Attribute Combination", strings.Join(others, " and ") + " can't be given together: leave one of them out."
		}
		return "", ""
	}}
}

// AtLeastOne wants the argument or one of these, or several.
func AtLeastOne(names ...string) Check {
	return Check{names, "is wanted, or one of " + strings.Join(names, ", "), func(given bool, others []string) (string, string) {
		if given || len(others) > 0 {
			return "", ""
		}
		return "Invalid Attribute Combination", "At least one of %s, " + strings.Join(names, ", ") + " is needed."
	}}
}

// Check is a validator for arguments of every type.
type Check struct {
	names []string
	what  string
	// judge gets which of the others are given, and returns a summary and a
	// detail with a place for the argument's name.
	judge func(given bool, others []string) (summary, detail string)
}

var (
	_ validator.String = Check{}
	_ validator.Bool   = Check{}
	_ validator.Int64  = Check{}
	_ validator.Map    = Check{}
)

// Description is that of a validator.
func (c Check) Description(context.Context) string { return c.what }

// MarkdownDescription is that of a validator.
func (c Check) MarkdownDescription(context.Context) string { return c.what }

// ValidateString is for strings.
func (c Check) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	c.check(ctx, req.Config, req.Path, req.ConfigValue, &resp.Diagnostics)
}

// ValidateBool is for booleans.
func (c Check) ValidateBool(ctx context.Context, req validator.BoolRequest, resp *validator.BoolResponse) {
	c.check(ctx, req.Config, req.Path, req.ConfigValue, &resp.Diagnostics)
}

// ValidateInt64 is for numbers.
func (c Check) ValidateInt64(ctx context.Context, req validator.Int64Request, resp *validator.Int64Response) {
	c.check(ctx, req.Config, req.Path, req.ConfigValue, &resp.Diagnostics)
}

// ValidateMap is for maps.
func (c Check) ValidateMap(ctx context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	c.check(ctx, req.Config, req.Path, req.ConfigValue, &resp.Diagnostics)
}

func (c Check) check(ctx context.Context, config tfsdk.Config, at path.Path, v attr.Value, diags *diag.Diagnostics) {
	if v.IsUnknown() {
		return // Terraform validates again when it is known
	}
	var others []string
	for _, name := range c.names {
		var other attr.Value
		errs := config.GetAttribute(ctx, at.ParentPath().AtName(name), &other)
		if diags.Append(errs...); errs.HasError() || other.IsUnknown() {
			return
		}
		if !other.IsNull() {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	if summary, detail := c.judge(!v.IsNull(), others); summary != "" {
		if strings.Contains(detail, "%s") {
			detail = fmt.Sprintf(detail, at)
		}
		diags.AddAttributeError(at, summary, detail)
	}
}
