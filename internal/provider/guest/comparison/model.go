// SPDX-License-Identifier: MPL-2.0

package comparison

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestcompare"
)

type model struct {
	Before         types.String                `tfsdk:"before"`
	After          types.String                `tfsdk:"after"`
	Ignore         []types.String              `tfsdk:"ignore"`
	IgnoreDefaults types.Bool                  `tfsdk:"ignore_defaults"`
	Limit          types.Int64                 `tfsdk:"limit"`
	Problem        types.String                `tfsdk:"problem"`
	Identical      types.Bool                  `tfsdk:"identical"`
	Packages       []itemModel                 `tfsdk:"packages"`
	Users          []itemModel                 `tfsdk:"users"`
	Groups         []itemModel                 `tfsdk:"groups"`
	Units          []itemModel                 `tfsdk:"units"`
	Kernels        []itemModel                 `tfsdk:"kernels"`
	BootParameters []itemModel                 `tfsdk:"boot_parameters"`
	Files          []fileModel                 `tfsdk:"files"`
	NotCompared    []unreadModel               `tfsdk:"not_compared"`
	Counts         map[string]map[string]int64 `tfsdk:"counts"`
	Markdown       types.String                `tfsdk:"markdown"`
	Timeouts       timeouts.Value              `tfsdk:"timeouts"`
}

type itemModel struct {
	Name   string       `tfsdk:"name"`
	Change string       `tfsdk:"change"`
	Before types.String `tfsdk:"before"`
	After  types.String `tfsdk:"after"`
}

type fileModel struct {
	Path    string      `tfsdk:"path"`
	Change  string      `tfsdk:"change"`
	Differs []string    `tfsdk:"differs"`
	Before  *stateModel `tfsdk:"before"`
	After   *stateModel `tfsdk:"after"`
}

type stateModel struct {
	Type      string       `tfsdk:"type"`
	Mode      string       `tfsdk:"mode"`
	UID       int64        `tfsdk:"uid"`
	GID       int64        `tfsdk:"gid"`
	SizeBytes types.Int64  `tfsdk:"size_bytes"`
	Target    types.String `tfsdk:"target"`
}

type unreadModel struct {
	Path   string `tfsdk:"path"`
	Reason string `tfsdk:"reason"`
}

// request is what is asked for besides the snapshots.
func (m *model) request() guestcompare.Request {
	req := guestcompare.Request{Limit: defaultLimit, NoDefaults: !m.IgnoreDefaults.IsNull() && !m.IgnoreDefaults.ValueBool()}
	if !m.Limit.IsNull() {
		req.Limit = int(m.Limit.ValueInt64())
	}
	for _, p := range m.Ignore {
		req.Ignore = append(req.Ignore, p.ValueString())
	}
	return req
}

func (m *model) set(r guestcompare.Result) {
	m.Problem, m.Identical = text(r.Problem), types.BoolValue(r.Identical())
	m.Markdown = types.StringValue(r.Markdown(m.Before.ValueString(), m.After.ValueString()))
	m.Counts = map[string]map[string]int64{}
	for name, to := range map[string]struct {
		to   *[]itemModel
		from guestcompare.List[guestcompare.Item]
	}{
		"packages": {&m.Packages, r.Packages}, "users": {&m.Users, r.Users}, "groups": {&m.Groups, r.Groups}, "units": {&m.Units, r.Units},
		"kernels": {&m.Kernels, r.Kernels}, "boot_parameters": {&m.BootParameters, r.BootParameters},
	} {
		*to.to = []itemModel{}
		for _, i := range to.from.Items {
			*to.to = append(*to.to, itemModel{i.Name, string(i.Change), text(i.Before), text(i.After)})
		}
		m.Counts[name] = counts(to.from.Total, to.from.Counts)
	}
	m.Files, m.NotCompared = []fileModel{}, []unreadModel{}
	for _, f := range r.Files.Items {
		m.Files = append(m.Files, fileModel{f.Path, string(f.Change), append([]string{}, f.Differs...), state(f.Before), state(f.After)})
	}
	for _, u := range r.Unread.Items {
		m.NotCompared = append(m.NotCompared, unreadModel{u.Path, u.Reason})
	}
	m.Counts["files"], m.Counts["not_compared"] = counts(r.Files.Total, r.Files.Counts), counts(r.Unread.Total, nil)
}

func counts(total int, by map[guestcompare.Change]int) map[string]int64 {
	out := map[string]int64{"total": int64(total)}
	for change, n := range by {
		out[string(change)] = int64(n)
	}
	return out
}

func state(s *guestcompare.FileState) *stateModel {
	if s == nil {
		return nil
	}
	m := &stateModel{Type: s.Type, Mode: fmt.Sprintf("%04o", s.Mode), UID: int64(s.UID), GID: int64(s.GID), Target: text(s.Target)}
	if s.Size >= 0 {
		m.SizeBytes = types.Int64Value(s.Size)
	}
	return m
}

// text is null for what is empty.
func text(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}
