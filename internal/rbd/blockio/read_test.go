// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// Nothing is asked about no bytes, and an answer that nobody waits for any more
// ends early.
func TestIterate(t *testing.T) {
	m := scribbled(t, 8<<20, 0, 5<<20)
	if err := Iterate(t.Context(), m, Query{}, func(Extent) { t.Error("found something in nothing") }); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := Iterate(ctx, m, Query{Within: Extent{Length: 8 << 20}}, func(Extent) { n++; cancel() })
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d found, %v", n, err)
	}
	if err := Iterate(ctx, m, Query{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("begun after the end: %v", err)
	}
}

// terabytes has an object here and there.
type terabytes struct {
	memory
	objects []int64
	asked   int
}

func (b *terabytes) DiffIterate(c librbd.DiffIterateConfig) error {
	b.asked++
	for _, at := range b.objects {
		if at := uint64(at); at >= c.Offset && at < c.Offset+c.Length {
			c.Callback(at, 4096, 1, nil)
		}
	}
	return nil
}

func (b *terabytes) Iterate(ctx context.Context, q Query, found func(Extent)) error {
	return Iterate(ctx, b, q, found)
}

// What is allocated comes in order, by whole pieces, over the borders of windows,
// and the last piece is as long as the image.
func TestAllocated(t *testing.T) {
	const size = 2*allocatedWindow + 5*PieceBytes + 5000
	b := &terabytes{objects: []int64{size - 4096, 4096, 0, allocatedWindow - 1, allocatedWindow, 2*allocatedWindow + PieceBytes, 2 * allocatedWindow}}
	var got []Extent
	for e, err := range Allocated(t.Context(), b, size) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	want := []Extent{{At: 0, Length: PieceBytes}, {At: allocatedWindow - PieceBytes, Length: PieceBytes}, {At: allocatedWindow, Length: PieceBytes},
		{At: 2 * allocatedWindow, Length: 2 * PieceBytes}, {At: size - 5000, Length: 5000}}
	if fmt.Sprint(got) != fmt.Sprint(want) || b.asked != 3 {
		t.Errorf("%v after %d questions, want %v", got, b.asked, want)
	}
	for range Allocated(t.Context(), b, size) { // as somebody who has enough
		break
	}
	if b.asked != 4 {
		t.Error("it goes on when nobody wants more")
	}
}

// An image without fast-diff is asked window by window, with one answer.
func TestChangedByWindows(t *testing.T) {
	b := &terabytes{objects: []int64{0, slowWindowBytes - 4096, slowWindowBytes, 3 * slowWindowBytes}}
	b.slow = true
	got, err := Changed(t.Context(), b, "", 3*slowWindowBytes+4096)
	want := []Extent{{At: 0, Length: 4096}, {At: slowWindowBytes - 4096, Length: 8192}, {At: 3 * slowWindowBytes, Length: 4096}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) || b.asked != 4 {
		t.Errorf("%v after %d questions, want %v: %v", got, b.asked, want, err)
	}
}

// What is read comes in order, however the reads end, and no more than some are
// under way.
func TestReadAhead(t *testing.T) {
	m := &memory{t: t, b: pattern(41<<20 + 5)}
	extents := []Extent{{At: 3, Length: 9 << 20}, {At: 12 << 20, Length: 0}, {At: 20 << 20, Length: 21<<20 + 5}}
	a := ReadAhead(t.Context(), m, Each(extents))
	at := int64(3)
	buffers := map[*byte]bool{}
	err := a.Use(t.Context(), func(where int64, b []byte) error {
		if at == 9<<20+3 {
			at = 20 << 20
		}
		if where != at || !bytes.Equal(b, m.b[at:at+int64(len(b))]) {
			return fmt.Errorf("%d bytes at %d, expected those at %d", len(b), where, at)
		}
		buffers[&b[:1][0]] = true
		at += int64(len(b))
		return nil
	})
	a.Close()
	if err != nil || at != int64(len(m.b)) || m.most > readAhead || m.most < 2 || len(buffers) > readAhead {
		t.Errorf("to %d, %d reads at a time, %d buffers: %v", at, m.most, len(buffers), err)
	}
}

