// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

var (
	// ErrPoolMirroredBefore says that somebody else has enabled the mirroring of a
	// pool.
	ErrPoolMirroredBefore = errors.New("the pool is mirrored already")
	// ErrMirrorsImages says that images of a pool are mirrored.
	ErrMirrorsImages = errors.New("images are mirrored")
	// ErrOtherPeer says that a pool receives from another cluster: an rbd-mirror
	// receives from one alone.
	ErrOtherPeer = errors.New("the pool receives from another peer")
	// ErrPeerRefused says that a peer can't be reached, or refuses its token.
	ErrPeerRefused = errors.New("the peer could not be asked")
	// ErrPeerNotMirrored says that a peer does not mirror the pool.
	ErrPeerNotMirrored = errors.New("the peer has no pool of this name, or does not mirror it")
)

// MirrorsImagesError names the images of a pool that are mirrored.
type MirrorsImagesError struct {
	Pool string // or pool/namespace
	// Primaries and Secondaries are specs; Owned of the primaries are those whose
	// mirroring a resource of this provider holds.
	Primaries, Owned, Secondaries []string
}

func (e *MirrorsImagesError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.Pool, ErrMirrorsImages, Named(slices.Concat(e.Primaries, e.Secondaries), ", ", maxNamed))
}

func (e *MirrorsImagesError) Unwrap() error { return ErrMirrorsImages }

// AllOwned tells whether a resource of this provider holds the mirroring of each
// primary.
func (e *MirrorsImagesError) AllOwned() bool { return len(e.Primaries) == len(e.Owned) }

// mirrorPoolLabel is whose mirroring a pool or namespace has, where no state is known to
// have it.
func mirrorPoolLabel(ioctx *rados.IOContext) (*Run, error) {
	label, err := librbd.GetPoolMetadata(ioctx, ownership.MirrorKey)
	if errno(err) == syscall.ENOENT || errors.Is(err, librbd.ErrNotFound) {
		return nil, nil
	}
	word, by := ownership.SplitRun(label)
	if err != nil || word != ownership.Pending {
		return nil, err
	}
	return &by, nil
}

func dropMirrorPoolLabel(ioctx *rados.IOContext) error {
	err := librbd.RemovePoolMetadata(ioctx, ownership.MirrorKey)
	if errno(err) == syscall.ENOENT || errors.Is(err, librbd.ErrNotFound) {
		return nil
	}
	return err
}

// CheckFreeMirrorPool says whether the mirroring of a pool or namespace can be enabled:
// with left, an unfinished run of this state has done so.
//
// Errors: ErrPoolMirroredBefore, ErrOtherState, ErrThisRun, ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) CheckFreeMirrorPool(ctx context.Context, at Spec) (left bool, err error) {
	is, err := c.MirrorPool(ctx, at.Pool, at.Namespace)
	switch {
	case err != nil || is.Mode == librbd.MirrorModeDisabled.String():
		return false, err
	case is.Unclaimed == nil:
		return false, fmt.Errorf("%s: %w", at.PoolSpec(), ErrPoolMirroredBefore)
	}
	return true, c.takes(*is.Unclaimed)
}

// EnableMirrorPool is `rbd mirror pool enable POOL image`, which enables a namespace by
// itself. What an unfinished run of this state has enabled is taken up.
//
// Errors: as CheckFreeMirrorPool.
func (c *Cluster) EnableMirrorPool(ctx context.Context, at Spec) error {
	if _, err := c.CheckFreeMirrorPool(ctx, at); err != nil {
		return err
	}
	return c.changeMirrorPool(ctx, "enable the mirroring of", at, func(_ *connection, ioctx *rados.IOContext) error {
		mode, err := librbd.GetMirrorMode(ioctx)
		if err != nil {
			return err
		}
		if by, err := mirrorPoolLabel(ioctx); err != nil || mode != librbd.MirrorModeDisabled && by == nil {
			return cmp.Or(err, ErrPoolMirroredBefore)
		}
		if err := librbd.SetPoolMetadata(ioctx, ownership.MirrorKey, c.cfg.Run.Sign(ownership.Pending)); err != nil || mode == librbd.MirrorModeImage {
			return err
		}
		if err := librbd.SetMirrorMode(ioctx, librbd.MirrorModeImage); err != nil {
			return errors.Join(err, dropMirrorPoolLabel(ioctx))
		}
		return nil
	})
}

// MirrorByImage makes the mirror mode of a pool that is mirrored "image".
func (c *Cluster) MirrorByImage(ctx context.Context, at Spec) error {
	return c.changeMirrorPool(ctx, "set the mirror mode of", at, func(_ *connection, ioctx *rados.IOContext) error {
		mode, err := librbd.GetMirrorMode(ioctx)
		switch {
		case err != nil || mode == librbd.MirrorModeImage:
			return err
		case mode == librbd.MirrorModeDisabled:
			return ErrPoolNotMirrored
		}
		return librbd.SetMirrorMode(ioctx, librbd.MirrorModeImage)
	})
}

