// SPDX-License-Identifier: MPL-2.0

// Package progress logs how far a long step has come.
package progress

import (
	"context"
	"sync/atomic"
	"time"
)

// Logger writes a line of the log; nil writes none.
type Logger func(ctx context.Context, message string, fields ...map[string]any)

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
	end         chan struct{}
}

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

func (l *Log) log(state string) {
	if l.logger == nil {
		return
	}
	done, total := l.done.Load(), l.total.Load()
	fields := map[string]any{
		"image": l.image, "mib_per_s": int64(float64(done) / (1 << 20) / time.Since(l.begin).Seconds()),
	}
	if total > 0 {
		fields["percent"] = float64(done*1000/total) / 10
	}
	l.logger(l.ctx, l.what+" "+state, fields)
}

// Stop ends it. It is meant for defer.
func (l *Log) Stop() {
	close(l.end)
	l.log("ended")
}
