// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
)

// errFlood says that a child wrote more than any answer needs.
var errFlood = errors.New("more output than expected")

// stream collects what a child writes until a marker comes. It is bounded: a
// stream that keeps its tail forgets what is oldest, another one fails.
type stream struct {
	limit    int
	keepTail bool

	mu      sync.Mutex
	buf     []byte
	flooded bool
	more    chan struct{} // gets a value when buf has changed
}

func newStream(limit int, keepTail bool) *stream {
	return &stream{limit: limit, keepTail: keepTail, more: make(chan struct{}, 1)}
}

// Write never fails and never blocks: a child must not hang on its output.
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	s.buf = append(s.buf, b...)
	if over := len(s.buf) - s.limit; over > 0 {
		s.buf = append(s.buf[:0], s.buf[over:]...)
		s.flooded = s.flooded || !s.keepTail
	}
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

// until waits for marker, and returns and forgets everything before it. It
// returns ErrEnded when done is closed before the marker came, and the
// context's error when that ends.
func (s *stream) until(ctx context.Context, done <-chan struct{}, marker []byte) ([]byte, error) {
	ended := false
	for {
		s.mu.Lock()
		if s.flooded {
			s.mu.Unlock()
			return nil, fmt.Errorf("%w: more than %d bytes", errFlood, s.limit)
		}
		if i := bytes.Index(s.buf, marker); i >= 0 {
			out := bytes.Clone(s.buf[:i])
			s.buf = append(s.buf[:0], s.buf[i+len(marker):]...)
			s.mu.Unlock()
			return out, nil
		}
		s.mu.Unlock()
		if ended {
			return nil, ErrEnded
		}
		select {
		case <-s.more:
		case <-done:
			ended = true // its last words are there by now: look once more
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// String is what was not yet taken.
func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.buf)
}
