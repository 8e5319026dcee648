// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/mounts"
)

type model struct {
	guestresource.Model

	RootDevice types.String `tfsdk:"root_device"`
	Mounts     types.Map    `tfsdk:"mounts"`
	Files      types.Map    `tfsdk:"files"`
	Drift      types.Map    `tfsdk:"drift"`

	// kept is what the private state has of secrets, by the paths of their files.
	kept map[string]secret
}

type fileModel struct {
	Content       types.String   `tfsdk:"content"`
	Base64        types.String   `tfsdk:"content_base64"`
	Secret        types.String   `tfsdk:"content_wo"`
	SecretVersion types.Int64    `tfsdk:"content_wo_version"`
	CopyFrom      types.String   `tfsdk:"copy_from"`
	Link          types.String   `tfsdk:"link_target"`
	Directory     types.Bool     `tfsdk:"directory"`
	Empty         types.Bool     `tfsdk:"empty"`
	Absent        types.Bool     `tfsdk:"absent"`
	Replace       []replaceModel `tfsdk:"replace_lines"`
	Remove        []types.String `tfsdk:"remove_lines"`
	Append        []types.String `tfsdk:"append_lines"`
	Mode          types.String   `tfsdk:"mode"`
	UID           types.Int64    `tfsdk:"uid"`
	GID           types.Int64    `tfsdk:"gid"`
}

type replaceModel struct {
	Pattern types.String `tfsdk:"pattern"`
	Line    types.String `tfsdk:"line"`
}

// request is what the plan asks of the image. The secrets are in the configuration
// alone.
func (m *model) request(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (r fileedit.Request, err error) {
	r = fileedit.Request{Tree: m.tree(), Edits: m.edits(ctx, diags)}
	r.Forget = m.dropped(r.Edits)
	fillSecrets(ctx, r.Edits, config, diags)
	r.Image, err = m.Ref()
	return r, err
}

// set fills in what the image has.
func (m *model) set(r fileedit.Result, edits []fileedit.Edit) {
	m.Set(r.Spec, r.ImageID, r.Revision)
	m.Drift = noDrift
	m.keep(r.Prints, edits)
}

func (m *model) tree() guest.Tree { return mounts.Tree(m.RootDevice, m.Mounts) }

// edits are the files as plain Go, in order of their paths. They were validated
// with the configuration.
func (m *model) edits(ctx context.Context, diags *diag.Diagnostics) []fileedit.Edit {
	files := map[string]fileModel{}
	diags.Append(m.Files.ElementsAs(ctx, &files, false)...)
	var out []fileedit.Edit
	for _, p := range slices.Sorted(maps.Keys(files)) {
		e, err := files[p].edit(p)
		if kept := m.kept[p]; e.Secret != nil && kept.Version == e.Secret.Version {
			e.Secret.Print = kept.Print
		}
		if _, ours := files[e.CopyFrom]; ours && err == nil {
			err = fmt.Errorf("copy_from names %s, which is to be edited itself: say there what both must be, or make the copy with another resource that depends on this one", e.CopyFrom)
		}
		if err != nil {
			diags.AddError("Invalid edit of "+p, err.Error()+".")
		}
		out = append(out, e)
	}
	return out
}

func (f fileModel) edit(path string) (fileedit.Edit, error) {
	e := fileedit.Edit{
		Path: path, Absent: f.Absent.ValueBool(), Directory: f.Directory.ValueBool(), CopyFrom: f.CopyFrom.ValueString(),
		Link: f.Link.ValueStringPointer(), UID: id(f.UID), GID: id(f.GID),
	}
	switch {
	case f.Empty.ValueBool():
		e.Content = new(string)
	case !f.Content.IsNull():
		s := f.Content.ValueString()
		e.Content = &s
	case !f.Base64.IsNull():
		b, err := base64.StdEncoding.DecodeString(f.Base64.ValueString())
		if err != nil {
			return e, fmt.Errorf("content_base64: %w", err)
		}
		s := string(b)
		e.Content = &s
	case !f.SecretVersion.IsNull():
		e.Secret = &fileedit.Secret{Version: f.SecretVersion.ValueInt64()}
	}
	for _, r := range f.Replace {
		re, err := regexp.Compile(r.Pattern.ValueString())
		if err != nil {
			return e, err
		}
		e.Replace = append(e.Replace, fileedit.Replacement{Pattern: re, Line: r.Line.ValueString()})
	}
	for _, r := range f.Remove {
		re, err := regexp.Compile(r.ValueString())
		if err != nil {
			return e, err
		}
		e.Remove = append(e.Remove, re)
	}
	for _, a := range f.Append {
		e.Append = append(e.Append, a.ValueString())
	}
	if !f.Mode.IsNull() {
		n, err := strconv.ParseUint(f.Mode.ValueString(), 8, 12)
		if err != nil {
			return e, fmt.Errorf("mode %q: %w", f.Mode.ValueString(), err)
		}
		mode := uint32(n)
		e.Mode = &mode
	}
	return e, nil
}

func id(v types.Int64) *uint32 {
	if v.IsNull() || v.IsUnknown() {
		return nil
	}
	n := uint32(v.ValueInt64()) //nolint:gosec // the schema bounds it
	return &n
}

var noDrift = types.MapValueMust(types.ListType{ElemType: types.StringType}, nil)

// driftOf says of each file what does not hold.
func driftOf(ctx context.Context, unmet map[string][]string, diags *diag.Diagnostics) types.Map {
	v, d := types.MapValueFrom(ctx, types.ListType{ElemType: types.StringType}, unmet)
	diags.Append(d...)
	return v
}
