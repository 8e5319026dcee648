// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is a file, or a part of it, on its way.
type answer struct {
	Info
	body io.ReadCloser
	// part tells that it is the part that was asked for, and not all of the file.
	part bool
}

// get asks for the file from offset on, n bytes of it or, with 0, all. The
// answer is the one to that, or an error.
func get(ctx context.Context, file string, offset, n int64, etag string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, file, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	if offset > 0 || n > 0 {
		last := ""
		if n > 0 {
			last = strconv.FormatInt(offset+n-1, 10)
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", offset, last))
		if etag != "" && !strings.HasPrefix(etag, "W/") {
			req.Header.Set("If-Range", etag)
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", shown(file), withoutAddress(err))
	}
	empty := resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && offset == 0 && n > 0
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent && !empty {
		_ = resp.Body.Close()
		return nil, statusOf(file, resp)
	}
	info, err := infoOf(resp, file, offset, n)
	if err != nil {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("get %s: %w", shown(file), err)
	}
	a := &answer{Info: info, body: resp.Body, part: resp.StatusCode == http.StatusPartialContent}
	switch {
	case empty:
		a.body = noBody{resp.Body}
	case a.part:
		p, _ := partOf(resp) // infoOf has looked
		a.body = &exact{resp.Body, p.last - p.first + 1}
	}
	return a, nil
}

// noBody hides the text of an error.
type noBody struct{ io.Closer }

func (noBody) Read([]byte) (int, error) { return 0, io.EOF }

// exact is the body of a part, which must not be longer than it says: its last
// bytes are given when it has ended. A shorter one ends in io.ErrUnexpectedEOF.
type exact struct {
	io.ReadCloser
	left int64
}

func (e *exact) Read(b []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.ReadCloser.Read(b[:min(int64(len(b)), e.left)])
	if int64(n) == e.left {
		var more [1]byte
		if extra, _ := io.ReadFull(e.ReadCloser, more[:]); extra > 0 {
			return 0, fmt.Errorf("%w: more bytes than its Content-Range says", ErrAnswer)
		}
		err = nil
	}
	e.left -= int64(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// statusError is an answer that is no file.
type statusError struct {
	error
	code int
	// after is how long the server asks to wait.
	after time.Duration
}

func (e *statusError) Unwrap() error { return e.error }

func statusOf(file string, resp *http.Response) error {
	meaning := ErrStatus
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		meaning = ErrNotFound
	}
	return &statusError{fmt.Errorf("get %s: %w: %s", shown(file), meaning, resp.Status), resp.StatusCode, retryAfter(resp.Header, time.Now())}
}

// retryAfter reads Retry-After, seconds or a date; 0 where there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// passing tells whether another attempt may find it otherwise.
func passing(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code >= 500 || status.code == http.StatusTooManyRequests || status.code == http.StatusRequestTimeout
	}
	for _, is := range []error{ErrChanged, ErrURL, ErrStatus, ErrAnswer, ErrEncoded} {
		if errors.Is(err, is) {
			return false
		}
	}
	return true
}

// shown is an address without what may be a signature in it.
func shown(address string) string {
	before, _, ok := strings.Cut(address, "?")
	if ok {
		return before + "?…"
	}
	return before
}

// withoutAddress takes off the address where a redirect led, which may be signed.
func withoutAddress(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
