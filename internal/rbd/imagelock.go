// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

const (
	// lockName is that of our own advisory lock, beside librbd's `rbd_lock`, on
	// the header object of an image: `rados lock list rbd_header.ID`.
	lockName = "terraform-provider-rbd"
	lockTag  = "shared"
	// lockDuration is after how long the lock of a process that died counts no
	// more. It is longer than an OSD keeps the watch of such a client (30 s), so
	// that a watch without a lock is a stranger's.
	lockDuration = 40 * time.Second
	lockRenewal  = 10 * time.Second
	lockPoll     = 200 * time.Millisecond
	lockNotice   = 10 * time.Second
)

// flags of a lock operation, as librados.h has them.
const (
	lockMustRenew byte = 1 << 1 // which also makes no header anew that was removed
)

// ImageLock keeps other operations of this provider off an image, in this
// process and in all others on whatever machine. Strangers don't know it.
type ImageLock struct {
	c       *Cluster
	spec    Spec
	id      string
	cookie  string
	ioctx   *rados.IOContext
	cn      *connection
	release func()
	calls   sync.WaitGroup // that are under way
	stop    chan struct{}
	ended   chan struct{}
	lost    atomic.Bool
	renewed atomic.Int64 // when it was asked for last and got, in Unix nanoseconds
	// patient is set where the lock was another's that died: its watch may stay
	// a while.
	patient bool
}

// ReserveImage waits until no other operation of this provider, of any process,
// uses the image or one of its snapshots in a way that others see: it is for who
// changes the image, and who reads the image itself with a tool. what says to
// those who wait what is being done.
//
// The wait ends with ctx: ErrBusy then tells who was waited for. A user who may
// not write gets no lock, and no error.
func (c *Cluster) ReserveImage(ctx context.Context, spec Spec, what string) (*ImageLock, error) {
	return c.lockHeader(ctx, spec.ImageSpec(), what, true)
}

// ShareImage is ReserveImage for who reads a snapshot with a tool, which is seen
// as a use of the image: several may at once.
func (c *Cluster) ShareImage(ctx context.Context, spec Spec, what string) (*ImageLock, error) {
	return c.lockHeader(ctx, spec.ImageSpec(), what, false)
}

func (c *Cluster) lockHeader(ctx context.Context, spec Spec, what string, exclusive bool) (*ImageLock, error) {
	cn, release, err := c.connect(ctx, isPatient(ctx))
	if err != nil {
		return nil, err
	}
	l := &ImageLock{c: c, spec: spec, cookie: newHolder(what).cookie(), cn: cn, release: release, stop: make(chan struct{}), ended: make(chan struct{})}
	err = l.call(ctx, func() (err error) {
		if l.ioctx, err = cn.openPool(spec.Pool, spec.Namespace); err != nil {
			return err
		}
		return withOpen(l.ioctx, place{spec: spec}, readOnly, func(img *librbd.Image) (err error) {
			l.id, err = img.GetId()
			return err
		})
	})
	if err == nil {
		err = l.acquire(ctx, exclusive)
	}
	if err != nil {
		go l.forget()
		return nil, err
	}
	go l.renew(exclusive)
	return l, nil
}

// call does something about the lock, which runs out by itself where nobody knows
// whether it was got: who only reads need not wait for an OSD that is silent.
func (l *ImageLock) call(ctx context.Context, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not begun: %w", err)
	}
	done := make(chan error, 1)
	l.calls.Go(func() { done <- fn() })
	answered, err := await(ctx, done, changeGrace, part{c: l.c, pool: l.spec.Pool})
	if answered {
		err = l.c.explain(l.cn, err)
	} else {
		l.cn.abandon(err)
	}
	return err
}

// forget gives the lock back, which a call that was given up may have got after
// all, and then what the calls use.
func (l *ImageLock) forget() {
	l.calls.Wait()
	if l.ioctx != nil {
		if l.id != "" {
			_, _ = l.ioctx.Unlock(l.oid(), lockName, l.cookie)
		}
		l.ioctx.Destroy()
	}
	l.release()
}

func (l *ImageLock) oid() string { return headerObject(l.id) }

// acquire waits for the lock.
func (l *ImageLock) acquire(ctx context.Context, exclusive bool) error {
	var said time.Time
	var holders []Holder
	busy := func(err error) error {
		if ctx.Err() == nil || len(holders) == 0 {
			return err
		}
		return &BusyError{Spec: l.spec, Holders: holders, cause: context.Cause(ctx)}
	}
	for {
		got, asked := false, time.Now()
		var now []Holder
		err := l.call(ctx, func() (err error) {
			if got, err = l.try(exclusive, 0); err == nil && !got {
				now, err = holdersOf(l.ioctx, l.id)
			}
			return err
		})
		switch {
		case err != nil:
			return busy(err)
		case got:
			l.renewed.Store(asked.UnixNano())
			return nil
		}
		holders = now
		if l.breakDead(ctx, holders) {
			continue
		}
		if time.Since(said) > lockNotice {
			l.c.logf(ctx, "image %s: waiting for %s", l.spec, join(holders))
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return &BusyError{Spec: l.spec, Holders: holders, cause: context.Cause(ctx)}
		case <-time.After(lockPoll):
		}
	}
}

