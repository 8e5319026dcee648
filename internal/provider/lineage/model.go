// SPDX-License-Identifier: MPL-2.0

package lineage

import (
	"cmp"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Image     types.String `tfsdk:"image"`
	WholeTree types.Bool   `tfsdk:"whole_tree"`
	Root      types.String `tfsdk:"root"`
	Nodes     []nodeModel  `tfsdk:"nodes"`
	Mermaid   types.String `tfsdk:"mermaid"`
	DOT       types.String `tfsdk:"dot"`
}

type nodeModel struct {
	Spec             types.String    `tfsdk:"spec"`
	Pool             types.String    `tfsdk:"pool"`
	Namespace        types.String    `tfsdk:"namespace"`
	Name             types.String    `tfsdk:"name"`
	ImageID          types.String    `tfsdk:"image_id"`
	Depth            types.Int64     `tfsdk:"depth"`
	Relation         types.String    `tfsdk:"relation"`
	Parent           types.String    `tfsdk:"parent"`
	ParentImageID    types.String    `tfsdk:"parent_image_id"`
	ParentSnapshotID types.Int64     `tfsdk:"parent_snapshot_id"`
	Flattened        types.Bool      `tfsdk:"flattened"`
	SizeBytes        types.Int64     `tfsdk:"size_bytes"`
	UsedBytes        types.Int64     `tfsdk:"used_bytes"`
	Trashed          types.Bool      `tfsdk:"trashed"`
	Watchers         []string        `tfsdk:"watchers"`
	Locks            []string        `tfsdk:"locks"`
	Snapshots        []snapshotModel `tfsdk:"snapshots"`
	Managed          types.Bool      `tfsdk:"managed"`
}

type snapshotModel struct {
	Name       types.String `tfsdk:"name"`
	SnapshotID types.Int64  `tfsdk:"snapshot_id"`
	Kind       types.String `tfsdk:"kind"`
	Protected  types.Bool   `tfsdk:"protected"`
	Children   []string     `tfsdk:"children"`
}

func (m *model) set(nodes []rbd.LineageNode) {
	m.Root = types.StringValue(nodes[0].Spec.String())
	m.Mermaid = types.StringValue(mermaid(nodes))
	m.DOT = types.StringValue(dot(nodes))
	m.Nodes = make([]nodeModel, len(nodes))
	for i, n := range nodes {
		m.Nodes[i] = newNode(n)
	}
}

func newNode(n rbd.LineageNode) nodeModel {
	out := nodeModel{
		Spec:             types.StringValue(n.Spec.String()),
		Pool:             types.StringValue(n.Spec.Pool),
		Namespace:        types.StringValue(n.Spec.Namespace),
		Name:             types.StringValue(n.Spec.Image),
		ImageID:          types.StringValue(n.ID),
		Depth:            types.Int64Value(int64(n.Depth)),
		Relation:         types.StringValue(string(n.Relation)),
		Parent:           types.StringNull(),
		ParentImageID:    types.StringNull(),
		ParentSnapshotID: types.Int64Null(),
		Flattened:        types.BoolValue(n.Flattened),
		SizeBytes:        number(n.SizeBytes),
		UsedBytes:        number(n.UsedBytes),
		Trashed:          types.BoolValue(n.Trashed),
		Watchers:         texts(n.Watchers),
		Locks:            texts(n.Lockers),
		Snapshots:        make([]snapshotModel, 0, len(n.Snapshots)),
		Managed:          types.BoolValue(n.Held()),
	}
	if p := n.DependsOn; p != nil {
		out.Parent = types.StringValue(p.Spec.String())
		out.ParentImageID = types.StringValue(p.ImageID)
		out.ParentSnapshotID = number(p.SnapshotID)
	}
	for _, s := range slices.SortedFunc(slices.Values(n.Snapshots), func(a, b rbd.Snapshot) int { return cmp.Compare(a.ID, b.ID) }) {
		children := make([]string, 0, len(n.Children[s.ID]))
		for _, c := range n.Children[s.ID] {
			children = append(children, c.Spec.String())
		}
		out.Snapshots = append(out.Snapshots, snapshotModel{
			Name:       types.StringValue(s.Name),
			SnapshotID: number(s.ID),
			Kind:       types.StringValue(string(s.Kind)),
			Protected:  types.BoolValue(s.Protected),
			Children:   children,
		})
	}
	return out
}

func texts[S interface{ String() string }](all []S) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s.String()
	}
	return out
}

func number(n uint64) types.Int64 {
	return types.Int64Value(int64(n)) //nolint:gosec // sizes are signed in librbd, ids are counters
}
