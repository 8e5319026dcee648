// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// documented is the part of a validator that only documentation asks for.
type documented struct{}

func (documented) Description(context.Context) string         { return "must be as librbd takes it" }
func (documented) MarkdownDescription(context.Context) string { return "must be as librbd takes it" }

// featuresCheck refuses sets that librbd refuses, or makes another set of.
type featuresCheck struct{ documented }

func (featuresCheck) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	features := Model{Features: req.ConfigValue}.FeatureNames()
	if features == nil {
		return
	}
	if err := rbd.CheckFeatures(features); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a set of features", err.Error()+".")
	}
}

type objectSizeCheck struct{ documented }

func (objectSizeCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	size, err := sizetype.Parse(req.ConfigValue.ValueString())
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || err != nil { // the type says what is wrong
		return
	}
	if err := rbd.CheckObjectSize(size); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not an object size", err.Error()+".")
	}
}

type metadataCheck struct{ documented }

func (metadataCheck) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	for k := range req.ConfigValue.Elements() {
		if err := rbd.CheckMetadataKey(k); err != nil {
			resp.Diagnostics.AddAttributeError(req.Path.AtMapKey(k), "Not a metadata key", err.Error()+".")
		}
	}
}

type confCheck struct{ documented }

func (confCheck) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	for k, v := range req.ConfigValue.Elements() {
		s, ok := v.(types.String)
		if !ok || s.IsUnknown() {
			continue
		}
		if err := rbd.CheckConf(k, s.ValueString()); err != nil {
			resp.Diagnostics.AddAttributeError(req.Path.AtMapKey(k), "Not an option of librbd", err.Error()+".")
		}
	}
}

// maxDelay is 50 years: Ceph's times end in 2106, and begin anew.
const maxDelay = 50 * 365 * 24 * time.Hour

// delayCheck is for whole seconds, which is what the trash notes.
type delayCheck struct{ documented }

func (delayCheck) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	d, err := durationtype.Parse(req.ConfigValue.ValueString())
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || err != nil { // the type says what is wrong
		return
	}
	if d%time.Second != 0 || d > maxDelay {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a delay", fmt.Sprintf(
			"%s is %s: want whole seconds, and not more than 50 years (%q), as \"720h\" for 30 days.", req.Path, d, fmt.Sprintf("%.0fh", maxDelay.Hours())))
	}
}

// Validate checks what no attribute can tell alone. It is for ValidateConfig.
func (m Model) Validate(diags *diag.Diagnostics) {
	if m.ObjectSize.IsUnknown() || m.StripeUnit.IsUnknown() || m.StripeCount.IsUnknown() {
		return
	}
	if err := rbd.CheckStriping(m.ObjectSize.Amount(), m.StripeUnit.Amount(), uint64(m.StripeCount.ValueInt64())); err != nil { //nolint:gosec // validated
		diags.AddAttributeError(path.Root("stripe_unit"), "Not a possible striping", err.Error()+".")
	}
	if known(m.DataPool) && known(m.Pool) && m.DataPool.Equal(m.Pool) {
		diags.AddAttributeError(path.Root("data_pool"), "Not another pool", "The data is in the image's own pool anyway: leave data_pool out.")
	}
}
