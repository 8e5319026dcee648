// SPDX-License-Identifier: MPL-2.0

package action

import (
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
)

const (
	// waiting is how many lines may wait for the command line to take them.
	waiting = 64
	// endGrace is how long the last of them are waited for.
	endGrace = 5 * time.Second
)

// sender shows lines without that the work waits: the framework's SendProgress
// returns when the command line has taken a line, and never where that is gone.
type sender struct {
	lines chan string
	ended chan struct{}

	mu   sync.Mutex
	over bool
}

func newSender(show func(action.InvokeProgressEvent)) *sender {
	s := &sender{lines: make(chan string, waiting), ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		for line := range s.lines {
			show(action.InvokeProgressEvent{Message: line})
		}
	}()
	return s
}

// send leaves out lines that nobody takes, and those that come after the end.
func (s *sender) send(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	select {
	case s.lines <- line:
	default:
	}
}

// end waits until all is shown.
func (s *sender) end() {
	s.mu.Lock()
	s.over = true
	close(s.lines)
	s.mu.Unlock()
	select {
	case <-s.ended:
	case <-time.After(endGrace):
	}
}
