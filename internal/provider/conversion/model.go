// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	target.Model
	Source         types.Object   `tfsdk:"source"`
	VerifyContent  types.Bool     `tfsdk:"verify_content"`
	Sparsify       types.Bool     `tfsdk:"sparsify"`
	OnSourceChange types.String   `tfsdk:"on_source_change"`
	SourceRevision types.String   `tfsdk:"source_revision"`
	MaxSourceSize  sizetype.Value `tfsdk:"max_source_size"`
	Engine         types.String   `tfsdk:"engine"`
}

// formatRaw is the format that has no header.
const formatRaw = "raw"

// What another revision of the source on its server means.
const (
	onSourceChangeReplace = "replace"
	onSourceChangeIgnore  = "ignore"
)

type sourceModel struct {
	File             types.String `tfsdk:"file"`
	Image            types.String `tfsdk:"image"`
	URL              types.String `tfsdk:"url"`
	Format           types.String `tfsdk:"format"`
	MD5              types.String `tfsdk:"md5"`
	SHA256           types.String `tfsdk:"sha256"`
	SHA512           types.String `tfsdk:"sha512"`
	ChecksumsURL     types.String `tfsdk:"checksums_url"`
	PublishedName    types.String `tfsdk:"published_name"`
	ArchiveMember    types.String `tfsdk:"archive_member"`
	InternalSnapshot types.String `tfsdk:"internal_snapshot"`

	AllowBackingChain types.Bool `tfsdk:"allow_backing_chain"`
	AllowAnyContent   types.Bool `tfsdk:"allow_any_content"`
}

func (s sourceModel) known() bool {
	for _, v := range []types.String{s.File, s.Image, s.URL, s.Format, s.MD5, s.SHA256, s.SHA512, s.ChecksumsURL, s.PublishedName, s.ArchiveMember, s.InternalSnapshot} {
		if v.IsUnknown() {
			return false
		}
	}
	return !s.AllowBackingChain.IsUnknown() && !s.AllowAnyContent.IsUnknown()
}

// reference is the source for the operation.
func (s sourceModel) reference() conversion.Reference {
	sums := checksum.Sums{}
	for algorithm, v := range map[string]types.String{"md5": s.MD5, "sha256": s.SHA256, "sha512": s.SHA512} {
		if v.ValueString() != "" {
			sums[algorithm] = v.ValueString()
		}
	}
	return conversion.Reference{
		File: s.File.ValueString(), Image: s.Image.ValueString(), URL: s.URL.ValueString(), Format: s.Format.ValueString(),
		Sums: sums, ChecksumsURL: s.ChecksumsURL.ValueString(), PublishedName: s.PublishedName.ValueString(), ArchiveMember: s.ArchiveMember.ValueString(),
		InternalSnapshot: s.InternalSnapshot.ValueString(), AllowBackingChain: s.AllowBackingChain.ValueBool(), AllowAnyContent: s.AllowAnyContent.ValueBool(),
	}
}

// request is what is to be made.
func (m model) request(s sourceModel) conversion.Request {
	return conversion.Request{
		Source: s.reference(), Target: m.RBDSpec(), Layout: m.Layout(), MaxSourceBytes: m.MaxSourceSize.Amount(),
		Engine: m.Engine.ValueString(), VerifyContent: m.VerifyContent.ValueBool(), Sparsify: m.Sparsify.ValueBool(), Token: m.token(s),
	}
}

// set puts what the operation tells into the model.
func (m *model) set(r conversion.Result) {
	m.SourceRevision = types.StringNull()
	if r.Revision != "" {
		m.SourceRevision = types.StringValue(r.Revision)
	}
}

func (m model) token(s sourceModel) string {
	parts := []any{
		s.File.ValueString(), s.Image.ValueString(), s.URL.ValueString(), s.Format.ValueString(),
		s.MD5.ValueString(), s.SHA256.ValueString(), s.SHA512.ValueString(), s.ChecksumsURL.ValueString(), s.PublishedName.ValueString(),
	}
	if member := s.ArchiveMember.ValueString(); member != "" { // others keep the token that they had
		parts = append(parts, member)
	}
	if snapshot := s.InternalSnapshot.ValueString(); snapshot != "" {
		parts = append(parts, "internal snapshot", snapshot)
	}
	return m.Token("conversion", parts...)
}

// Refreshed is what an import leaves open.
func (m *model) Refreshed(rbd.Image) {
	if m.OnSourceChange.IsNull() {
		m.OnSourceChange = types.StringValue(onSourceChangeReplace)
	}
	if m.Engine.IsNull() {
		m.Engine = types.StringValue(conversion.EngineClient)
	}
}
