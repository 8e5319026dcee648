// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// Mirroring is what a cluster knows of the mirroring of one of its images.
type Mirroring struct {
	// State is "enabled", "disabling" or "disabled"; with the last, the rest is empty.
	State string
	// Mode is "snapshot" or "journal".
	Mode string
	// GlobalID is the same at all sites, and stays when a secondary is copied anew.
	GlobalID string
	Primary  bool
	// Local is what the rbd-mirror of this cluster reports, and Peers what those of
	// the others have reported here. A report may be half a minute old.
	Local MirrorSite
	Peers []MirrorSite
	// Snapshots are those in the mirror namespace, oldest first.
	Snapshots []MirrorState
	// Users are the clients that have the image open for writing, or locked, and that
	// can't be an rbd-mirror.
	Users *InUseError
}

// MirrorSite is a report of an rbd-mirror about an image.
type MirrorSite struct {
	Name string
	UUID string // of the site's mirror; empty for the local one
	// Reported is false where there never was a report.
	Reported bool
	// Up is false where that rbd-mirror does not run, or can't reach this cluster.
	Up bool
	// State is as in `rbd mirror image status`, "replaying" or "stopped".
	State string
	// Description is what the rbd-mirror says of it, without its numbers.
	Description string
	// UpdatedAt is when it said so.
	UpdatedAt time.Time
	Replay    Replay
}

// Primary tells whether the site says that its image is primary.
func (s MirrorSite) Primary() bool { return s.Up && s.Description == "local image is primary" }

// Replay are the numbers of a report; zero where it has none.
type Replay struct {
	// RemoteSnapshot is the time of the latest snapshot of the primary, and
	// LocalSnapshot of the latest that is here as a whole, in Unix seconds.
	RemoteSnapshot int64 `json:"remote_snapshot_timestamp"`
	LocalSnapshot  int64 `json:"local_snapshot_timestamp"`
	// SyncingPercent is how much of the next one is here.
	SyncingPercent int64 `json:"syncing_percent"`
	// Entries is for journals: how many are not here yet.
	Entries int64 `json:"entries_behind_primary"`
}

// MirrorState is a snapshot that mirroring has taken.
type MirrorState struct {
	ID uint64
	// Primary tells whether it was taken here; else it came from the primary.
	Primary bool
	// Demoted tells whether the primary gave up being that with it.
	Demoted bool
	// Complete tells whether all of it is here.
	Complete  bool
	CreatedAt time.Time
}

// Synced is when the latest state was taken that a secondary has as a whole; zero
// where there is none.
func (m Mirroring) Synced() time.Time {
	for _, s := range slices.Backward(m.Snapshots) {
		if !s.Primary && s.Complete {
			return s.CreatedAt
		}
	}
	return time.Time{}
}

// Demoted tells whether a secondary has the demotion of its primary, so that it can
// be promoted.
func (m Mirroring) Demoted() bool {
	n := len(m.Snapshots)
	return !m.Primary && n > 0 && m.Snapshots[n-1].Demoted && m.Snapshots[n-1].Complete
}

// Mirroring reads an image and its mirroring: `rbd mirror image status`.
//
// Errors: as Image.
func (c *Cluster) Mirroring(ctx context.Context, spec Spec) (i Image, m Mirroring, err error) {
	spec = spec.ImageSpec()
	err = c.run(ctx, 0, spec.Pool, func(cn *connection) error {
		return cn.withPool(spec.Pool, spec.Namespace, func(ioctx *rados.IOContext) error {
			return withOpen(ioctx, place{spec: spec}, readOnly, func(img *librbd.Image) (err error) {
				if i, err = cn.readImage(img, spec); err != nil {
					return err
				}
				if m, err = readMirroring(ioctx, img, i); err != nil {
					return fmt.Errorf("read the mirroring of %s: %w", spec, err)
				}
				return nil
			})
		})
	})
	return i, m, err
}

