// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// replacesKey is where the plan notes, in the private state, what the state has.
// The plan of a replacement is asked for a second time without the prior state,
// and would otherwise look like that of a first one.
const replacesKey = "replaces"

// NoteReplaces notes the id of what the state has.
func NoteReplaces(ctx context.Context, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, id string) diag.Diagnostics {
	text, err := json.Marshal(id)
	if err != nil { // a string always can be
		panic(err)
	}
	return to.SetKey(ctx, replacesKey, text)
}

// Replaces is what was noted by NoteReplaces, or empty. It counts where there is
// no prior state.
func Replaces(ctx context.Context, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}) (id string, diags diag.Diagnostics) {
	text, diags := from.GetKey(ctx, replacesKey)
	if diags.HasError() || text == nil {
		return "", diags
	}
	if err := json.Unmarshal(text, &id); err != nil {
		diags.AddError("Unable to read the private state", err.Error())
	}
	return id, diags
}