// try tells whether the lock was got, or need not be.
func (l *ImageLock) try(exclusive bool, flags byte) (bool, error) {
	var rc int
	var err error
	if exclusive {
		rc, err = l.ioctx.LockExclusive(l.oid(), lockName, l.cookie, "", lockDuration, &flags)
	} else {
		rc, err = l.ioctx.LockShared(l.oid(), lockName, l.cookie, lockTag, "", lockDuration, &flags)
	}
	switch errno(err) {
	case 0:
		return rc == 0 || syscall.Errno(-rc) == syscall.EEXIST, nil
	case syscall.EPERM, syscall.EACCES, syscall.EROFS:
		// Who may only read gets no lock, and must see to it that nobody is there.
		return true, nil
	case syscall.ENOSPC, syscall.EDQUOT:
		return true, nil // on a full pool what makes room must still work
	}
	return false, translate("lock", l.spec, ErrImageNotFound, err)
}

// breakDead takes the lock from a process of this machine that is gone.
func (l *ImageLock) breakDead(ctx context.Context, holders []Holder) (broke bool) {
	for _, h := range holders {
		if !h.gone() {
			continue
		}
		l.patient = true
		err := l.call(ctx, func() error {
			_, err := l.ioctx.BreakLock(l.oid(), lockName, h.client, h.raw)
			return err
		})
		broke = broke || err == nil
	}
	// What runs out by itself was also a process that died.
	l.patient = l.patient || len(holders) > 0 && !broke
	return broke
}

// renew keeps the lock until Release.
func (l *ImageLock) renew(exclusive bool) {
	defer close(l.ended)
	tick := time.NewTicker(lockRenewal)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		l.keep(exclusive)
	}
}

// keep renews the lock. One that ran out while the cluster was away is taken
// again where nobody has it: whoever had it in between has left what a commit
// looks for.
func (l *ImageLock) keep(exclusive bool) {
	asked := time.Now()
	gone := func(got bool, err error) bool { return !got && (err == nil || errors.Is(err, ErrImageNotFound)) }
	got, err := l.try(exclusive, lockMustRenew)
	if gone(got, err) {
		if _, err = l.ioctx.Stat(l.oid()); err == nil { // a lock would make anew the header of an image that was removed
			got, err = l.try(exclusive, 0)
		}
		err = translate("lock", l.spec, ErrImageNotFound, err)
	}
	switch {
	case err == nil && got:
		l.renewed.Store(asked.UnixNano())
	case gone(got, err):
		l.lost.Store(true)
	}
}

// Held returns an error where the lock may be another's by now, since the
// cluster could not be reached for too long.
func (l *ImageLock) Held() error {
	if l.lost.Load() || time.Since(time.Unix(0, l.renewed.Load())) > lockDuration {
		return fmt.Errorf("image %s: %w: the cluster could not be reached in time", l.spec, ErrLockLost)
	}
	return nil
}

// CheckUnused is Cluster.CheckUnused for who has the image reserved.
func (l *ImageLock) CheckUnused(ctx context.Context) error { return l.checkUnused(ctx, "") }

func (l *ImageLock) checkUnused(ctx context.Context, id string) error {
	patience := briefUse
	if l.patient {
		patience = staleWatchLimit
	}
	return l.c.untilUnused(ctx, l.spec, id, patience, l)
}

// Release gives the image free. It may be called once.
func (l *ImageLock) Release() {
	close(l.stop)
	// Nobody waits for a cluster that does not answer: the lock then runs out.
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-l.ended
		l.forget()
	}()
	select {
	case <-done:
	case <-time.After(lockRenewal):
	}
}

// holdersOf are those that have a lock of ours on the image with this id.
func holdersOf(ioctx *rados.IOContext, id string) (out []Holder, err error) {
	info, err := ioctx.ListLockers(headerObject(id), lockName)
	switch {
	case err == nil:
	case errno(err) == syscall.ERANGE:
		return []Holder{{What: "many operations"}}, nil // more than go-ceph has room for
	case errno(err) == syscall.ENOENT:
		return nil, nil
	default:
		return nil, fmt.Errorf("list who has image %s reserved: %w", id, err)
	}
	for i := range min(info.NumLockers, len(info.Clients), len(info.Cookies)) {
		out = append(out, parseHolder(info.Cookies[i], info.Clients[i]))
	}
	return out, nil
}

// others are the holders but l.
func (l *ImageLock) others(all []Holder) []Holder {
	if l == nil {
		return all
	}
	return slices.DeleteFunc(all, func(h Holder) bool { return h.raw == l.cookie })
}

// ErrLockLost says that a lock of ours ran out.
var ErrLockLost = errors.New("the lock on the image was lost")

// ErrBusy says that another operation of this provider, maybe of another run,
// uses an image, and was waited for in vain.
var ErrBusy = errors.New("in use by another operation of this provider")

// BusyError says who was waited for. It is an ErrBusy and an ErrInUse.
type BusyError struct {
	Spec    Spec
	Holders []Holder
	cause   error
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("image %s: %v, which was waited for: %s: %v", e.Spec, ErrBusy, join(e.Holders), e.cause)
}

func (e *BusyError) Unwrap() []error { return []error{ErrBusy, ErrInUse, e.cause} }
