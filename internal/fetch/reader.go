package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Reader is a file on a server as one stream. A connection that ends too early,
// or brings nothing for a minute, is followed by another that goes on where it
// ended; where the server takes no ranges, what was read already is read again
// and dropped.
type Reader struct {
	ctx    context.Context
	file   string
	info   Info
	offset int64

	body   io.ReadCloser
	cancel context.CancelFunc
	stall  *time.Timer
	retry  retry
}

// Open begins to read a file.
//
// Errors, in reading too: ErrNotFound, ErrStatus, ErrChanged, ErrTruncated.
func Open(ctx context.Context, file string) (*Reader, error) {
	r := &Reader{ctx: ctx, file: file, retry: newRetry(ctx, file)}
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
			r.retry.reset()
			return n, nil
		}
		if err == nil {
			continue
		}
		r.disconnect()
		switch {
		case errors.Is(err, io.EOF) && (r.info.SizeBytes < 0 || r.done()):
			r.info.SizeBytes = r.offset
			return 0, io.EOF
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("get %s: %w: %d of %d bytes", r.file, ErrTruncated, r.offset, r.info.SizeBytes)
		default:
			err = fmt.Errorf("get %s: broken off at %d bytes: %w", r.file, r.offset, err)
		}
		if err := r.retry.again(err); err != nil {
			return 0, err
		}
	}
}

func (r *Reader) done() bool { return r.info.SizeBytes >= 0 && r.offset >= r.info.SizeBytes }

// connect asks for what is still missing.
func (r *Reader) connect() error {
	ctx, cancel := context.WithCancel(r.ctx)
	resp, err := get(ctx, r.file, r.offset, 0, r.info.ETag) //nolint:bodyclose // disconnect closes it
	if err != nil {
		cancel()
		return err
	}
	r.body, r.cancel = resp.Body, cancel
	r.stall = time.AfterFunc(stallTimeout, cancel)
	info := infoOf(resp)
	if r.offset == 0 {
		r.info = info
		return nil
	}
	if !r.info.same(info) {
		r.disconnect()
		return fmt.Errorf("get %s: %w", r.file, ErrChanged)
	}
	if resp.StatusCode == http.StatusOK {
		if _, err := io.CopyN(io.Discard, stallReader{r}, r.offset); err != nil {
			r.disconnect()
			return fmt.Errorf("get %s: %w", r.file, err)
		}
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

// readFull is io.ReadFull for what may be shorter.
func readFull(r io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}
