package conversion

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"
)

// progressInterval is the time between two lines of progress in the log.
const progressInterval = 10 * time.Second

// progress logs at fixed intervals how far a conversion has come.
type progress struct {
	ctx         context.Context
	image       string
	begin       time.Time
	done, total atomic.Uint64 // in bytes; a total of 0 is not known
	end         chan struct{}
}

func newProgress(ctx context.Context, image string) *progress {
	p := &progress{ctx: ctx, image: image, begin: time.Now(), end: make(chan struct{})}
	go func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.log("converting")
			case <-p.end:
				return
			}
		}
	}()
	return p
}

func (p *progress) set(done, total uint64) {
	p.done.Store(done)
	p.total.Store(total)
}

func (p *progress) log(msg string) {
	done, total := p.done.Load(), p.total.Load()
	fields := map[string]any{
		"image": p.image, "mib_per_s": int64(float64(done) / (1 << 20) / time.Since(p.begin).Seconds()),
	}
	if total > 0 {
		fields["percent"] = float64(done*1000/total) / 10
	}
	tflog.Info(p.ctx, msg, fields)
}

func (p *progress) stop() {
	close(p.end)
	p.log("converted")
}