// ClaimMirrorPool notes that a state has the mirroring. It does nothing where that was
// noted before.
func (c *Cluster) ClaimMirrorPool(ctx context.Context, at Spec) error {
	is, err := c.MirrorPool(ctx, at.Pool, at.Namespace)
	if err != nil || is.Unclaimed == nil {
		return err
	}
	return c.changeMirrorPool(ctx, "set the metadata of", at, func(_ *connection, ioctx *rados.IOContext) error { return dropMirrorPoolLabel(ioctx) })
}

// SetMirrorSiteName is `--site-name NAME` of `rbd mirror pool enable`: the name that
// peers see the cluster by, for all its pools.
func (c *Cluster) SetMirrorSiteName(ctx context.Context, at Spec, name string) error {
	return c.changeMirrorPool(ctx, "set the site name of the cluster for", at, func(cn *connection, _ *rados.IOContext) error {
		if now, err := librbd.GetMirrorSiteName(cn.conn); err != nil || now == name {
			return err
		}
		return librbd.SetMirrorSiteName(cn.conn, name)
	})
}

// CheckMirrorPeer says whether a token can be imported, as far as this cluster knows. had
// is the peer that may be there already, of the same cluster as the token.
//
// Errors: ErrOwnToken, ErrOtherPeer, ErrPermission.
func (c *Cluster) CheckMirrorPeer(ctx context.Context, pool string, token BootstrapToken, had string) error {
	return c.run(ctx, 0, pool, func(cn *connection) error {
		if strings.EqualFold(cn.fsid, token.FSID) {
			return ErrOwnToken
		}
		return cn.withPool(pool, "", func(ioctx *rados.IOContext) error {
			_, err := peerOf(ioctx, token, had)
			return translate("read the peers of", poolName(pool), ErrPoolNotFound, err)
		})
	})
}

// peerOf is the peer that a token has made, empty where it has made none.
func peerOf(ioctx *rados.IOContext, token BootstrapToken, had string) (uuid string, err error) {
	peers, err := mirrorPeers(ioctx)
	if err != nil {
		return "", err
	}
	for _, p := range peers {
		attributes, err := librbd.GetAttributesMirrorPeerSite(ioctx, p.UUID)
		if err != nil && errno(err) != syscall.ENOENT {
			return "", err
		}
		switch {
		case p.UUID == had || attributes["key"] == token.key:
			uuid = p.UUID
		case p.Direction != MirrorSends:
			return "", fmt.Errorf("%w: %q", ErrOtherPeer, p.Name)
		}
	}
	return uuid, nil
}

