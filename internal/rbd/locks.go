package rbd

import (
	"context"
	"sync"
)

// nameLocks let one change at a time through per image. Terraform runs ten
// operations at once, and two of ours on one image would see each other's
// watchers as somebody else's.
type nameLocks struct {
	mu    sync.Mutex
	queue map[string]chan struct{}
}

var allLocks = struct {
	sync.Mutex
	byKey map[string]*nameLocks
}{byKey: map[string]*nameLocks{}}

func locksOf(key string) *nameLocks {
	allLocks.Lock()
	defer allLocks.Unlock()
	l := allLocks.byKey[key]
	if l == nil {
		l = &nameLocks{queue: map[string]chan struct{}{}}
		allLocks.byKey[key] = l
	}
	return l
}

// LockImage waits until no other change of the image is under way in this
// process, or ctx ends. The function returned unlocks.
func (c *Cluster) LockImage(ctx context.Context, spec Spec) (func(), error) {
	name := spec.ImageSpec().String()
	c.locks.mu.Lock()
	ch := c.locks.queue[name]
	if ch == nil {
		ch = make(chan struct{}, 1)
		c.locks.queue[name] = ch
	}
	c.locks.mu.Unlock()
	select {
	case ch <- struct{}{}:
		return func() { <-ch }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
