package sysprep

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
)

// defaults is virt-sysprep's own name of what it does by default.
const defaults = "defaults"

// customize is the operation that does the work of virt-customize, of which there
// is none here. What it does all the same, it does to all clones alike: the one
// of libguestfs 1.48 gives them the same machine id and random seed.
const customize = "customize"

type model struct {
	Image      types.String   `tfsdk:"image"`
	Operations types.Set      `tfsdk:"operations"`
	Disabled   types.Set      `tfsdk:"disabled_operations"`
	Triggers   types.Map      `tfsdk:"triggers"`
	Performed  types.List     `tfsdk:"performed"`
	Spec       types.String   `tfsdk:"spec"`
	ImageID    types.String   `tfsdk:"image_id"`
	Revision   types.String   `tfsdk:"revision"`
	Timeouts   timeouts.Value `tfsdk:"timeouts"`
}

func (m model) subject() *change.Subject { return &change.Subject{Image: m.Image, ImageID: m.ImageID} }

// inputs are what the result depends on, nil where some of it is not known.
func (m model) inputs(ctx context.Context, diags *diag.Diagnostics) any {
	if !change.Known(ctx, m.Operations, m.Disabled, m.Triggers) {
		return nil
	}
	triggers := map[string]string{}
	diags.Append(m.Triggers.ElementsAs(ctx, &triggers, false)...)
	return []any{m.operations(ctx, diags), triggers}
}

// operations are in the form of virt-sysprep's --operations.
func (m model) operations(ctx context.Context, diags *diag.Diagnostics) string {
	on, off := []string{defaults}, []string{}
	if !m.Operations.IsNull() {
		on = nil
		diags.Append(m.Operations.ElementsAs(ctx, &on, false)...)
	}
	diags.Append(m.Disabled.ElementsAs(ctx, &off, false)...)
	slices.Sort(on)
	// "defaults" must come first: an operation that is taken away is taken away
	// from what stands before it.
	if i := slices.Index(on, defaults); i > 0 {
		on = slices.Insert(slices.Delete(on, i, i+1), 0, defaults)
	}
	if slices.Contains(on, defaults) && !slices.Contains(on, customize) && !slices.Contains(off, customize) {
		off = append(off, customize)
	}
	slices.Sort(off)
	for _, name := range off {
		on = append(on, "-"+name)
	}
	return strings.Join(on, ",")
}
