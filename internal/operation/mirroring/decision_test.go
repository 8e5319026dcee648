// SPDX-License-Identifier: MPL-2.0

package mirroring

import (
	"errors"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// What is refused, and what only force may do.
func TestDecisions(t *testing.T) {
	t.Parallel()
	up := func(state, description string) rbd.MirrorSite {
		return rbd.MirrorSite{Name: "dc1", Reported: true, Up: true, State: state, Description: description}
	}
	down := rbd.MirrorSite{Name: "dc1", Reported: true, State: "stopped", Description: "local image is primary"}
	primaryUp, replaying, split := up("stopped", "local image is primary"), up("replaying", "replaying"), up("error", "split-brain")
	copied := []rbd.MirrorState{{Complete: true, CreatedAt: time.Unix(7, 0)}}
	demoted := []rbd.MirrorState{{Complete: true, Demoted: true}}
	half := []rbd.MirrorState{{Demoted: true}}
	used := &rbd.InUseError{}
	secondary := func(local rbd.MirrorSite, snaps []rbd.MirrorState, peers ...rbd.MirrorSite) rbd.Mirroring {
		return rbd.Mirroring{GlobalID: "g", Local: local, Snapshots: snaps, Peers: peers}
	}
	primary := func(peers ...rbd.MirrorSite) rbd.Mirroring {
		return rbd.Mirroring{GlobalID: "g", Primary: true, Peers: peers}
	}
	inUse := primary(replaying)
	inUse.Users = used
	for what, test := range map[string]struct{ got, want error }{
		"promote, demoted":                    {CheckPromote(secondary(replaying, demoted, primaryUp), false), nil},
		"promote, demotion on its way":        {CheckPromote(secondary(replaying, half, primaryUp), false), nil},
		"promote, split-brain":                {CheckPromote(secondary(split, copied, primaryUp), false), ErrUnhealthy},
		"promote by force, peer down":         {CheckPromote(secondary(replaying, copied, down), true), nil},
		"promote by force, split-brain":       {CheckPromote(secondary(split, copied, down), true), nil},
		"promote by force, one way":           {CheckPromote(secondary(replaying, copied), true), nil},
		"promote by force, peer up":           {CheckPromote(secondary(replaying, copied, primaryUp), true), ErrPrimaryUp},
		"promote by force, nothing here":      {CheckPromote(secondary(replaying, half, down), true), ErrNeverSynced},
		"promote by force, demoted":           {CheckPromote(secondary(replaying, demoted, primaryUp), true), nil},
		"demote":                              {CheckDemote(primary(replaying), false), nil},
		"demote, one peer of two":             {CheckDemote(primary(down, replaying), false), nil},
		"demote, in use":                      {CheckDemote(inUse, true), rbd.ErrInUse},
		"demote, no peer":                     {CheckDemote(primary(), false), ErrNoPeer},
		"demote, peer down":                   {CheckDemote(primary(down), false), ErrNoPeer},
		"demote, peer unhealthy":              {CheckDemote(primary(split), false), ErrUnhealthy},
		"demote, not reported":                {CheckDemote(primary(rbd.MirrorSite{}), false), errUnreported},
		"demote by force, peer down":          {CheckDemote(primary(down), true), nil},
		"demote one of two primaries":         {CheckDemote(primary(primaryUp), false), nil},
		"resync":                              {CheckResync(secondary(split, copied, primaryUp)), nil},
		"resync, one way":                     {CheckResync(secondary(split, copied)), nil},
		"resync the primary":                  {CheckResync(primary(replaying)), rbd.ErrPrimary},
		"resync, no primary":                  {CheckResync(secondary(up("unknown", "remote image is not primary"), copied, down)), ErrNoPrimary},
		"resync, its rbd-mirror does not run": {CheckResync(secondary(rbd.MirrorSite{State: "replaying"}, copied, down)), ErrNoPrimary},
	} {
		if !errors.Is(test.got, test.want) || test.want == nil && test.got != nil {
			t.Errorf("%s: %v, want %v", what, test.got, test.want)
		}
	}
}
