// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// notOurs are the words of other layers: none of them is for a user.
var notOurs = []string{
	"Value Conversion Error", "inconsistent", "invalid plan", "panic", "nexpected error", "An unexpected", "error in the provider",
	"provider developer", `\n\n`, ".<.", "got: <", "Null Value", "strconv.", "unhandled", "reflect", "types.", "basetypes",
}

// strange says what is wrong with the errors: whose words they are, and where
// they point.
func strange(diags []*tfprotov6.Diagnostic) []string {
	var out []string
	for _, d := range diags {
		if d.Severity != tfprotov6.DiagnosticSeverityError {
			continue
		}
		text := d.Summary + ": " + d.Detail
		for _, word := range notOurs {
			if strings.Contains(text, word) {
				out = append(out, fmt.Sprintf("%q is not our word: %s", word, text))
			}
		}
		if d.Attribute == nil || len(d.Attribute.Steps()) == 0 {
			out = append(out, "it points at nothing: "+text)
		}
	}
	return out
}

// broken says where a plan is not what Terraform takes: an argument is planned
// as it is configured, or as it was.
func broken(t *testing.T, all []*tfprotov6.SchemaAttribute, at string, prior, config, planned tftypes.Value) []string {
	t.Helper()
	var out []string
	for _, a := range all {
		p, c, was := child(t, planned, a.Name), child(t, config, a.Name), tftypes.NewValue(a.ValueType(), nil)
		if a.NestedType != nil && a.NestedType.Nesting != tfprotov6.SchemaObjectNestingModeSingle {
			c = withoutSecrets(t, []*tfprotov6.SchemaAttribute{a}, c)
		}
		if !prior.IsNull() && prior.IsKnown() {
			was = child(t, prior, a.Name)
		}
		here := at + a.Name
		switch {
		case a.WriteOnly:
			if !p.IsNull() {
				out = append(out, here+" is only to be written")
			}
		case c.IsNull() && a.Computed, p.Equal(c), a.Computed && p.Equal(was) && !was.IsNull():
		case a.NestedType != nil && a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle && known(p) && known(c):
			out = append(out, broken(t, a.NestedType.Attributes, here+".", was, c, p)...)
		default:
			out = append(out, fmt.Sprintf("%s is configured as %s and planned as %s", here, c, p))
		}
	}
	return out
}

func known(v tftypes.Value) bool { return v.IsKnown() && !v.IsNull() }

// tried is what became of a configuration.
type tried struct {
	diags   []*tfprotov6.Diagnostic
	refused string // "validate" or "plan"
	planned tftypes.Value
	private []byte
	faults  []string
	// replaced are the attributes for which it is made anew.
	replaced []*tftypes.AttributePath
}

// try validates and plans a configuration, whatever comes of it.
func (c *client) try(name string, prior instance, config tftypes.Value) (out tried) {
	c.t.Helper()
	ty := c.resourceType(name)
	checked, err := c.server.ValidateResourceConfig(c.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: name, Config: c.dynamic(ty, config),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	must(c.t, err)
	out.diags = checked.Diagnostics
	if errorsOf(out.diags) != "" {
		out.refused, out.faults = "validate", strange(out.diags)
		return out
	}
	if prior.state.Type() == nil {
		prior.state = tftypes.NewValue(ty, nil)
	}
	c.configure()
	if strings.Contains(config.String(), plannedSuffix) {
		c.planOther(config)
	}
	resp, err := c.server.PlanResourceChange(c.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: name, Config: c.dynamic(ty, config), ProposedNewState: c.dynamic(ty, c.proposed(name, prior.state, config)),
		PriorState: c.dynamic(ty, prior.state), PriorPrivate: prior.private, PriorIdentity: c.identityData(name, prior.identity),
	})
	must(c.t, err)
	out.diags = resp.Diagnostics
	if errorsOf(out.diags) != "" {
		out.refused, out.faults = "plan", strange(out.diags)
		return out
	}
	out.planned, out.private = c.read(ty, resp.PlannedState), resp.PlannedPrivate
	out.replaced = resp.RequiresReplace
	out.faults = broken(c.t, c.schema.ResourceSchemas[name].Block.Attributes, "", prior.state, config, out.planned)
	return out
}
