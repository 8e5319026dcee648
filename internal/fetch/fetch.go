// Package fetch reads a file from an HTTP server as one stream, whatever becomes
// of the connections meanwhile, and notices when the file changes on the way.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// What can go wrong.
var (
	ErrNotFound  = errors.New("the server has no such file")
	ErrStatus    = errors.New("the server refused")
	ErrChanged   = errors.New("the file changed on the server while it was read")
	ErrTruncated = errors.New("the server sent less than it said")
	ErrURL       = errors.New("not a usable URL")
)

const (
	headerTimeout = 30 * time.Second
	// stallTimeout is how long a connection may bring nothing.
	stallTimeout = time.Minute
	// attempts in a row without a single byte end the reading.
	attempts     = 8
	headAttempts = 3
	maxRedirects = 10
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
)

// client follows the usual proxy variables.
var client = &http.Client{
	Transport: func() http.RoundTripper {
		t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
		t.ResponseHeaderTimeout = headerTimeout
		// The bytes are wanted as the server has them: they are what is hashed.
		t.DisableCompression = true
		return t
	}(),
	CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("%w: more than %d redirects", ErrStatus, maxRedirects)
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return fmt.Errorf("%w: a redirect from https to %s", ErrStatus, req.URL.Scheme)
		}
		return nil
	},
}

// CheckURL tells whether Open can take a URL. One with a password is refused, as
// it would stand in states and plans.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Errorf("%w: it can't be parsed", ErrURL)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("%w: want http://… or https://…", ErrURL)
	case u.User != nil:
		return fmt.Errorf("%w: a user or password in it would be kept in the state", ErrURL)
	case u.Fragment != "":
		return fmt.Errorf("%w: it has a fragment", ErrURL)
	}
	return nil
}

// Info is what a server says of a file.
type Info struct {
	SizeBytes    int64 // -1 where it does not say
	ETag         string
	LastModified string

	ranges bool // it gave a part of the file where one was asked for
}

// Revision changes when the server says that the file did: its ETag, or else its
// date and size. It is empty where the server says nothing.
func (i Info) Revision() string {
	switch {
	case i.ETag != "":
		return "etag:" + i.ETag
	case i.LastModified != "":
		return fmt.Sprintf("last-modified:%s size:%d", i.LastModified, i.SizeBytes)
	}
	return ""
}

// same tells whether an answer is still about the file of an earlier one.
func (i Info) same(o Info) bool {
	return i.ETag == o.ETag && i.LastModified == o.LastModified && (i.SizeBytes < 0 || o.SizeBytes < 0 || i.SizeBytes == o.SizeBytes)
}

func infoOf(resp *http.Response) Info {
	info := Info{SizeBytes: resp.ContentLength, ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	if resp.StatusCode == http.StatusPartialContent {
		info.ranges, info.SizeBytes = true, -1
		// Content-Range: bytes 0-499/1234
		if _, total, ok := strings.Cut(resp.Header.Get("Content-Range"), "/"); ok {
			if n, err := strconv.ParseInt(total, 10, 64); err == nil {
				info.SizeBytes = n
			}
		}
	}
	return info
}

// ReadHead asks for the first n bytes of a file and what the server says of it.
//
// Errors: ErrNotFound, ErrStatus.
func ReadHead(ctx context.Context, file string, n int) (info Info, head []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*headerTimeout)
	defer cancel()
	for range headAttempts {
		if info, head, err = readHead(ctx, file, n); err == nil || !passing(err) || ctx.Err() != nil {
			break
		}
	}
	return info, head, err
}

func readHead(ctx context.Context, file string, n int) (Info, []byte, error) {
	resp, err := get(ctx, file, 0, int64(n), "")
	if err != nil {
		return Info{}, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // what was wanted was read
	head := make([]byte, n)
	got, err := readFull(resp.Body, head)
	if err != nil {
		return Info{}, nil, fmt.Errorf("read %s: %w", file, err)
	}
	return infoOf(resp), head[:got], nil
}

// get asks for the file from offset on, n bytes of it or, with 0, all.
func get(ctx context.Context, file string, offset, n int64, etag string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, file, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
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
		return nil, fmt.Errorf("get %s: %w", file, err)
	}
	switch {
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusPartialContent:
		return resp, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && offset == 0: // an empty file
		resp.ContentLength = 0
		return resp, nil
	}
	_ = resp.Body.Close()
	meaning := ErrStatus
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {
		meaning = ErrNotFound
	}
	return nil, &statusError{fmt.Errorf("get %s: %w: %s", file, meaning, resp.Status), resp.StatusCode}
}

// statusError is an answer that is no file.
type statusError struct {
	error
	code int
}

func (e *statusError) Unwrap() error { return e.error }

// passing tells whether another attempt may find it otherwise.
func passing(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code >= 500 || status.code == http.StatusTooManyRequests || status.code == http.StatusRequestTimeout
	}
	return !errors.Is(err, ErrChanged) && !errors.Is(err, ErrURL) && !errors.Is(err, ErrStatus)
}