// The pieces before a broken one come, and none behind it.
func TestReadAheadOfWhatBreaks(t *testing.T) {
	for what, tc := range map[string]struct {
		m    *memory
		want error
	}{
		"broken":    {&memory{t: t, b: make([]byte, 40<<20), failRead: brokenAt(12 << 20)}, errBroken},
		"too short": {&memory{t: t, b: make([]byte, 13<<20)}, io.ErrUnexpectedEOF},
	} {
		a := ReadAhead(t.Context(), tc.m, Each([]Extent{{Length: 40 << 20}}))
		n := 0
		err := a.Use(t.Context(), func(int64, []byte) error { n++; return nil })
		a.Close()
		if !errors.Is(err, tc.want) || n != 3 {
			t.Errorf("%s: %d pieces, %v", what, n, err)
		}
		if errors.Is(tc.want, io.ErrUnexpectedEOF) && err.Error() != "read pool/memory at 12582912: unexpected EOF" {
			t.Error(err)
		}
	}
	failed := errors.New("no map")
	a := ReadAhead(t.Context(), &memory{t: t, b: make([]byte, 40<<20)}, func(yield func(Extent, error) bool) {
		_ = yield(Extent{Length: 1}, nil) && yield(Extent{}, failed)
	})
	defer a.Close()
	n := 0
	if err := a.Use(t.Context(), func(int64, []byte) error { n++; return nil }); !errors.Is(err, failed) || n != 1 {
		t.Errorf("%d pieces, %v", n, err)
	}
}

// Who has given up does not wait for a read that hangs.
func TestReadAheadIsCancelled(t *testing.T) {
	hang := make(chan struct{})
	m := &memory{t: t, b: make([]byte, 80<<20), failRead: func(int64) error { <-hang; return nil }}
	ctx, cancel := context.WithCancelCause(t.Context())
	a := ReadAhead(ctx, m, Each([]Extent{{Length: 80 << 20}}))
	cause := errors.New("enough")
	time.AfterFunc(10*time.Millisecond, func() { cancel(cause) })
	if _, err := a.Next(ctx); !errors.Is(err, cause) || !strings.Contains(err.Error(), "pool/memory") {
		t.Error(err)
	}
	closed := make(chan struct{})
	go func() { a.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("a read is under way still")
	case <-time.After(20 * time.Millisecond):
	}
	close(hang)
	<-closed
	if _, err := a.Next(ctx); errors.Is(err, io.EOF) {
		t.Error("what was cut off looks like the end")
	}
}

func TestHash(t *testing.T) {
	for what, m := range map[string]*memory{
		"empty":              {t: t},
		"nothing but a hole": {t: t, b: make([]byte, 9<<20+1)},
		"holes between":      scribbled(t, 50<<20+7, 3, 9<<20, 23<<20-1, 50<<20),
		"data to the end":    {t: t, b: pattern(33<<20 + 1)},
	} {
		sums := []hash.Hash{sha256.New(), md5.New(), sha256.New()}
		size := int64(len(m.b))
		var steps, last int64
		read, err := Hash(t.Context(), m, size, sums, func(done int64) {
			if done <= last {
				t.Errorf("%s: %d after %d bytes", what, done, last)
			}
			last = done
			steps++
		})
		if err != nil {
			t.Fatal(err)
		}
		want := sha256.Sum256(m.b)
		if !bytes.Equal(sums[0].Sum(nil), want[:]) || !bytes.Equal(sums[2].Sum(nil), want[:]) {
			t.Errorf("%s: the hash is another", what)
		}
		if wantMD5 := md5.Sum(m.b); !bytes.Equal(sums[1].Sum(nil), wantMD5[:]) {
			t.Errorf("%s: the md5 is another", what)
		}
		if last != size || steps != (size+PieceBytes-1)/PieceBytes || read > size {
			t.Errorf("%s: %d steps to %d of %d bytes, %d read", what, steps, last, size, read)
		}
		if what == "holes between" && read != 3*PieceBytes+2<<20+7 {
			t.Errorf("%s: %d bytes were read", what, read)
		}
	}
}

// What breaks in the middle, and who gives up, ends all goroutines.
func TestHashEnds(t *testing.T) {
	m := &memory{t: t, b: pattern(64 << 20), failRead: brokenAt(20 << 20)}
	sums := []hash.Hash{sha256.New(), sha256.New()}
	if _, err := Hash(t.Context(), m, 64<<20, sums, func(int64) {}); !errors.Is(err, errBroken) || m.reading > 0 {
		t.Errorf("%v, %d reads go on", err, m.reading)
	}
	for _, data := range []bool{true, false} {
		m := &memory{t: t, b: make([]byte, 64<<20)}
		if data {
			m.b = pattern(64 << 20)
		}
		ctx, cancel := context.WithCancel(t.Context())
		last := int64(0)
		_, err := Hash(ctx, m, 64<<20, sums, func(done int64) {
			if last = done; done == 8<<20 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || last != 8<<20 || m.reading > 0 {
			t.Errorf("%v after %d bytes, %d reads go on", err, last, m.reading)
		}
	}
}