// ImportMirrorPeer is `rbd mirror pool peer bootstrap import --direction DIRECTION`, and
// returns the id of the peer. Once more with the same token it changes nothing but the
// direction.
//
// Errors: as CheckMirrorPeer; ErrPeerRefused, ErrPeerNotMirrored.
func (c *Cluster) ImportMirrorPeer(ctx context.Context, pool string, token BootstrapToken, direction, had string) (uuid string, err error) {
	if err := c.CheckMirrorPeer(ctx, pool, token, had); err != nil {
		return "", err
	}
	way := librbd.MirrorPeerDirectionRxTx
	if direction == MirrorReceives {
		way = librbd.MirrorPeerDirectionRx
	}
	at := Spec{Pool: pool}
	err = c.changeMirrorPool(ctx, "add a peer to", at, func(_ *connection, ioctx *rados.IOContext) error {
		if err := peerError(librbd.ImportMirrorPeerBootstrapToken(ioctx, way, token.text)); err != nil {
			return err
		}
		made, err := peerOf(ioctx, token, had)
		if err == nil && made == "" {
			err = fmt.Errorf("%w: it is not there after the import", ErrPeerRefused)
		}
		if err == nil { // an import of a peer that is there leaves its direction
			err = librbd.SetMirrorPeerSiteDirection(ioctx, made, way)
		}
		if err == nil {
			uuid = made
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return uuid, nil
}

// peerError tells apart what librbd says of the other cluster: it has looked at this one
// before.
func peerError(err error) error {
	switch errno(err) {
	case 0:
		return err
	case syscall.ENOSYS, syscall.ENOENT:
		return fmt.Errorf("%w (%v)", ErrPeerNotMirrored, err) //nolint:errorlint // the code says nothing of this cluster
	}
	return fmt.Errorf("%w (%v)", ErrPeerRefused, err) //nolint:errorlint // nor does this
}

// RemoveMirrorPeer is `rbd mirror pool peer remove`. One that is gone is no error.
func (c *Cluster) RemoveMirrorPeer(ctx context.Context, pool, uuid string) error {
	return c.changeMirrorPool(ctx, "remove a peer from", Spec{Pool: pool}, func(_ *connection, ioctx *rados.IOContext) error {
		err := librbd.RemoveMirrorPeerSite(ioctx, uuid)
		if errno(err) == syscall.ENOENT {
			return nil
		}
		return err
	})
}

// CheckMirrorsNone makes sure that no image of a pool and its namespaces is mirrored, or
// of the namespace alone.
//
// Errors: MirrorsImagesError, ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission.
func (c *Cluster) CheckMirrorsNone(ctx context.Context, at Spec) error {
	places := []string{at.Namespace}
	if at.Namespace == "" {
		more, err := c.Namespaces(ctx, at.Pool)
		if err != nil {
			return err
		}
		places = append(places, more...)
	}
	found := &MirrorsImagesError{Pool: at.PoolSpec()}
	for _, ns := range places {
		err := c.withPool(ctx, at.Pool, ns, readOnly, func(ioctx *rados.IOContext) error {
			err := found.add(ioctx, Spec{Pool: at.Pool, Namespace: ns})
			return translate("list the mirrored images of", poolName(at.PoolSpec()), ErrNamespaceNotFound, err)
		})
		if err != nil && (ns == at.Namespace || !errors.Is(err, ErrNamespaceNotFound)) {
			return err
		}
	}
	if len(found.Primaries)+len(found.Secondaries) > 0 {
		return found
	}
	return nil
}

func (e *MirrorsImagesError) add(ioctx *rados.IOContext, at Spec) error {
	all, err := librbd.MirrorImageInfoList(ioctx, nil, "", 0)
	if err != nil {
		return err
	}
	for _, item := range all {
		spec, owned, err := mirroredImage(ioctx, at, item.ID)
		switch {
		case err != nil:
			return err
		case !item.Info.Primary:
			e.Secondaries = append(e.Secondaries, spec)
		default:
			e.Primaries = append(e.Primaries, spec)
			if owned {
				e.Owned = append(e.Owned, spec)
			}
		}
	}
	return nil
}

// mirroredImage is the spec of an image, and whether a resource of this provider holds
// its mirroring. One in the trash, as rbd-mirror removes them, has no name.
func mirroredImage(ioctx *rados.IOContext, at Spec, id string) (spec string, owned bool, err error) {
	name, err := nameByID(ioctx, id)
	if errors.Is(err, ErrImageNotFound) {
		return at.PoolSpec() + " (id " + id + ")", false, nil
	}
	if err != nil {
		return "", false, err
	}
	named := at.WithImage(name)
	err = withOpen(ioctx, place{spec: named, id: id}, readOnly, func(img *librbd.Image) error {
		label, err := ownership.Read(img, ownership.MirrorKey)
		_, owned = ownership.Word(label, id)
		return err
	})
	return named.String(), owned, tolerate(err, ErrImageNotFound)
}

// DisableMirrorPool is `rbd mirror pool disable`, after `rbd mirror pool peer remove` of
// all peers. A pool that is not mirrored, or gone, is no error.
//
// Errors: MirrorsImagesError, ErrPermission.
func (c *Cluster) DisableMirrorPool(ctx context.Context, at Spec) error {
	err := c.CheckMirrorsNone(ctx, at)
	if err == nil {
		err = c.changeMirrorPool(ctx, "disable the mirroring of", at, func(_ *connection, ioctx *rados.IOContext) error {
			mode, err := librbd.GetMirrorMode(ioctx)
			if err != nil || mode == librbd.MirrorModeDisabled {
				return errors.Join(err, dropMirrorPoolLabel(ioctx))
			}
			if err := removePeers(ioctx, at); err != nil {
				return err
			}
			err = librbd.SetMirrorMode(ioctx, librbd.MirrorModeDisabled)
			if errno(err) == syscall.EINVAL { // one came meanwhile
				return fmt.Errorf("%w (%w)", ErrMirrorsImages, err)
			}
			return errors.Join(err, dropMirrorPoolLabel(ioctx))
		})
	}
	return tolerate(err, ErrPoolNotFound, ErrNamespaceNotFound)
}

// removePeers is for a pool: a namespace has none of its own.
func removePeers(ioctx *rados.IOContext, at Spec) error {
	if at.Namespace != "" {
		return nil
	}
	peers, err := mirrorPeers(ioctx)
	for _, p := range peers {
		if err := librbd.RemoveMirrorPeerSite(ioctx, p.UUID); err != nil && errno(err) != syscall.ENOENT {
			return err
		}
	}
	return err
}

// changeMirrorPool is for changes, one at a time.
func (c *Cluster) changeMirrorPool(ctx context.Context, op string, at Spec, change func(*connection, *rados.IOContext) error) error {
	notFound := ErrPoolNotFound
	if at.Namespace != "" {
		notFound = ErrNamespaceNotFound
	}
	return c.withNameLock(ctx, at.Pool, at.Namespace, "mirroring", func(cn *connection, ioctx *rados.IOContext) error {
		return translate(op, poolName(at.PoolSpec()), notFound, change(cn, ioctx))
	})
}
