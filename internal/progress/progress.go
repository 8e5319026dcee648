// SPDX-License-Identifier: MPL-2.0

// Package progress says how far a long step has come: a line in the log every ten
// seconds, and to whoever listens, as the command line does to an action.
package progress

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Logger writes a line of the log; nil writes none.
type Logger func(ctx context.Context, message string, fields ...map[string]any)

// Listener is told a line, without what is being done to what.
type Listener func(line string)

type listenerKey struct{}

// To gives a context in which a listener is told what is logged.
func To(ctx context.Context, listener Listener) context.Context {
	return context.WithValue(ctx, listenerKey{}, listener)
}

// interval is the time between two lines in the log.
const interval = 10 * time.Second

// Log tells at fixed intervals how far a step over an image has come.
type Log struct {
	ctx         context.Context
	logger      Logger
	what        string
	image       string
	begin       time.Time
	done, total atomic.Uint64 // in bytes; a total of 0 is not known
	shares      atomic.Bool   // they are no bytes
	end         chan struct{}
}

// wholeShare is what SetShare makes of all.
const wholeShare = 1 << 20

// Start begins to log; what is what is done to the image or snapshot, such as
// "conversion". Stop must be called.
func Start(ctx context.Context, logger Logger, what, image string) *Log {
	l := &Log{ctx: ctx, logger: logger, what: what, image: image, begin: time.Now(), end: make(chan struct{})}
	go func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.log("under way")
			case <-l.end:
				return
			}
		}
	}()
	return l
}

// Set says how many bytes of how many are done; a total of 0 is not known.
func (l *Log) Set(done, total uint64) {
	l.done.Store(done)
	l.total.Store(total)
}

// SetShare is Set for what only tells how much of all is done: from 0 to 1.
func (l *Log) SetShare(share float64) {
	l.shares.Store(true)
	l.Set(uint64(min(max(share, 0), 1)*wholeShare), wholeShare)
}

func (l *Log) log(state string) {
	s := status{done: l.done.Load(), total: l.total.Load(), shares: l.shares.Load(), took: time.Since(l.begin)}
	if l.logger != nil {
		fields := s.fields()
		fields["image"] = l.image
		l.logger(l.ctx, l.what+" "+state, fields)
	}
	if listener, ok := l.ctx.Value(listenerKey{}).(Listener); ok {
		listener(fmt.Sprintf("%s %s: %s", l.what, state, s))
	}
}

// Stop ends it. It is meant for defer.
func (l *Log) Stop() {
	close(l.end)
	l.log("ended")
}

// status is how far it is.
type status struct {
	done, total uint64 // in bytes
	shares      bool   // they are no bytes
	took        time.Duration
}

// perSecond is the mean so far, in bytes.
func (s status) perSecond() float64 {
	return float64(s.done) / max(s.took, time.Millisecond).Seconds()
}

// percent is 0 where the total is not known.
func (s status) percent() float64 {
	if s.total == 0 {
		return 0
	}
	return float64(min(s.done, s.total)*1000/s.total) / 10
}

// left is how long the rest takes at this pace; 0 where that is not known, or
// nothing is left.
func (s status) left() time.Duration {
	if s.done == 0 || s.total <= s.done {
		return 0
	}
	return (time.Duration(float64(s.total-s.done)/s.perSecond()*float64(time.Second)) + time.Second/2).Truncate(time.Second)
}

// fields are those of the log.
func (s status) fields() map[string]any {
	out := map[string]any{}
	if !s.shares {
		out["mib_per_s"] = int64(s.perSecond() / (1 << 20))
	}
	if s.total > 0 {
		out["percent"] = s.percent()
	}
	if left := s.left(); left > 0 {
		out["left"] = left.String()
	}
	return out
}

// String is for a terminal: 42.0 % of 10240 MiB, 120 MiB/s, 50s left.
func (s status) String() string {
	var parts []string
	switch {
	case s.shares:
		parts = append(parts, fmt.Sprintf("%.1f %%", s.percent()))
	case s.total > 0:
		parts = append(parts, fmt.Sprintf("%.1f %% of %d MiB", s.percent(), s.total>>20))
	default:
		parts = append(parts, fmt.Sprintf("%d MiB", s.done>>20))
	}
	if !s.shares {
		parts = append(parts, fmt.Sprintf("%.0f MiB/s", s.perSecond()/(1<<20)))
	}
	if left := s.left(); left > 0 {
		parts = append(parts, left.String()+" left")
	}
	return strings.Join(parts, ", ")
}
