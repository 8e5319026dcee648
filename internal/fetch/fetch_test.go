// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// server serves data, with what a handler does before.
func server(t *testing.T, data []byte, before func(w http.ResponseWriter, req *http.Request) bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if before == nil || before(w, req) {
			http.ServeContent(w, req, "disk.raw", time.Unix(1e9, 0), bytes.NewReader(data))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/disk.raw"
}

// cut sends a part of an answer and drops the connection.
func cut(w http.ResponseWriter, req *http.Request, data []byte, ranges bool, n int) {
	from := 0
	if h := req.Header.Get("Range"); ranges && h != "" {
		_, _ = fmt.Sscanf(h, "bytes=%d-", &from)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)-from))
	w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat)) // as ServeContent does
	if from > 0 {
		w.WriteHeader(http.StatusPartialContent)
	}
	_, _ = w.Write(data[from:min(from+n, len(data))])
	panic(http.ErrAbortHandler)
}

func read(t *testing.T, url string) ([]byte, error) {
	t.Helper()
	r, err := Open(t.Context(), url)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

func TestRead(t *testing.T) {
	for _, n := range []int{0, 1, 3 << 20} {
		data := content(n)
		url := server(t, data, nil)
		if got, err := read(t, url); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes of %d: %v", len(got), n, err)
		}
		info, head, err := ReadHead(t.Context(), url, 512)
		if err != nil || info.SizeBytes != int64(n) || !bytes.Equal(head, data[:min(n, 512)]) || info.Revision() != `etag:"one"` {
			t.Errorf("head of %d: %+v, %d bytes, %v", n, info, len(head), err)
		}
	}
}

// A server that drops every second connection, one that knows no ranges, one
// that is overloaded at times: all is read in the end, and only once.
func TestResume(t *testing.T) {
	data := content(5 << 20)
	for name, ranges := range map[string]bool{"with ranges": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			url := server(t, data, func(w http.ResponseWriter, req *http.Request) bool {
				switch n.Add(1) {
				case 1, 3:
					cut(w, req, data, ranges, int(n.Load())<<20)
				case 2:
					http.Error(w, "later", http.StatusServiceUnavailable)
					return false
				}
				if !ranges {
					req.Header.Del("Range")
				}
				return true
			})
			if got, err := read(t, url); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: %v", len(got), err)
			}
			if n.Load() != 4 {
				t.Errorf("%d requests", n.Load())
			}
		})
	}
}

func TestChangeWhileReading(t *testing.T) {
	data := content(2 << 20)
	for name, change := range map[string]func(http.ResponseWriter){
		"etag": func(w http.ResponseWriter) { w.Header().Set("ETag", `"two"`) },
		"size": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "77") },
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			url := server(t, data, func(w http.ResponseWriter, req *http.Request) bool {
				if n.Add(1) == 1 {
					cut(w, req, data, false, 1<<20)
				}
				change(w)
				_, _ = w.Write(data[:77])
				return false
			})
			if _, err := read(t, url); !errors.Is(err, ErrChanged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	status := func(code int) string {
		return server(t, nil, func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", code)
			return false
		})
	}
	for url, want := range map[string]error{
		status(http.StatusNotFound):  ErrNotFound,
		status(http.StatusForbidden): ErrStatus,
	} {
		if _, err := read(t, url); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if _, _, err := ReadHead(t.Context(), url, 1); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, server(t, nil, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// https is not left by a redirect.
func TestRedirect(t *testing.T) {
	data := content(1000)
	plain := server(t, data, nil)
	there := httptest.NewServer(http.RedirectHandler(plain, http.StatusFound))
	t.Cleanup(there.Close)
	if got, err := read(t, there.URL); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes: %v", len(got), err)
	}
	secure := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	t.Cleanup(secure.Close)
	old := client.Transport
	client.Transport = secure.Client().Transport
	t.Cleanup(func() { client.Transport = old })
	if _, err := read(t, secure.URL); !errors.Is(err, ErrStatus) || !strings.Contains(err.Error(), "redirect from https") {
		t.Errorf("got %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://cloud.example.org/images/debian-12.qcow2?x=1": true,
		"http://[::1]:8080/a":              true,
		"ftp://example.org/a":              false,
		"file:///etc/shadow":               false,
		"https://user:secret@example.org/": false,
		"https://example.org/a#b":          false,
		"/etc/shadow":                      false,
	} {
		err := CheckURL(url)
		if (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in %v", err)
		}
	}
}
