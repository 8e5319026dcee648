// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// glanceKey keeps, in the private state, in which Glance the record is: where
// its RBD image is gone, or out of reach, so is the note on it.
const glanceKey = "glance"

func (m *model) readPrivate(ctx context.Context, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}, diags *diag.Diagnostics) {
	text, more := from.GetKey(ctx, glanceKey)
	diags.Append(more...)
	if text != nil && json.Unmarshal(text, &m.at) != nil {
		m.at = glance.Identity{}
	}
}

func (m model) writePrivate(ctx context.Context, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, diags *diag.Diagnostics) {
	if m.at.Zero() {
		return
	}
	if text, err := json.Marshal(m.at); err == nil {
		diags.Append(to.SetKey(ctx, glanceKey, text)...)
	}
}
