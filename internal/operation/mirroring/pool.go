// SPDX-License-Identifier: MPL-2.0

package mirroring

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// ErrSecondaries says that images of a pool are copied from a peer.
var ErrSecondaries = errors.New("images of the pool are copied from its peer")

// PoolRequest says how a pool, or a namespace of it, is to be mirrored.
type PoolRequest struct {
	At rbd.Spec
	// SiteName is left as it is where this is empty.
	SiteName string
	// Peer is imported; nil where none is, or nothing of it has changed.
	Peer *PeerRequest
	// RemovePeer is the id of a peer to remove, or empty.
	RemovePeer string
}

// PeerRequest says what is to be imported.
type PeerRequest struct {
	Token     rbd.BootstrapToken
	Direction string
	// Had is the id of the peer that the state has, where that is of the same cluster.
	Had string
}

// EnablePool enables the mirroring of a pool by image, and adds a peer: what
// `rbd mirror pool enable` and `rbd mirror pool peer bootstrap import` do. It returns the
// id of the peer.
//
// Errors: those of rbd's EnableMirrorPool and ImportMirrorPeer. The pool is as before then.
func EnablePool(ctx context.Context, c *rbd.Cluster, r PoolRequest) (peer string, err error) {
	var back undo.Stack
	defer back.Run(ctx, &err)
	if err := c.EnableMirrorPool(ctx, r.At); err != nil {
		return "", err
	}
	back.Add("disable the mirroring of "+r.At.PoolSpec()+" again", func(ctx context.Context) error {
		err := c.DisableMirrorPool(ctx, r.At)
		if errors.Is(err, rbd.ErrMirrorsImages) { // by somebody who has come meanwhile
			return nil
		}
		return err
	})
	if peer, err = change(ctx, c, r); err == nil {
		back.Done()
	}
	return peer, err
}

// UpdatePool brings a pool that is mirrored to what is wanted.
//
// Errors: as EnablePool; ErrSecondaries.
func UpdatePool(ctx context.Context, c *rbd.Cluster, r PoolRequest) (peer string, err error) {
	if err := c.MirrorByImage(ctx, r.At); err != nil {
		return "", err
	}
	if r.RemovePeer != "" {
		if err := CheckRemovePeer(ctx, c, r.At); err != nil {
			return "", err
		}
		if err := c.RemoveMirrorPeer(ctx, r.At.Pool, r.RemovePeer); err != nil {
			return "", err
		}
	}
	return change(ctx, c, r)
}

func change(ctx context.Context, c *rbd.Cluster, r PoolRequest) (peer string, err error) {
	if r.SiteName != "" {
		err = c.SetMirrorSiteName(ctx, r.At, r.SiteName)
	}
	if err == nil && r.Peer != nil {
		peer, err = c.ImportMirrorPeer(ctx, r.At.Pool, r.Peer.Token, r.Peer.Direction, r.Peer.Had)
	}
	return peer, err
}

// CheckRemovePeer makes sure that nothing is copied from the peer: a secondary would stay
// behind its primary, and nobody would be told.
//
// Errors: ErrSecondaries.
func CheckRemovePeer(ctx context.Context, c *rbd.Cluster, at rbd.Spec) error {
	err := c.CheckMirrorsNone(ctx, at)
	var mirrored *rbd.MirrorsImagesError
	if !errors.As(err, &mirrored) {
		return err
	}
	if len(mirrored.Secondaries) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrSecondaries, &rbd.MirrorsImagesError{Pool: mirrored.Pool, Secondaries: mirrored.Secondaries})
}

// DisablePool removes the peers of a pool, and disables its mirroring. It waits a while
// for secondaries: their rbd-mirror removes them when the mirroring of the primaries has
// ended.
//
// Errors: rbd.MirrorsImagesError.
func DisablePool(ctx context.Context, c *rbd.Cluster, at rbd.Spec) error {
	return again(ctx, reportPatience, func() (bool, error) {
		err := c.DisableMirrorPool(ctx, at)
		var mirrored *rbd.MirrorsImagesError
		return errors.As(err, &mirrored) && len(mirrored.Primaries) == 0, err
	})
}