func readMirroring(ioctx *rados.IOContext, img *librbd.Image, i Image) (Mirroring, error) {
	info, err := img.GetMirrorImageInfo()
	if err != nil {
		return Mirroring{}, err
	}
	m := Mirroring{State: info.State.String()}
	if info.State == librbd.MirrorImageDisabled {
		return m, nil
	}
	m.GlobalID, m.Primary = info.GlobalID, info.Primary
	mode, err := img.GetImageMirrorMode()
	if err != nil {
		return m, err
	}
	m.Mode = mode.String()
	status, err := img.GetGlobalMirrorStatus()
	if err != nil && errno(err) != syscall.ENOENT { // nobody has reported
		return m, err
	}
	if err := m.setSites(ioctx, status); err != nil {
		return m, err
	}
	if m.Snapshots, err = mirrorSnapshots(ioctx, i); err != nil {
		return m, err
	}
	return m, m.setUsers(img, i.Spec)
}

// setSites puts the reports beside the peers of the pool, as a peer may not have
// reported.
func (m *Mirroring) setSites(ioctx *rados.IOContext, status librbd.GlobalMirrorImageStatus) error {
	sites, err := librbd.ListMirrorPeerSite(ioctx)
	if err != nil {
		return err
	}
	reports := map[string]MirrorSite{}
	for _, s := range status.SiteStatuses {
		description, replay := parseDescription(s.Description)
		site := MirrorSite{UUID: s.MirrorUUID, Up: s.Up, State: s.State.String(), Description: description, Replay: replay}
		if site.Reported = s.LastUpdate > 0; site.Reported {
			site.UpdatedAt = time.Unix(s.LastUpdate, 0).UTC()
		}
		reports[s.MirrorUUID] = site
	}
	m.Local = reports[""]
	for _, peer := range sites {
		site := MirrorSite{}
		if peer.MirrorUUID != "" {
			site = reports[peer.MirrorUUID]
		}
		site.Name, site.UUID = peer.SiteName, peer.MirrorUUID
		m.Peers = append(m.Peers, site)
	}
	return nil
}

// parseDescription takes "replaying, {…}" apart.
func parseDescription(text string) (description string, r Replay) {
	description, numbers, ok := strings.Cut(text, ", {")
	if ok && json.Unmarshal([]byte("{"+numbers), &r) != nil {
		r = Replay{}
	}
	return description, r
}

func mirrorSnapshots(ioctx *rados.IOContext, i Image) (out []MirrorState, err error) {
	if !slices.ContainsFunc(i.Snapshots, func(s Snapshot) bool { return s.Kind == MirrorSnapshot }) {
		return nil, nil
	}
	bare, err := librbd.OpenBareByIDReadOnly(ioctx, i.ID)
	if err != nil {
		return nil, translate("open", i.Spec, ErrImageNotFound, err)
	}
	defer bare.Close()
	for _, s := range i.Snapshots {
		if s.Kind != MirrorSnapshot {
			continue
		}
		kind, err := bare.MirrorSnapshot(s.ID)
		if e := errno(err); e == syscall.ENOENT || e == syscall.EINVAL { // removed meanwhile
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the mirror snapshot %q: %w", s.Name, err)
		}
		out = append(out, MirrorState{ID: s.ID, Primary: kind.Primary, Demoted: kind.Demoted, Complete: kind.Complete, CreatedAt: s.CreatedAt})
	}
	return out, nil
}

// setUsers leaves out as many watches as there are peers whose rbd-mirror runs: each
// keeps one on the primary. A client that writes has the exclusive lock, too, which an
// rbd-mirror takes of a secondary only.
func (m *Mirroring) setUsers(img *librbd.Image, spec Spec) error {
	if !m.Primary {
		return nil
	}
	var used *InUseError
	if err := checkUnused(img, spec); err == nil || !errors.As(err, &used) {
		return err
	}
	mirrors := 0
	for _, p := range m.Peers {
		if p.Up {
			mirrors++
		}
	}
	_, lockers, err := img.ListLockers()
	if err != nil {
		return fmt.Errorf("list the locks of %s: %w", spec, err)
	}
	if len(lockers) > 0 || len(used.Watchers) > mirrors {
		m.Users = used
	}
	return nil
}
