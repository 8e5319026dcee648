// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

const (
	// nameLockTime is after what time a lock ends by itself, where its holder
	// was killed. What is done with it takes a fraction of a second.
	nameLockTime = time.Minute
	nameLockTick = 50 * time.Millisecond
)

// withNameLock runs fn while no other client does anything with the name: a
// thing and the note that says whose it is can't be made in one step. The lock
// is one that only this provider knows of.
func (c *Cluster) withNameLock(ctx context.Context, pool, namespace, name string, fn func(*connection, *rados.IOContext) error) error {
	return c.run(ctx, changeGrace, pool, func(cn *connection) error {
		return cn.withPool(pool, namespace, func(ioctx *rados.IOContext) error {
			return locked(ctx, ioctx, directoryObject, name, func() error { return fn(cn, ioctx) })
		})
	})
}

// locked is `rados lock get` and `rados lock break` around fn.
func locked(ctx context.Context, ioctx *rados.IOContext, object, name string, fn func() error) (err error) {
	// The name of a lock becomes that of an attribute, which must be short.
	sum := sha256.Sum256([]byte(name))
	lock := "terraform-provider-rbd." + hex.EncodeToString(sum[:16])
	cookie := rand.Text()
	for {
		code, err := ioctx.LockExclusive(object, lock, cookie, "terraform-provider-rbd", nameLockTime, nil)
		if err != nil {
			return translate("lock", poolName(object), ErrPoolNotFound, err)
		}
		if code == 0 || code == -int(syscall.EEXIST) {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for another run that is at work on %q: %w", name, ctx.Err())
		case <-time.After(nameLockTick):
		}
	}
	defer func() {
		if _, e := ioctx.Unlock(object, lock, cookie); e != nil && err == nil {
			err = fmt.Errorf("unlock %s: %w", object, e)
		}
	}()
	if err := ctx.Err(); err != nil { // who has given up meanwhile does not take back what begins now
		return fmt.Errorf("not begun: %w", err)
	}
	return fn()
}
