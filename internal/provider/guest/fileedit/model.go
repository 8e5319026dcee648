package fileedit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/look"
)

type model struct {
	Image      types.String   `tfsdk:"image"`
	RootDevice types.String   `tfsdk:"root_device"`
	Mounts     types.Map      `tfsdk:"mounts"`
	Files      types.Map      `tfsdk:"files"`
	Spec       types.String   `tfsdk:"spec"`
	ImageID    types.String   `tfsdk:"image_id"`
	Revision   types.String   `tfsdk:"revision"`
	Drift      types.Map      `tfsdk:"drift"`
	Timeouts   timeouts.Value `tfsdk:"timeouts"`
}

type fileModel struct {
	Content   types.String   `tfsdk:"content"`
	Base64    types.String   `tfsdk:"content_base64"`
	CopyFrom  types.String   `tfsdk:"copy_from"`
	Link      types.String   `tfsdk:"link_target"`
	Directory types.Bool     `tfsdk:"directory"`
	Empty     types.Bool     `tfsdk:"empty"`
	Absent    types.Bool     `tfsdk:"absent"`
	Replace   []replaceModel `tfsdk:"replace_lines"`
	Remove    []types.String `tfsdk:"remove_lines"`
	Append    []types.String `tfsdk:"append_lines"`
	Mode      types.String   `tfsdk:"mode"`
	UID       types.Int64    `tfsdk:"uid"`
	GID       types.Int64    `tfsdk:"gid"`
}

type replaceModel struct {
	Pattern types.String `tfsdk:"pattern"`
	Line    types.String `tfsdk:"line"`
}

func (m model) subject() *change.Subject {
	return &change.Subject{Image: m.Image, ImageID: m.ImageID}
}

func (m model) tree() guest.Tree { return look.Tree(m.RootDevice, m.Mounts) }

// edits are the files as plain Go, in order of their paths. They were validated
// with the configuration.
func (m model) edits(ctx context.Context, diags *diag.Diagnostics) []edit {
	files := map[string]fileModel{}
	diags.Append(m.Files.ElementsAs(ctx, &files, false)...)
	var out []edit
	for _, p := range slices.Sorted(maps.Keys(files)) {
		e, err := files[p].edit(p)
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

func (f fileModel) edit(path string) (edit, error) {
	e := edit{
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
	}
	for _, r := range f.Replace {
		re, err := regexp.Compile(r.Pattern.ValueString())
		if err != nil {
			return e, err
		}
		e.Replace = append(e.Replace, replacement{re, r.Line.ValueString()})
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

// revision tells results apart: it changes with the image and with the edits,
// but not when an edit is done again after somebody undid it.
func revision(imageID string, edits []edit) string {
	type plain struct {
		Path           string
		Content        *string
		Absent         bool
		Replace        [][2]string
		Remove, Append []string
		Mode, UID, GID *uint32
		CopyFrom       string  `json:",omitempty"`
		Link           *string `json:",omitempty"`
		Directory      bool    `json:",omitempty"`
		Binary         []byte  `json:",omitempty"`
	}
	all := make([]plain, len(edits))
	for i, e := range edits {
		p := plain{Path: e.Path, Content: e.Content, Absent: e.Absent, Append: e.Append, Mode: e.Mode, UID: e.UID, GID: e.GID,
			CopyFrom: e.CopyFrom, Link: e.Link, Directory: e.Directory}
		if e.Content != nil && !utf8.ValidString(*e.Content) {
			p.Content, p.Binary = nil, []byte(*e.Content) // text in JSON would lose what is no UTF-8
		}
		for _, r := range e.Replace {
			p.Replace = append(p.Replace, [2]string{r.Pattern.String(), r.Line})
		}
		for _, r := range e.Remove {
			p.Remove = append(p.Remove, r.String())
		}
		all[i] = p
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(fmt.Sprintf("revision of plain values: %v", err))
	}
	sum := sha256.Sum256(append([]byte(imageID+"\n"), b...))
	return hex.EncodeToString(sum[:6])
}

var noDrift = types.MapValueMust(types.ListType{ElemType: types.StringType}, nil)

// driftOf says of each file what does not hold.
func driftOf(ctx context.Context, pending []outcome, diags *diag.Diagnostics) types.Map {
	m := map[string][]string{}
	for _, p := range pending {
		m[p.Path] = p.Unmet
	}
	v, d := types.MapValueFrom(ctx, types.ListType{ElemType: types.StringType}, m)
	diags.Append(d...)
	return v
}
