// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

const objectBytes = 1 << 20

// memory is an image in memory, with objects of 1 MiB and snapshots.
type memory struct {
	t *testing.T

	mu        sync.Mutex
	b         []byte
	snapshots map[string][]byte
	slow      bool // has no fast-diff
	overlap   int64
	// failRead and failWrite, where given, are asked before.
	failRead, failWrite func(at int64) error
	reading, most       int // at a time
	written             int64
	drop                bool // what is written
}

func (m *memory) String() string { return "pool/memory" }

func (m *memory) ReadAt(b []byte, at int64) (int, error) {
	m.mu.Lock()
	m.reading++
	m.most = max(m.most, m.reading)
	fail := m.failRead
	m.mu.Unlock()
	time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond) // so that they end in another order
	defer func() {
		m.mu.Lock()
		m.reading--
		m.mu.Unlock()
	}()
	if fail != nil {
		if err := fail(at); err != nil {
			return 0, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at >= int64(len(m.b)) {
		return 0, io.EOF
	}
	return copy(b, m.b[at:]), nil
}

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	if m.failWrite != nil {
		if err := m.failWrite(at); err != nil {
			return 0, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.written += int64(len(b))
	if m.drop {
		return len(b), nil
	}
	if at+int64(len(b)) > int64(len(m.b)) {
		m.t.Errorf("%d bytes written at %d of %d", len(b), at, len(m.b))
		return 0, io.ErrShortWrite
	}
	return copy(m.b[at:], b), nil
}

func (m *memory) WriteZeros(at, n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.b[at : at+n])
	return nil
}

// DiffIterate tells objects that differ, the last first.
func (m *memory) DiffIterate(c librbd.DiffIterateConfig) error {
	if c.Length == 0 {
		m.t.Error("librbd 16 would have aborted the process")
	}
	from := make([]byte, len(m.b))
	copy(from, m.snapshots[c.SnapName])
	end := min(c.Offset+c.Length, uint64(len(m.b)))
	for at := (end - 1) / objectBytes * objectBytes; at+objectBytes > c.Offset; at -= objectBytes {
		last := min(at+objectBytes, end)
		if !bytes.Equal(from[at:last], m.b[at:last]) {
			exists := 0
			if !bytes.Equal(m.b[at:last], make([]byte, last-at)) {
				exists = 1
			}
			if c.Callback(max(at, c.Offset), last-max(at, c.Offset), exists, nil) < 0 {
				return errors.New("ECANCELED")
			}
		}
		if at == 0 {
			break
		}
	}
	return nil
}

func (m *memory) Iterate(ctx context.Context, q Query, found func(Extent)) error {
	return Iterate(ctx, m, q, found)
}

func (m *memory) FastDiff() (bool, error)       { return !m.slow, nil }
func (m *memory) Overlap(string) (int64, error) { return m.overlap, nil }
func (m *memory) Flush() error                  { return nil }
func (m *memory) ObjectBytes() (int64, error)   { return objectBytes, nil }
func (m *memory) Close() error                  { return nil }

func (m *memory) Reopen(snapshot string) (ClosingSource, error) {
	if snapshot == "" {
		return m, nil
	}
	return &memory{t: m.t, b: m.snapshots[snapshot]}, nil
}

func (m *memory) snap(name string) {
	if m.snapshots == nil {
		m.snapshots = map[string][]byte{}
	}
	m.snapshots[name] = bytes.Clone(m.b)
}

// scribbled has data in some places, and holes between.
func scribbled(t *testing.T, size int, at ...int) *memory {
	t.Helper()
	m := &memory{t: t, b: make([]byte, size)}
	for _, a := range at {
		m.scribble(a, min(300<<10, size-a))
	}
	return m
}

func (m *memory) scribble(at, n int) {
	first := byte(rand.IntN(100))
	for i, b := range pattern(n) {
		m.b[at+i] = b ^ first<<1
	}
}

var errBroken = errors.New("the disk is broken")

// brokenAt fails from there on.
func brokenAt(at int64) func(int64) error {
	return func(where int64) error {
		if where >= at {
			return fmt.Errorf("at %d: %w", where, errBroken)
		}
		return nil
	}
}

// pattern is data without a zero, which repeats at no border of objects.
func pattern(n int) []byte {
	b := make([]byte, min(n, 99991), n)
	for i := range b {
		b[i] = byte(i*7+i>>13) | 1
	}
	for len(b) < n {
		b = append(b, b[:min(len(b), n-len(b))]...)
	}
	return b
}
