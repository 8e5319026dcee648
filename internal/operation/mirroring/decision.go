// SPDX-License-Identifier: MPL-2.0

package mirroring

import (
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var (
	// ErrPrimaryUp says that a promotion by force would make a second primary.
	ErrPrimaryUp = errors.New("the image is primary at a site that is up")
	// ErrNeverSynced says that there is nothing to promote.
	ErrNeverSynced = errors.New("no state of the primary has arrived here as a whole")
	// ErrUnhealthy says that a mirror needs somebody's decision first.
	ErrUnhealthy = errors.New("the mirror of the image is not healthy")
	// ErrNoPeer says that a demotion would have no effect elsewhere.
	ErrNoPeer = errors.New("the rbd-mirror of no peer is up, so what was written last would arrive nowhere")
	// ErrNoPrimary says that a secondary has nothing to be copied anew from.
	ErrNoPrimary = errors.New("no site is known to have the primary, to copy it from")

	errUnreported = errors.New("no peer has reported about the image yet")
)

// CheckPromote tells what is against making a secondary the primary. Without force
// its primary must have been demoted; that may still be on its way, and is no error
// here.
//
// Errors: ErrPrimaryUp, ErrNeverSynced, ErrUnhealthy.
func CheckPromote(m rbd.Mirroring, force bool) error {
	switch {
	case m.Primary || m.Demoted():
		return nil
	case !force && m.Local.Up && m.Local.State == "error":
		return fmt.Errorf("%w: %s", ErrUnhealthy, m.Local.Description)
	case !force:
		return nil
	case m.Synced().IsZero():
		return ErrNeverSynced
	}
	for _, peer := range m.Peers {
		if peer.Primary() {
			return fmt.Errorf("%w: %q", ErrPrimaryUp, peer.Name)
		}
	}
	return nil
}

// CheckDemote tells what is against making the primary a secondary. With force no
// peer need be there to get what was written last.
//
// Errors: rbd.InUseError, ErrNoPeer, ErrUnhealthy.
func CheckDemote(m rbd.Mirroring, force bool) error {
	if m.Users != nil {
		return m.Users
	}
	if !m.Primary || force || TwoPrimaries(m) {
		return nil
	}
	var unhealthy error
	unreported := false
	for _, peer := range m.Peers {
		switch {
		case peer.Up && peer.State != "error":
			return nil
		case peer.Up:
			unhealthy = fmt.Errorf("%w at %q: %s", ErrUnhealthy, peer.Name, peer.Description)
		case !peer.Reported:
			unreported = true
		}
	}
	switch {
	case unhealthy != nil:
		return unhealthy
	case unreported:
		return fmt.Errorf("%w: %w", ErrNoPeer, errUnreported)
	}
	return ErrNoPeer
}

// Unreported tells whether a peer may be about to report.
func Unreported(err error) bool { return errors.Is(err, errUnreported) }

// TwoPrimaries tells whether a peer was promoted by force meanwhile.
func TwoPrimaries(m rbd.Mirroring) bool {
	for _, peer := range m.Peers {
		if m.Primary && peer.Primary() {
			return true
		}
	}
	return false
}

// CheckResync tells what is against copying the primary anew.
//
// Errors: rbd.ErrPrimary, ErrNoPrimary.
func CheckResync(m rbd.Mirroring) error {
	if m.Primary {
		return rbd.ErrPrimary
	}
	for _, peer := range m.Peers {
		if peer.Primary() {
			return nil
		}
	}
	// Where the peers do not report here, the rbd-mirror of this cluster has seen it.
	if m.Local.Up && (m.Local.State == "replaying" || m.Local.Description == "split-brain") {
		return nil
	}
	return ErrNoPrimary
}
