// SPDX-License-Identifier: MPL-2.0

package provenance

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type model struct {
	Timeouts         timeouts.Value `tfsdk:"timeouts"`
	Snapshot         types.String   `tfsdk:"snapshot"`
	Digest           types.Map      `tfsdk:"digest"`
	Statement        types.String   `tfsdk:"statement"`
	Predicate        types.String   `tfsdk:"predicate"`
	SubjectDigest    types.Map      `tfsdk:"subject_digest"`
	Steps            []stepModel    `tfsdk:"steps"`
	Complete         types.Bool     `tfsdk:"complete"`
	IncompleteReason types.String   `tfsdk:"incomplete_reason"`
}

type stepModel struct {
	Type            types.String `tfsdk:"type"`
	FinishedAt      types.String `tfsdk:"finished_at"`
	ArgumentsSHA256 types.String `tfsdk:"arguments_sha256"`
	Tools           types.Map    `tfsdk:"tools"`
	SourceURI       types.String `tfsdk:"source_uri"`
	SourceDigest    types.Map    `tfsdk:"source_digest"`
	SizeBytes       types.Int64  `tfsdk:"size_bytes"`
}

// digest are the hashes that were given.
func (m model) digest(ctx context.Context, diags *diag.Diagnostics) map[string]string {
	out := map[string]string{}
	diags.Append(m.Digest.ElementsAs(ctx, &out, false)...)
	return out
}

func (m *model) set(ctx context.Context, p provenance, diags *diag.Diagnostics) error {
	whole, alone, err := p.texts()
	if err != nil {
		return err
	}
	m.Statement, m.Predicate = types.StringValue(whole), types.StringValue(alone)
	m.SubjectDigest = mapValue(ctx, p.digest, diags)
	m.Complete, m.IncompleteReason = types.BoolValue(p.reason == ""), orNull(p.reason)
	m.Steps = make([]stepModel, 0, len(p.steps))
	for _, s := range p.steps {
		step := stepModel{
			Type: types.StringValue(s.Type), FinishedAt: types.StringValue(s.At), ArgumentsSHA256: orNull(s.Arguments),
			Tools: mapValue(ctx, s.Tools, diags), SourceDigest: types.MapNull(types.StringType),
			SizeBytes: types.Int64Value(int64(s.SizeBytes)), //nolint:gosec // signed in librbd
		}
		if s.Source != nil {
			step.SourceURI, step.SourceDigest = types.StringValue(s.Source.URI), mapValue(ctx, s.Source.Digest, diags)
		}
		m.Steps = append(m.Steps, step)
	}
	return nil
}

func orNull(text string) types.String {
	if text == "" {
		return types.StringNull()
	}
	return types.StringValue(text)
}

func mapValue(ctx context.Context, from map[string]string, diags *diag.Diagnostics) types.Map {
	if from == nil {
		from = map[string]string{}
	}
	v, d := types.MapValueFrom(ctx, types.StringType, from)
	diags.Append(d...)
	return v
}
