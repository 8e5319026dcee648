// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// stream writes into an image that grows.
func stream(t *testing.T, object int64) (*memory, *Stream) {
	t.Helper()
	m := &memory{t: t}
	s := &Stream{To: m, ObjectBytes: object}
	s.Resize = func(size int64) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		size = min(size, 64<<20) // memory is dear
		m.b = append(m.b, make([]byte, max(size-int64(len(m.b)), 0))...)
		return nil
	}
	return m, s
}

func TestStream(t *testing.T) {
	sparse := make([]byte, 40<<20+3)
	copy(sparse[5<<20-1:], pattern(3))
	copy(sparse[40<<20:], pattern(3))
	for _, object := range []int64{4096, 1 << 20, PieceBytes, 32 << 20} {
		for what, data := range map[string][]byte{"empty": nil, "a byte": {1}, "full": pattern(9<<20 + 77), "sparse": sparse, "zeros": make([]byte, 9<<20)} {
			m, s := stream(t, object)
			seen := int64(0)
			s.Progress = func(done int64) { seen = done }
			n, err := s.Write(t.Context(), iotest.HalfReader(bytes.NewReader(data)))
			if err != nil || n != int64(len(data)) || seen != n || !bytes.Equal(m.b[:n], data) {
				t.Errorf("%s by %d: %d bytes, %d seen: %v", what, object, n, seen, err)
			}
			if zero := what == "sparse" && m.written > 3*runBytes || what == "zeros" && m.written > 0; zero {
				t.Errorf("%s by %d: %d bytes written", what, object, m.written)
			}
		}
	}
}

// What goes wrong ends it, and is what is told.
func TestStreamEnds(t *testing.T) {
	_, s := stream(t, 1<<20)
	if _, err := s.Write(t.Context(), io.MultiReader(bytes.NewReader(pattern(9<<20)), iotest.ErrReader(io.ErrUnexpectedEOF))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a stream that breaks off: %v", err)
	}
	m, s := stream(t, 1<<20)
	m.failWrite = brokenAt(5 << 20)
	if n, err := s.Write(t.Context(), endless{}); !errors.Is(err, errBroken) || n > (5+workers+1)<<20 {
		t.Errorf("%v after %d bytes", err, n)
	}
	_, s = stream(t, 1<<20)
	s.Resize = func(int64) error { return errBroken }
	if n, err := s.Write(t.Context(), endless{}); !errors.Is(err, errBroken) || n != 0 {
		t.Errorf("no room: %v after %d bytes", err, n)
	}
	_, s = stream(t, 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(done int64) {
		if done == 3<<20 {
			cancel()
		}
	}
	if n, err := s.Write(ctx, endless{}); err == nil || err.Error() != "write pool/memory: context canceled" || n != 3<<20 {
		t.Errorf("%v after %d bytes", err, n)
	}
}

// endless is a stream without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, mebibyte), nil }

var mebibyte = pattern(1 << 20)

// Writers that wait hold the stream up: memory is for what is under way only.
func TestStreamIsBounded(t *testing.T) {
	m, s := stream(t, 1<<20)
	hang := make(chan struct{})
	m.failWrite = func(int64) error { <-hang; return nil }
	var read atomic.Int64
	s.Progress = func(done int64) { read.Store(done) }
	ended := make(chan error)
	go func() {
		_, err := s.Write(t.Context(), io.LimitReader(endless{}, 60<<20))
		ended <- err
	}()
	for read.Load() < workers<<20 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	if n := read.Load(); n > (workers+1)<<20 {
		t.Errorf("%d bytes were read ahead of the writers", n)
	}
	close(hang)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestCopy(t *testing.T) {
	from := scribbled(t, 30<<20+5, 0, 7<<20, 30<<20)
	to := &memory{t: t, b: make([]byte, len(from.b))}
	var extents []Extent
	for e, err := range Allocated(t.Context(), from, int64(len(from.b))) {
		if err != nil {
			t.Fatal(err)
		}
		extents = append(extents, e)
	}
	last, all := int64(0), Total(extents)
	err := Copy(t.Context(), to, from, extents, func(done, total int64) {
		if done <= last || total != all {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil || last != all || !bytes.Equal(from.b, to.b) || to.written > all/2 {
		t.Errorf("%d of %d copied, %d written: %v", last, all, to.written, err)
	}
	from.failRead = brokenAt(7 << 20)
	if err := Copy(t.Context(), to, from, extents, nil); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	from.failRead, to.failWrite = nil, brokenAt(7<<20)
	if err := Copy(t.Context(), to, from, extents, nil); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Copy(ctx, to, from, extents, nil); err == nil || err.Error() != "write pool/memory: context canceled" {
		t.Error(err)
	}
}
