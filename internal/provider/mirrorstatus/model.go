// SPDX-License-Identifier: MPL-2.0

package mirrorstatus

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Image          types.String     `tfsdk:"image"`
	Pool           types.String     `tfsdk:"pool"`
	Namespace      types.String     `tfsdk:"namespace"`
	Enabled        types.Bool       `tfsdk:"enabled"`
	Health         types.String     `tfsdk:"health"`
	PoolMode       types.String     `tfsdk:"pool_mode"`
	SiteName       types.String     `tfsdk:"site_name"`
	ImagesByState  map[string]int64 `tfsdk:"images_by_state"`
	Mode           types.String     `tfsdk:"mode"`
	GlobalID       types.String     `tfsdk:"global_id"`
	Primary        types.Bool       `tfsdk:"primary"`
	Demoted        types.Bool       `tfsdk:"demoted"`
	Up             types.Bool       `tfsdk:"up"`
	State          types.String     `tfsdk:"state"`
	Description    types.String     `tfsdk:"description"`
	UpdatedAt      types.String     `tfsdk:"updated_at"`
	SyncedAt       types.String     `tfsdk:"synced_at"`
	SecondsBehind  types.Int64      `tfsdk:"seconds_behind"`
	EntriesBehind  types.Int64      `tfsdk:"entries_behind"`
	SyncingPercent types.Int64      `tfsdk:"syncing_percent"`
	Peers          []peerModel      `tfsdk:"peers"`
}

type peerModel struct {
	Name        types.String `tfsdk:"name"`
	UUID        types.String `tfsdk:"uuid"`
	Direction   types.String `tfsdk:"direction"`
	Up          types.Bool   `tfsdk:"up"`
	Primary     types.Bool   `tfsdk:"primary"`
	State       types.String `tfsdk:"state"`
	Description types.String `tfsdk:"description"`
	UpdatedAt   types.String `tfsdk:"updated_at"`

	mirror string
}

// The words of health.
const (
	healthy = "OK"
	warning = "WARNING"
	failed  = "ERROR"
)

func (m *model) setPool(p rbd.MirrorPool) {
	m.PoolMode, m.SiteName = types.StringValue(p.Mode), types.StringValue(p.SiteName)
	m.ImagesByState = map[string]int64{}
	m.Peers = []peerModel{}
	m.Enabled = types.BoolValue(p.Mode != "disabled")
	if !m.Enabled.ValueBool() {
		return
	}
	m.ImagesByState = p.Images
	m.Health = types.StringValue(poolHealth(p))
	for _, peer := range p.Peers {
		m.Peers = append(m.Peers, peerModel{Name: types.StringValue(peer.Name), UUID: types.StringValue(peer.UUID), Direction: types.StringValue(peer.Direction), mirror: peer.MirrorUUID})
	}
}

func poolHealth(p rbd.MirrorPool) string {
	switch {
	case p.Images["error"] > 0:
		return failed
	case p.Images["unknown"] > 0:
		return warning
	}
	return healthy
}

func (m *model) setImage(is rbd.Mirroring) {
	m.Enabled = types.BoolValue(is.GlobalID != "")
	if m.Health = types.StringNull(); is.GlobalID == "" {
		return
	}
	m.Health = types.StringValue(health(is))
	m.Mode, m.GlobalID = types.StringValue(is.Mode), types.StringValue(is.GlobalID)
	m.Primary, m.Demoted = types.BoolValue(is.Primary), types.BoolValue(is.Demoted())
	m.Up = types.BoolValue(is.Local.Up)
	m.State, m.Description, m.UpdatedAt = reported(is.Local)
	if !is.Primary {
		m.setReplay(is)
	}
	for i, peer := range is.Peers {
		if i >= len(m.Peers) || peer.UUID != m.Peers[i].mirror { // one came meanwhile
			continue
		}
		p := &m.Peers[i]
		p.Up, p.Primary = types.BoolValue(peer.Up), types.BoolValue(peer.Primary())
		p.State, p.Description, p.UpdatedAt = reported(peer)
	}
}

func (m *model) setReplay(is rbd.Mirroring) {
	r := is.Local.Replay
	if at := is.Synced(); !at.IsZero() {
		m.SyncedAt = types.StringValue(at.Format(time.RFC3339))
	}
	switch {
	case is.Mode == "journal":
		m.EntriesBehind = types.Int64Value(r.Entries)
	case r.LocalSnapshot > 0 && r.RemoteSnapshot > 0:
		m.SecondsBehind = types.Int64Value(max(0, r.RemoteSnapshot-r.LocalSnapshot))
	}
	if r.SyncingPercent > 0 {
		m.SyncingPercent = types.Int64Value(r.SyncingPercent)
	}
}

// reported is null where there never was a report.
func reported(s rbd.MirrorSite) (state, description, at types.String) {
	if !s.Reported {
		return types.StringNull(), types.StringNull(), types.StringNull()
	}
	return types.StringValue(s.State), types.StringValue(s.Description), types.StringValue(s.UpdatedAt.Format(time.RFC3339))
}

// health is of one image: of a primary, the peers that get what is written count.
func health(is rbd.Mirroring) string {
	sites := is.Peers
	if !is.Primary {
		sites = []rbd.MirrorSite{is.Local}
	}
	out := healthy
	if len(sites) == 0 {
		out = warning
	}
	for _, s := range sites {
		switch {
		case s.Up && s.State == "error", is.Primary && s.Primary():
			return failed
		case !s.Up || s.State != "replaying":
			out = warning
		}
	}
	return out
}
