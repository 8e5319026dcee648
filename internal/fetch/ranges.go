// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrNoRanges says that a server does not give parts of a file, or nothing to
// tell a changed file by: it can only be read as one stream.
var ErrNoRanges = errors.New("the server gives no parts of the file")

const (
	// pieceBytes is how much is asked for at once.
	pieceBytes = 1 << 20
	// piecesAhead are asked for beside the one that is wanted.
	piecesAhead = 8
	// piecesKept bounds the memory: whoever jumps about finds them again.
	piecesKept = 64
	// pieceTimeout is how long one may take, from the first byte to the last.
	pieceTimeout = 2 * time.Minute
)

// Ranges is a file on a server that can be read anywhere: in pieces, those
// behind the one that is wanted asked for at the same time. Its methods may be
// called from several goroutines.
type Ranges struct {
	ctx  context.Context
	end  context.CancelFunc
	file string
	info Info

	mu     sync.Mutex
	at     string // where it is read: the same server for all pieces
	pieces map[int64]*piece
	recent *list.List // of their numbers, the last used first
	failed error
}

type piece struct {
	done    chan struct{}
	data    []byte
	err     error
	element *list.Element
}

// OpenRanges asks for the head of a file, n bytes of it.
//
// Errors: ErrNoRanges, and those of Open; in reading ErrChanged too.
func OpenRanges(ctx context.Context, file string, n int) (r *Ranges, head []byte, err error) {
	info, head, err := ReadHead(ctx, file, n)
	if err != nil {
		return nil, nil, err
	}
	if !info.ranges || info.SizeBytes < 0 || !info.strong() {
		return nil, nil, fmt.Errorf("get %s: %w", shown(file), ErrNoRanges)
	}
	r = &Ranges{file: file, at: info.at, info: info, pieces: map[int64]*piece{}, recent: list.New()}
	r.ctx, r.end = context.WithCancel(ctx)
	return r, head, nil
}

// Info is what the server said of the file.
func (r *Ranges) Info() Info { return r.info }

// Err is why reading failed, where it did: whoever reads through a tool is told
// no more than that it did.
func (r *Ranges) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// Close ends what is under way.
func (r *Ranges) Close() error {
	r.end()
	return nil
}

// Unchanged asks the server once more.
//
// Errors: ErrChanged.
func (r *Ranges) Unchanged() error {
	tries := newRetry(r.ctx, r.file)
	for {
		_, err := r.getOnce(0, make([]byte, min(1, r.info.SizeBytes)))
		if err == nil {
			return nil
		}
		if err := tries.again(err); err != nil {
			return err
		}
	}
}

// ReadAt implements io.ReaderAt.
func (r *Ranges) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		if at >= r.info.SizeBytes {
			return n, io.EOF
		}
		data, err := r.piece(at / pieceBytes)
		if err != nil {
			return n, err
		}
		got := copy(b[n:], data[at%pieceBytes:])
		n, at = n+got, at+int64(got)
	}
	return n, nil
}

// piece waits for a piece, and asks for those behind it.
func (r *Ranges) piece(number int64) ([]byte, error) {
	r.mu.Lock()
	wanted := r.ask(number)
	r.recent.MoveToFront(wanted.element)
	last := (r.info.SizeBytes - 1) / pieceBytes
	for i := number + 1; i <= min(number+piecesAhead, last); i++ {
		r.ask(i)
	}
	r.mu.Unlock()
	<-wanted.done
	if wanted.err != nil {
		r.mu.Lock()
		if r.failed == nil {
			r.failed = wanted.err
		}
		r.mu.Unlock()
	}
	return wanted.data, wanted.err
}

// ask begins to get a piece unless it is there.
func (r *Ranges) ask(number int64) *piece {
	if p, ok := r.pieces[number]; ok {
		return p
	}
	p := &piece{done: make(chan struct{})}
	p.element = r.recent.PushFront(number)
	r.pieces[number] = p
	for r.recent.Len() > piecesKept {
		oldest := r.recent.Back()
		delete(r.pieces, r.recent.Remove(oldest).(int64)) //nolint:forcetypeassert // nothing else is in it
	}
	go func() {
		defer close(p.done)
		p.data, p.err = r.get(number)
	}()
	return p
}

// get gets a piece, whatever becomes of the connections meanwhile.
func (r *Ranges) get(number int64) ([]byte, error) {
	from := number * pieceBytes
	data := make([]byte, min(pieceBytes, r.info.SizeBytes-from))
	var got int
	tries := newRetry(r.ctx, r.file)
	for {
		n, err := r.getOnce(from+int64(got), data[got:])
		if got += n; got == len(data) {
			return data, nil
		}
		if n > 0 {
			tries.reset()
		}
		if err := tries.again(err); err != nil {
			return nil, err
		}
	}
}

func (r *Ranges) getOnce(from int64, b []byte) (int, error) {
	ctx, cancel := context.WithTimeout(r.ctx, pieceTimeout)
	defer cancel()
	r.mu.Lock()
	at := r.at
	r.mu.Unlock()
	a, err := get(ctx, at, from, int64(len(b)), r.info.ETag)
	if err != nil && at != r.file && moved(err) {
		// Its address was good for a while only.
		at = r.file
		a, err = get(ctx, at, from, int64(len(b)), r.info.ETag)
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = a.body.Close() }() // what was wanted was read
	if !r.info.same(a.Info) {
		return 0, fmt.Errorf("get %s: %w", shown(r.file), ErrChanged)
	}
	if !a.part && r.info.SizeBytes > 0 {
		return 0, fmt.Errorf("get %s: %w: it gave parts of the file before, and now gives all of it", shown(r.file), ErrStatus)
	}
	r.mu.Lock()
	r.at = a.at
	r.mu.Unlock()
	n, err := io.ReadFull(a.body, b)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("get %s: %w: %d of %d bytes at %d", shown(r.file), ErrTruncated, n, len(b), from)
	case err != nil:
		err = fmt.Errorf("get %s: broken off at %d bytes: %w", shown(r.file), from+int64(n), withoutAddress(err))
	}
	return n, err
}
