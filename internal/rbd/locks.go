// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// keyedLocks let one at a time through per key. An entry is there as long as
// somebody holds or waits for it.
type keyedLocks struct {
	mu      sync.Mutex
	entries map[string]*keyedLock
}

type keyedLock struct {
	turn  chan struct{} // has room for one: the holder
	users int           // that hold or wait
}

// lock waits for the key until ctx ends. unlock may be called once.
func (l *keyedLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
	l.mu.Lock()
	e := l.entries[key]
	if e == nil {
		e = &keyedLock{turn: make(chan struct{}, 1)}
		l.entries[key] = e
	}
	e.users++
	l.mu.Unlock()
	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if e.users--; e.users == 0 {
			delete(l.entries, key)
		}
	}
	select {
	case e.turn <- struct{}{}:
		return func() {
			<-e.turn
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// imageLocks let one change at a time through per image, of all clusters that
// this process speaks with. Terraform runs ten operations at once, and two of ours
// on one image would see each other's watchers as somebody else's.
var imageLocks = keyedLocks{entries: map[string]*keyedLock{}}

// LockImage waits until no other change of the image is under way in this
// process, whichever configuration it reaches the cluster with, or ctx ends. The
// function returned unlocks.
//
// Errors: those of the connection; that of ctx.
func (c *Cluster) LockImage(ctx context.Context, spec Spec) (func(), error) {
	fsid, poolID, err := c.Home(ctx, spec.Pool)
	pool := strconv.FormatInt(poolID, 10)
	if errors.Is(err, ErrPoolNotFound) { // what there is nothing of may be asked for, too
		fsid, err = c.FSID(ctx)
		pool = strconv.Quote(spec.Pool)
	}
	if err != nil {
		return nil, err
	}
	return imageLocks.lock(ctx, fmt.Sprintf("%s %s %q %q", fsid, pool, spec.Namespace, spec.Image))
}
