// SPDX-License-Identifier: MPL-2.0

package export

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
)

// recordKey is where the private state has the record of the file, which tells
// cheaply whether it still is the same.
const recordKey = "file"

func keepRecord(ctx context.Context, r export.Record, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}) diag.Diagnostics {
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("plain values: %v", err))
	}
	return to.SetKey(ctx, recordKey, b)
}

// keptRecord is the record of a file in the state. Terraform does not hand the
// private state to the destruction of a tainted resource: then no file has the
// record's time, and its hash decides.
func keptRecord(ctx context.Context, state model, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}, diags *diag.Diagnostics) export.Record {
	r := export.Record{SizeBytes: state.SizeBytes.ValueInt64(), SHA256: state.SHA256.ValueString()}
	b, d := from.GetKey(ctx, recordKey)
	if diags.Append(d...); b == nil {
		return r
	}
	if err := json.Unmarshal(b, &r); err != nil {
		diags.AddError("Unable to read the private state", "What it keeps of the file: "+err.Error()+".")
	}
	return r
}
