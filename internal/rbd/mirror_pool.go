// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// MirrorPool is what `rbd mirror pool info` and `rbd mirror pool status` say of a pool
// and namespace.
type MirrorPool struct {
	// Mode is "disabled", "image" or "pool".
	Mode string
	// SiteName is the fsid where there is no name, or the user may not read it.
	SiteName string
	Peers    []MirrorPeer
	// Unclaimed is whose mirroring it is where a run of this provider has enabled it,
	// and no state is known to have it.
	Unclaimed *Run
	// Images are how many there are in each state, as "replaying" or "stopped".
	Images map[string]int64
}

// MirrorPeer is another cluster that a pool is mirrored with.
type MirrorPeer struct {
	UUID, Name, MirrorUUID string
	// Direction is MirrorReceives, MirrorSends or MirrorBoth.
	Direction string
}

// The directions of a peer, as seen from here.
const (
	MirrorReceives = "rx-only"
	MirrorSends    = "tx-only"
	MirrorBoth     = "rx-tx"
)

// MirrorPool reads how a pool and namespace are mirrored.
//
// Errors: ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) MirrorPool(ctx context.Context, pool, namespace string) (out MirrorPool, err error) {
	if err := c.CheckPool(ctx, pool, namespace); err != nil {
		return out, err
	}
	name := poolName(Spec{Pool: pool, Namespace: namespace}.PoolSpec())
	err = c.run(ctx, 0, pool, func(cn *connection) error {
		return cn.withPool(pool, namespace, func(ioctx *rados.IOContext) error {
			mode, err := librbd.GetMirrorMode(ioctx)
			if err == nil {
				out.Mode = mode.String()
				out.SiteName, err = librbd.GetMirrorSiteName(cn.conn)
			}
			if err != nil || mode == librbd.MirrorModeDisabled {
				return translate("read the mirroring of", name, ErrPoolNotFound, err)
			}
			return translate("read the mirroring of", name, ErrPoolNotFound, out.read(ioctx))
		})
	})
	return out, err
}

func (m *MirrorPool) read(ioctx *rados.IOContext) (err error) {
	if m.Peers, err = mirrorPeers(ioctx); err != nil {
		return err
	}
	if m.Unclaimed, err = mirrorPoolLabel(ioctx); err != nil {
		return err
	}
	states, err := librbd.MirrorImageStatusSummary(ioctx)
	m.Images = map[string]int64{}
	for state, n := range states {
		m.Images[state.String()] = int64(n) //nolint:gosec // a count
	}
	return err
}

func mirrorPeers(ioctx *rados.IOContext) (out []MirrorPeer, err error) {
	peers, err := librbd.ListMirrorPeerSite(ioctx)
	for _, p := range peers {
		direction := MirrorBoth
		switch p.Direction {
		case librbd.MirrorPeerDirectionRx:
			direction = MirrorReceives
		case librbd.MirrorPeerDirectionTx:
			direction = MirrorSends
		}
		out = append(out, MirrorPeer{UUID: p.UUID, Name: p.SiteName, MirrorUUID: p.MirrorUUID, Direction: direction})
	}
	return out, err
}
