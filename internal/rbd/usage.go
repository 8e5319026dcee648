package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	librbd "github.com/ceph/go-ceph/rbd"
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

// CheckUnused returns an InUseError where an image has a watcher (`rbd
// status`) or an advisory lock (`rbd lock ls`). The exclusive lock that librbd
// takes by itself does not count: its holder has a watch as long as it lives.
func (c *Cluster) CheckUnused(ctx context.Context, spec Spec, id string) error {
	return c.withImage(ctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return checkUnused(img, spec)
	})
}

// WaitUnused is CheckUnused with patience for the watch of a client that was
// killed, which the OSD forgets only after a while. It is for images that
// carry a mark of an unfinished change of ours.
func (c *Cluster) WaitUnused(ctx context.Context, spec Spec, id string) error {
	limit, cancel := context.WithTimeout(ctx, staleWatchLimit)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		err := c.CheckUnused(ctx, spec, id)
		var used *InUseError
		if !errors.As(err, &used) || len(used.Lockers) > 0 {
			return err
		}
		select {
		case <-limit.Done():
			return err
		case <-tick.C:
		}
	}
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
	if len(e.Watchers)+len(e.Lockers) > 0 {
		return e
	}
	return nil
}
