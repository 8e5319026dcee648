// SPDX-License-Identifier: MPL-2.0

package deadline

import (
	"context"
	"fmt"
	"strings"
	"time"

	actiontimeouts "github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	datatimeouts "github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	actionschema "github.com/hashicorp/terraform-plugin-framework/action/schema"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
)

// limits take the place of the library's own validators, which accept a time
// that is over before anything begins.
var limits = []validator.String{durationtype.Limit()}

// Defaults are the limits of a resource where its configuration names none.
// One that is zero can't be set: the resource has nothing that it would bound.
type Defaults struct {
	Create, Read, Update, Delete time.Duration
	// Hashing is the default of whatever reads the whole image for a hash, where
	// it is another.
	Hashing time.Duration
}

// Attribute is the timeouts attribute of a resource.
func Attribute(ctx context.Context, d Defaults) schema.Attribute {
	a, ok := timeouts.Attributes(ctx, timeouts.Opts{
		Create: d.Create > 0, CreateDescription: describe("the creation", d.Create, d.Hashing),
		Read: d.Read > 0, ReadDescription: describe("a refresh", d.Read, d.Hashing),
		Update: d.Update > 0, UpdateDescription: describe("an update", d.Update, d.Hashing),
		Delete: d.Delete > 0, DeleteDescription: describe("the deletion", d.Delete, 0),
	}).(schema.SingleNestedAttribute)
	if !ok {
		panic("the timeouts of the library are no single nested attribute any more")
	}
	a.MarkdownDescription = "Limits of time."
	for name, limit := range a.Attributes {
		if text, ok := limit.(schema.StringAttribute); ok {
			text.Description, text.MarkdownDescription = "", text.Description
			text.Validators = limits
			a.Attributes[name] = text
		}
	}
	return a
}

// DataSourceAttribute is the timeouts attribute of a data source. The
// description of what is read ends with why the default is what it is, or is
// empty.
func DataSourceAttribute(ctx context.Context, standard time.Duration, why string) dataschema.Attribute {
	a, ok := datatimeouts.AttributesWithOpts(ctx, datatimeouts.Opts{
		ReadDescription: strings.TrimSpace(describe("reading", standard, 0) + " " + why),
	}).(dataschema.SingleNestedAttribute)
	if !ok {
		panic("the timeouts of the library are no single nested attribute any more")
	}
	a.MarkdownDescription = "Limits of time."
	for name, limit := range a.Attributes {
		if text, ok := limit.(dataschema.StringAttribute); ok {
			text.Description, text.MarkdownDescription = "", text.Description
			text.Validators = limits
			a.Attributes[name] = text
		}
	}
	return a
}

// ActionAttribute is the timeouts attribute of an action.
func ActionAttribute(ctx context.Context, standard time.Duration) actionschema.Attribute {
	a, ok := actiontimeouts.AttributesWithOpts(ctx, actiontimeouts.Opts{InvokeDescription: describe("it", standard, 0)}).(actionschema.SingleNestedAttribute)
	if !ok {
		panic("the timeouts of the library are no single nested attribute any more")
	}
	a.MarkdownDescription = "Limits of time."
	for name, limit := range a.Attributes {
		if text, ok := limit.(actionschema.StringAttribute); ok {
			text.Description, text.MarkdownDescription = "", text.Description
			text.Validators = limits
			a.Attributes[name] = text
		}
	}
	return a
}

func describe(what string, standard, hashing time.Duration) string {
	text := fmt.Sprintf("How long %s may take, such as `90s` or `1h30m`. Default: `%s`", what, short(standard))
	if hashing > 0 {
		text += fmt.Sprintf(", with a hash `%s`", short(hashing))
	}
	return text + "."
}

// short is a time without the units that are zero: 2h, not 2h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
