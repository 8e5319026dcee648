// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"time"
)

// Reader is a file on a server as one stream. A connection that ends too early,
// or brings nothing for a minute, is followed by another that goes on where it
// ended, on the same server; where that takes no ranges, or tells no changed file
// by, what was read already is read again and compared.
type Reader struct {
	ctx    context.Context
	file   string
	info   Info
	offset int64
	// at is where it is read: the same server for all of it.
	at string
	// begun is of what was read, to compare with where it is read again.
	begun maphash.Hash

	body   io.ReadCloser
	cancel context.CancelFunc
	stall  *time.Timer
	retry  retry
}

// Open begins to read a file.
//
// Errors, in reading too: ErrNotFound, ErrStatus, ErrAnswer, ErrEncoded,
// ErrChanged, ErrTruncated.
func Open(ctx context.Context, file string) (*Reader, error) {
	r := &Reader{ctx: ctx, file: file, at: file, retry: newRetry(ctx, file)}
	for {
		err := r.connect()
		if err == nil {
			return r, nil
		}
		if err := r.retry.again(err); err != nil {
			return nil, err
		}
	}
}

// Info is what the server said of the file.
func (r *Reader) Info() Info { return r.info }

// Read implements io.Reader.
func (r *Reader) Read(b []byte) (int, error) {
	for {
		if r.body == nil {
			if r.done() {
				return 0, io.EOF
			}
			if err := r.connect(); err != nil {
				if err := r.retry.again(err); err != nil {
					return 0, err
				}
				continue
			}
		}
		r.stall.Reset(stallTimeout)
		n, err := r.body.Read(b)
		r.stall.Stop()
		if n > 0 {
			r.offset += int64(n)
			_, _ = r.begun.Write(b[:n]) // never fails
			r.retry.reset()
			return n, nil
		}
		if err == nil {
			continue
		}
		r.disconnect()
		switch {
		case errors.Is(err, ErrAnswer):
			return 0, fmt.Errorf("get %s: %w", shown(r.file), err)
		case errors.Is(err, io.EOF) && (r.info.SizeBytes < 0 || r.done()):
			r.info.SizeBytes = r.offset
			return 0, io.EOF
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("get %s: %w: %d of %d bytes", shown(r.file), ErrTruncated, r.offset, r.info.SizeBytes)
		default:
			err = fmt.Errorf("get %s: broken off at %d bytes: %w", shown(r.file), r.offset, withoutAddress(err))
		}
		if err := r.retry.again(err); err != nil {
			return 0, err
		}
	}
}

func (r *Reader) done() bool { return r.info.SizeBytes >= 0 && r.offset >= r.info.SizeBytes }

// connect asks for what is still missing, where it was begun.
func (r *Reader) connect() error {
	err := r.connectTo(r.at)
	if err != nil && r.offset > 0 && r.at != r.file && (moved(err) || r.retry.last()) {
		// Its address was good for a while only, or the mirror is gone.
		err = r.connectTo(r.file)
	}
	return err
}

// moved tells whether a file is no longer where a redirect led.
func moved(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.code >= 400 && status.code < 500 && status.code != http.StatusTooManyRequests && status.code != http.StatusRequestTimeout
}

func (r *Reader) connectTo(address string) error {
	from := r.offset
	if from > 0 && (!r.info.strong() || address != r.at) {
		// Another part would prove nothing of what was read: all is read again.
		from = 0
	}
	ctx, cancel := context.WithCancel(r.ctx)
	a, err := get(ctx, address, from, 0, r.info.ETag)
	if err != nil {
		cancel()
		return err
	}
	r.body, r.cancel = a.body, cancel
	r.stall = time.AfterFunc(stallTimeout, cancel)
	if r.offset == 0 {
		r.at, r.info = a.at, a.Info
		return nil
	}
	if err := r.resume(a); err != nil {
		r.disconnect()
		return err
	}
	r.at = a.at
	return nil
}

// resume makes sure that an answer goes on with the file that was begun.
func (r *Reader) resume(a *answer) error {
	elsewhere := a.at != r.at
	if !elsewhere && !r.info.same(a.Info) || r.info.SizeBytes >= 0 && a.SizeBytes >= 0 && r.info.SizeBytes != a.SizeBytes {
		return fmt.Errorf("get %s: %w", shown(r.file), ErrChanged)
	}
	if a.part {
		return nil
	}
	var again maphash.Hash
	again.SetSeed(r.begun.Seed())
	if _, err := io.CopyN(&again, stallReader{r}, r.offset); err != nil {
		return fmt.Errorf("get %s: %w", shown(r.file), withoutAddress(err))
	}
	if again.Sum64() != r.begun.Sum64() {
		return fmt.Errorf("get %s: %w", shown(r.file), ErrChanged)
	}
	// Of a mirror that took over, its own validators count from here on.
	size := r.info.SizeBytes
	if r.info = a.Info; r.info.SizeBytes < 0 {
		r.info.SizeBytes = size
	}
	return nil
}

// stallReader lets a connection live as long as it brings something.
type stallReader struct{ r *Reader }

func (s stallReader) Read(b []byte) (int, error) {
	s.r.stall.Reset(stallTimeout)
	return s.r.body.Read(b)
}

func (r *Reader) disconnect() {
	if r.body == nil {
		return
	}
	r.stall.Stop()
	_ = r.body.Close() // it was read as far as it went
	r.cancel()
	r.body = nil
}

// Close ends the reading.
func (r *Reader) Close() error {
	r.disconnect()
	return nil
}
