// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// namespaceLabel reads what is noted of a namespace, empty where nothing is.
func namespaceLabel(ioctx *rados.IOContext, pool, name string) (word string, by Run, err error) {
	label, err := librbd.GetPoolMetadata(ioctx, ownership.NamespaceKey(name))
	if errno(err) == syscall.ENOENT || errors.Is(err, librbd.ErrNotFound) {
		return "", Run{}, nil
	}
	if err != nil {
		return "", Run{}, translate("read the metadata of", poolName(pool), ErrPoolNotFound, err)
	}
	word, by = ownership.SplitRun(label)
	return word, by, nil
}

func setNamespaceLabel(ioctx *rados.IOContext, pool, name, label string) error {
	err := librbd.SetPoolMetadata(ioctx, ownership.NamespaceKey(name), label)
	return translate("set the metadata of", poolName(pool), ErrPoolNotFound, err)
}

func dropNamespaceLabel(ioctx *rados.IOContext, pool, name string) error {
	err := librbd.RemovePoolMetadata(ioctx, ownership.NamespaceKey(name))
	if errno(err) == syscall.ENOENT || errors.Is(err, librbd.ErrNotFound) {
		return nil
	}
	return translate("set the metadata of", poolName(pool), ErrPoolNotFound, err)
}

// withNamespaceLock is withNameLock for what is done with a namespace.
func (c *Cluster) withNamespaceLock(ctx context.Context, pool, name string, fn func(*rados.IOContext) error) error {
	return c.withNameLock(ctx, pool, "", "namespace/"+name, func(_ *connection, ioctx *rados.IOContext) error { return fn(ioctx) })
}

// CheckFreeNamespace says whether a namespace can be made: ErrExists where it is
// there, unless an unfinished run of this state made it. Such a one is finished,
// and found is true.
//
// Errors: also ErrOtherState, ErrOtherRun, ErrThisRun, which are ErrExists, too;
// ErrPoolNotFound, ErrPermission.
func (c *Cluster) CheckFreeNamespace(ctx context.Context, pool, name string) (found bool, err error) {
	var word string
	err = c.withPool(ctx, pool, "", readOnly, func(ioctx *rados.IOContext) error {
		word, err = c.checkNamespaceLabel(ioctx, pool, name)
		return err
	})
	switch {
	case errors.Is(err, ErrNamespaceNotFound):
		return false, nil
	case err == nil && word == ownership.Creating:
		// It was cut off before it could say that it has made it.
		if err = c.CheckNamespaceEmpty(ctx, pool, name, nil); errors.Is(err, ErrNamespaceNotEmpty) {
			err = fmt.Errorf("namespace %s/%s: %w", pool, name, ErrExists)
		}
	}
	return err == nil, err
}

// checkNamespaceLabel tells what an unfinished run of this state noted of a
// namespace that exists.
//
// Errors: ErrNamespaceNotFound, ErrExists, those of takes.
func (c *Cluster) checkNamespaceLabel(ioctx *rados.IOContext, pool, name string) (word string, err error) {
	there, err := librbd.NamespaceExists(ioctx, name)
	if err != nil {
		return "", translate("look up namespace "+name+" in pool", poolName(pool), ErrPoolNotFound, err)
	}
	if !there {
		return "", fmt.Errorf("%w: %q in pool %q", ErrNamespaceNotFound, name, pool)
	}
	word, by, err := namespaceLabel(ioctx, pool, name)
	if err != nil {
		return "", err
	}
	err = ErrExists
	if word != "" {
		err = c.takes(by)
	}
	if err != nil {
		return "", fmt.Errorf("namespace %s/%s: %w", pool, name, err)
	}
	return word, nil
}

// CreateNamespace makes a namespace, or finishes what an unfinished run of this
// state has begun. Any other that is there is not taken over. Who may not write
// the pool's metadata can't have a run finished.
//
// Similar to: `rbd namespace create`.
//
// Errors: as CheckFreeNamespace.
func (c *Cluster) CreateNamespace(ctx context.Context, pool, name string) error {
	plain := func(ioctx *rados.IOContext) error { return createNamespace(ioctx, pool, name) }
	if c.cfg.Run == (Run{}) { // nothing to note
		return c.withPool(ctx, pool, "", readWrite, plain)
	}
	err := c.withNamespaceLock(ctx, pool, name, func(ioctx *rados.IOContext) error {
		found, err := c.CheckFreeNamespace(ctx, pool, name)
		if err == nil {
			err = setNamespaceLabel(ioctx, pool, name, c.cfg.Run.Sign(ownership.Creating))
		}
		if err == nil && !found {
			if err = plain(ioctx); err != nil {
				return errors.Join(err, dropNamespaceLabel(ioctx, pool, name))
			}
		}
		if err == nil {
			err = setNamespaceLabel(ioctx, pool, name, c.cfg.Run.Sign(ownership.Pending))
		}
		return err
	})
	if errors.Is(err, ErrPermission) {
		err = c.withPool(ctx, pool, "", readWrite, plain)
	}
	return err
}

func createNamespace(ioctx *rados.IOContext, pool, name string) error {
	return translate("create namespace", poolName(pool+"/"+name), ErrPoolNotFound, librbd.NamespaceCreate(ioctx, name))
}

// SettleNamespace notes that a state has a namespace which this run has made.
func (c *Cluster) SettleNamespace(ctx context.Context, pool, name string) error {
	return c.dropNamespaceLabelOf(ctx, pool, name, func(by Run) bool { return by == c.cfg.Run })
}

// ClaimNamespace notes that a state has a namespace, so that no run takes it for
// its own unfinished work. It does nothing where that was noted before.
//
// Errors: ErrPermission, ErrPoolNotFound.
func (c *Cluster) ClaimNamespace(ctx context.Context, pool, name string) error {
	return c.dropNamespaceLabelOf(ctx, pool, name, func(Run) bool { return true })
}

func (c *Cluster) dropNamespaceLabelOf(ctx context.Context, pool, name string, of func(Run) bool) error {
	marked := func(ioctx *rados.IOContext) (bool, error) {
		word, by, err := namespaceLabel(ioctx, pool, name)
		return word != "" && of(by), err
	}
	var found bool
	err := c.withPool(ctx, pool, "", readOnly, func(ioctx *rados.IOContext) (err error) {
		found, err = marked(ioctx)
		return err
	})
	if err != nil || !found {
		return err
	}
	return c.withNamespaceLock(ctx, pool, name, func(ioctx *rados.IOContext) error {
		found, err := marked(ioctx)
		if err != nil || !found {
			return err
		}
		return dropNamespaceLabel(ioctx, pool, name)
	})
}
