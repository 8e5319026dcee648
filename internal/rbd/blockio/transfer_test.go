// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

// From nothing, from a snapshot, and where nothing tells what has changed: the
// copy is the same in the end, and no more is read than has to be.
func TestTransfer(t *testing.T) {
	const size = 40<<20 + 512
	from := scribbled(t, size, 0, 9<<20, 40<<20)
	to := &memory{t: t, b: make([]byte, size)}
	run := func(what string, x *Transfer, most int64) {
		t.Helper()
		last := int64(0)
		x.From, x.To, x.Progress = from, to, func(done, _ int64) { last = done }
		n, err := x.Run(t.Context(), size)
		if err != nil || n > most || n == 0 || last != Total(x.all) || !bytes.Equal(from.b, to.b) {
			t.Errorf("%s: %d bytes read, at most %d: %v", what, n, most, err)
		}
		if err := x.Compare(t.Context(), size); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	run("first", &Transfer{}, 3*objectBytes)
	from.snap("a")
	to.snap("a")
	from.scribble(5<<20, 100)
	clear(from.b[9<<20 : 10<<20])
	next := &Transfer{Base: "a"}
	run("next", next, objectBytes)
	if same, err := next.RestIsSame(t.Context(), "a", size, size); err != nil || !same {
		t.Errorf("the rest: %v, %v", same, err)
	}
	to.scribble(20<<20, 1) // somebody writes
	if same, err := next.RestIsSame(t.Context(), "a", size, size); err != nil || same {
		t.Errorf("the rest that was written to: %v, %v", same, err)
	}
	if err := next.Compare(t.Context(), size); !errors.Is(err, ErrNotTheSame) {
		t.Errorf("compared: %v", err)
	}
	run("compared", &Transfer{Compared: true}, 4*objectBytes)
	from.overlap = size // of a clone only reading tells what is zero
	from.scribble(30<<20, 100)
	run("a clone", &Transfer{Base: "a"}, 3*objectBytes)
}

// A write that got lost is found by reading back, and what breaks is told.
func TestTransferFails(t *testing.T) {
	const size = 20 << 20
	from := scribbled(t, size, 0, 9<<20)
	to := &memory{t: t, b: make([]byte, size), drop: true}
	x := &Transfer{From: from, To: to}
	if _, err := x.Run(t.Context(), size); !errors.Is(err, ErrNotTheSame) {
		t.Errorf("a write was lost: %v", err)
	}
	to.drop, to.failWrite = false, brokenAt(9<<20)
	if _, err := x.Run(t.Context(), size); !errors.Is(err, errBroken) {
		t.Errorf("writing fails: %v", err)
	}
	to.failWrite, from.failRead = nil, brokenAt(9<<20)
	if _, err := x.Run(t.Context(), size); !errors.Is(err, errBroken) {
		t.Errorf("reading fails: %v", err)
	}
	from.failRead = nil
	ctx, cancel := context.WithCancel(t.Context())
	x.Progress = func(int64, int64) { t.Error("it goes on after its end") }
	cancel()
	if _, err := x.Run(ctx, size); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}
