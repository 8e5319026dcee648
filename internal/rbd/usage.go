// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// staleWatchLimit is a little more than an OSD keeps the watch of a client
// that died (osd_client_watch_timeout, 30 s by default).
const staleWatchLimit = 45 * time.Second

// Watcher is a client that has an image open for writing.
type Watcher struct {
	Addr   string
	Client int64
}

func (w Watcher) String() string {
	return fmt.Sprintf("%s (client.%d)", w.Addr, w.Client)
}

// Locker is the holder of an advisory lock (`rbd lock add`).
type Locker struct {
	Cookie string
	Addr   string
	Client string
}

func (l Locker) String() string {
	return fmt.Sprintf("%q of %s at %s", l.Cookie, l.Client, l.Addr)
}

// briefUse is how long an image is at most open for writing by an operation of
// ours that has it not reserved: to set a metadata label, to take a snapshot.
const briefUse = time.Second

// usePoll is how often it is looked whether an image is still in use.
const usePoll = 200 * time.Millisecond

// CheckUnused returns an InUseError where an image has a watcher (`rbd
// status`) or an advisory lock (`rbd lock ls`). The exclusive lock that librbd
// takes by itself does not count: its holder has a watch as long as it lives.
// An operation of this provider, of whatever process, is waited for until ctx
// ends (ErrBusy).
func (c *Cluster) CheckUnused(ctx context.Context, spec Spec, id string) error {
	return c.untilUnused(ctx, spec, id, briefUse, nil)
}

// WaitUnused is CheckUnused with patience for the watch of a client that was
// killed, which the OSD forgets only after a while. It is for images that
// carry a label of an unfinished change of ours.
func (c *Cluster) WaitUnused(ctx context.Context, spec Spec, id string) error {
	return c.untilUnused(ctx, spec, id, staleWatchLimit, nil)
}

// waitForOurs waits until no operation of this provider has an image open that
// others see. Whatever else there is about the image is not its business.
func (c *Cluster) waitForOurs(ctx context.Context, spec Spec, id string) error {
	if err := c.CheckUnused(ctx, spec, id); errors.Is(err, ErrBusy) {
		return err
	}
	return nil
}

// untilUnused waits as long as patience says for watchers to go away, and until
// the end of ctx for operations of this provider but that which has own.
func (c *Cluster) untilUnused(ctx context.Context, spec Spec, id string, patience time.Duration, own *ImageLock) error {
	limit := time.Now().Add(patience)
	var said time.Time
	var holders []Holder
	var last error // of the look before
	ended := func() error {
		if len(holders) > 0 {
			return &BusyError{Spec: spec.ImageSpec(), Holders: holders, cause: context.Cause(ctx)}
		}
		return last
	}
	for {
		imageID := ""
		err := c.withImage(ctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) (err error) {
			if err := checkID(img, spec, id); err != nil {
				return err
			}
			if imageID, err = img.GetId(); err != nil {
				return fmt.Errorf("read the id of %s: %w", spec, err)
			}
			return checkUnused(img, spec)
		})
		if err != nil && ctx.Err() != nil && last != nil {
			return ended() // what was cut off says less
		}
		var used *InUseError
		if !errors.As(err, &used) || len(used.Watchers) == 0 {
			return err
		}
		last = err
		if e := c.withPool(ctx, spec.Pool, spec.Namespace, readOnly, func(ioctx *rados.IOContext) (err error) {
			holders, err = holdersOf(ioctx, imageID)
			holders = own.others(holders)
			return err
		}); e != nil {
			return errors.Join(err, e)
		}
		if len(holders) > 0 {
			// A process that was killed leaves its watch for longer than it has.
			limit = time.Now().Add(max(patience, staleWatchLimit))
			if time.Since(said) > lockNotice {
				c.logf(ctx, "image %s: waiting for %s", spec.ImageSpec(), join(holders))
				said = time.Now()
			}
		} else if time.Now().After(limit) {
			return err
		}
		select {
		case <-ctx.Done():
			return ended()
		case <-time.After(usePoll):
		}
	}
}

// OnlyThisProcess tells whether an image is in use by nothing but what this
// process itself is doing on the same connection.
func (c *Cluster) OnlyThisProcess(ctx context.Context, err error) bool {
	var used *InUseError
	if !errors.As(err, &used) || len(used.Lockers) > 0 || len(used.Watchers) == 0 {
		return false
	}
	only := true
	// What this process has open for writing it has on the connection for changes.
	err = c.runAs(ctx, true, 0, "", func(cn *connection) error {
		for _, w := range used.Watchers {
			only = only && w.Client == int64(cn.conn.GetInstanceID()) //nolint:gosec // as the watchers have it
		}
		return nil
	})
	return err == nil && only
}

func checkUnused(img *librbd.Image, spec Spec) error {
	e := &InUseError{Spec: spec.ImageSpec()}
	watchers, err := img.ListWatchers()
	if err != nil {
		return fmt.Errorf("list the watchers of %s: %w", spec, err)
	}
	for _, w := range watchers {
		e.Watchers = append(e.Watchers, Watcher{Addr: w.Addr, Client: w.Id})
	}
	_, lockers, err := img.ListLockers()
	if err != nil {
		return fmt.Errorf("list the locks of %s: %w", spec, err)
	}
	for _, l := range lockers {
		if strings.HasPrefix(l.Cookie, "auto ") {
			continue // librbd's own exclusive lock
		}
		e.Lockers = append(e.Lockers, Locker{Cookie: l.Cookie, Addr: l.Addr, Client: l.Client})
	}
	if len(e.Watchers)+len(e.Lockers) == 0 {
		return nil
	}
	info, err := img.GetMirrorImageInfo()
	e.Mirrored = err == nil && info.State != librbd.MirrorImageDisabled
	return e
}

// InUseError says who has an image open or locked.
type InUseError struct {
	Spec     Spec
	Watchers []Watcher
	Lockers  []Locker
	// Mirrored tells whether one of the watchers may be an rbd-mirror.
	Mirrored bool
}

func (e *InUseError) Error() string {
	var by []string
	for _, w := range e.Watchers {
		by = append(by, "watcher "+w.String())
	}
	for _, l := range e.Lockers {
		by = append(by, "lock "+l.String())
	}
	text := fmt.Sprintf("image %s is in use: %s", e.Spec, strings.Join(by, ", "))
	if e.Mirrored {
		text += "; it is mirrored, and an rbd-mirror is among them where one mirrors it"
	}
	return text
}

func (e *InUseError) Unwrap() error { return ErrInUse }
