// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// readRanges reads all of a file in pieces.
func readRanges(t *testing.T, url string) ([]byte, error) {
	t.Helper()
	r, _, err := OpenRanges(t.Context(), url, 512)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Info().SizeBytes))
	return got, errors.Join(err, r.Unchanged())
}

// asked reads the Range of a request, and false where it has none.
func asked(req *http.Request, size int) (from, to int, ok bool) {
	to = size - 1
	if n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 0 {
		return 0, to, false
	}
	return from, min(to, size-1), true
}

func partial(w http.ResponseWriter, contentRange string, body []byte) bool {
	w.Header().Set("Content-Range", contentRange)
	w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(body)
	return false
}

// Servers whose answer to a request for a part is about something else, from the
// first or from the second on: no byte of it is taken for what it is not.
func TestWrongParts(t *testing.T) {
	data := content(3<<20 + 77)
	size := len(data)
	for what, answer := range map[string]func(w http.ResponseWriter, from, to int) bool{
		"another start": func(w http.ResponseWriter, from, to int) bool {
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from+1, to, size), data[from+1:to+1])
		},
		"before the start": func(w http.ResponseWriter, from, to int) bool {
			return partial(w, fmt.Sprintf("bytes 7-%d/%d", to-from+7, size), data[7:to-from+8])
		},
		"all of it, and says so": func(w http.ResponseWriter, _, _ int) bool {
			return partial(w, fmt.Sprintf("bytes 0-%d/%d", size-1, size), data)
		},
		"all of it, and says otherwise": func(w http.ResponseWriter, from, to int) bool {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from, to, size), data)
		},
		"all of it in chunks, and says otherwise": func(w http.ResponseWriter, from, to int) bool {
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from, to, size), data)
		},
		"another total": func(w http.ResponseWriter, from, to int) bool {
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from, to, size+1), data[from:to+1])
		},
		"more than its total": func(w http.ResponseWriter, from, to int) bool {
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from, to, to), data[from:to+1])
		},
		"no Content-Range": func(w http.ResponseWriter, from, to int) bool {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data[from : to+1])
			return false
		},
		"another unit": func(w http.ResponseWriter, from, to int) bool {
			return partial(w, fmt.Sprintf("pages %d-%d/%d", from, to, size), data[from:to+1])
		},
		"several parts": func(w http.ResponseWriter, from, to int) bool {
			w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from, to, size), data[from:to+1])
		},
		"another validator": func(w http.ResponseWriter, from, to int) bool {
			w.Header().Set("ETag", fmt.Sprintf(`"%d"`, from))
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from, to, size), data[from:to+1])
		},
		"compressed": func(w http.ResponseWriter, from, to int) bool {
			w.Header().Set("Content-Encoding", "gzip")
			return partial(w, fmt.Sprintf("bytes %d-%d/%d", from, to, size), data[from:to+1])
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for _, late := range []bool{false, true} {
				url := server(t, data, func(w http.ResponseWriter, req *http.Request) bool {
					from, to, ok := asked(req, size)
					return !ok || late && from == 0 || answer(w, from, to)
				})
				if got, err := readRanges(t, url); err == nil {
					t.Errorf("late %v: read in pieces: %d bytes, the same: %v", late, len(got), bytes.Equal(got, data))
				}
			}
			var n atomic.Int32
			url := server(t, data, func(w http.ResponseWriter, req *http.Request) bool {
				if n.Add(1) == 1 {
					cut(w, req, data, false, 1<<20)
				}
				from, to, ok := asked(req, size)
				return !ok || answer(w, from, to)
			})
			if got, err := read(t, url); err == nil {
				t.Errorf("resumed: %d bytes, the same: %v", len(got), bytes.Equal(got, data))
			}
		})
	}
}

// A part that was not asked for, and an encoding that was not.
func TestWrongWholes(t *testing.T) {
	data := content(1 << 20)
	for what, tc := range map[string]struct {
		name   string
		header [2]string
		part   bool
		want   error
	}{
		"a part":              {"disk.raw", [2]string{"Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(data)-1, len(data))}, true, ErrAnswer},
		"gzip":                {"disk.raw", [2]string{"Content-Encoding", "gzip"}, false, ErrEncoded},
		"zstd":                {"disk.raw.gz", [2]string{"Content-Encoding", "zstd"}, false, ErrEncoded},
		"twice":               {"disk.raw.gz", [2]string{"Content-Encoding", "gzip, gzip"}, false, ErrEncoded},
		"said of a gzip file": {"disk.raw.gz", [2]string{"Content-Encoding", "x-gzip"}, false, nil},
		"nothing":             {"disk.raw", [2]string{"Content-Encoding", "identity"}, false, nil},
	} {
		t.Run(what, func(t *testing.T) {
			url := strings.TrimSuffix(server(t, data, func(w http.ResponseWriter, req *http.Request) bool {
				if e := req.Header.Get("Accept-Encoding"); e != "identity" {
					t.Errorf("accepts %q", e)
				}
				w.Header().Set(tc.header[0], tc.header[1])
				if tc.part {
					w.WriteHeader(http.StatusPartialContent)
				}
				_, _ = w.Write(data)
				return false
			}), "disk.raw") + tc.name
			got, err := read(t, url)
			if !errors.Is(err, tc.want) || err == nil && !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// Without a validator that proves it, what was read before a connection broke is
// compared, and not believed to be of the same file.
func TestResumeWithoutValidator(t *testing.T) {
	one, two := content(3<<20), content(3<<20)
	two[5] ^= 1
	for _, tc := range []struct {
		etag string
		then []byte
		want error
	}{{"", one, nil}, {"", two, ErrChanged}, {`W/"same"`, one, nil}, {`W/"same"`, two, ErrChanged}} {
		var n atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if tc.etag != "" {
				w.Header().Set("ETag", tc.etag)
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(one)))
			if n.Add(1) == 1 {
				_, _ = w.Write(one[:1<<20])
				panic(http.ErrAbortHandler)
			}
			if r := req.Header.Get("Range"); r != "" {
				t.Errorf("asks for %s", r)
			}
			_, _ = w.Write(tc.then)
		}))
		got, err := read(t, s.URL)
		s.Close()
		if !errors.Is(err, tc.want) || err == nil && !bytes.Equal(got, one) {
			t.Errorf("%+v: %d bytes, %v", tc.etag, len(got), err)
		}
	}
}

// mirrors are two servers of the same file with their own validators, and one
// that redirects to them in turn.
func mirrors(t *testing.T, data []byte, serve func(mirror int, w http.ResponseWriter, req *http.Request) bool) (url string, redirects *atomic.Int32) {
	t.Helper()
	redirects = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/disk.raw" {
			http.Redirect(w, req, fmt.Sprintf("/m%d/disk.raw?signature=hunter2", redirects.Add(1)%2), http.StatusFound)
			return
		}
		mirror := int(req.URL.Path[2] - '0')
		w.Header().Set("ETag", fmt.Sprintf(`"m%d"`, mirror))
		if serve == nil || serve(mirror, w, req) {
			http.ServeContent(w, req, "", time.Unix(1e9+int64(mirror), 0), bytes.NewReader(data))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/disk.raw", redirects
}

func TestMirrors(t *testing.T) {
	data := content(5 << 20)
	t.Run("one for a run", func(t *testing.T) {
		url, redirects := mirrors(t, data, nil)
		if got, err := readRanges(t, url); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if n := redirects.Load(); n != 1 {
			t.Errorf("%d redirects", n)
		}
	})
	t.Run("one revision", func(t *testing.T) {
		url, _ := mirrors(t, data, nil)
		for range 3 {
			info, _, err := ReadHead(t.Context(), url, 1)
			if err != nil || info.Revision() != "size:5242880" {
				t.Errorf("%q, %v", info.Revision(), err)
			}
		}
	})
	t.Run("one breaks off", func(t *testing.T) {
		var n atomic.Int32
		url, redirects := mirrors(t, data, func(_ int, w http.ResponseWriter, req *http.Request) bool {
			if n.Add(1) == 1 {
				w.Header().Set("Content-Length", fmt.Sprint(len(data)))
				w.Header().Set("Last-Modified", time.Unix(1e9+1, 0).UTC().Format(http.TimeFormat))
				_, _ = w.Write(data[:1<<20])
				panic(http.ErrAbortHandler)
			}
			return true
		})
		if got, err := read(t, url); err != nil || !bytes.Equal(got, data) || redirects.Load() != 1 {
			t.Errorf("%d bytes, %v, %d redirects", len(got), err, redirects.Load())
		}
	})
	other := bytes.Clone(data)
	other[3] ^= 1
	for what, tc := range map[string]struct {
		second []byte
		want   error
	}{"one goes away": {data, nil}, "one goes away, the other differs": {other, ErrChanged}} {
		t.Run(what, func(t *testing.T) {
			var n atomic.Int32
			url, _ := mirrors(t, data, func(mirror int, w http.ResponseWriter, req *http.Request) bool {
				switch {
				case n.Add(1) == 1:
					w.Header().Set("Content-Length", fmt.Sprint(len(data)))
					_, _ = w.Write(data[:1<<20])
					panic(http.ErrAbortHandler)
				case mirror == 1:
					http.Error(w, "the signature has expired", http.StatusForbidden)
				default:
					http.ServeContent(w, req, "", time.Unix(1e9, 0), bytes.NewReader(tc.second))
				}
				return false
			})
			got, err := read(t, url)
			if !errors.Is(err, tc.want) || err == nil && !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	t.Run("its address is not shown", func(t *testing.T) {
		url, _ := mirrors(t, data, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "no", http.StatusForbidden)
			return false
		})
		if _, err := read(t, url); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	})
}

// What never ends is not followed, and soon given up.
func TestEndlessRedirectsAndWaits(t *testing.T) {
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch n.Add(1); req.URL.Path {
		case "/loop":
			http.Redirect(w, req, "/loop", http.StatusFound)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/later":
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/soon":
			if n.Load() == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}
	}))
	defer s.Close()
	for path, tc := range map[string]struct {
		requests int32
		want     string
	}{"/loop": {11, "more than 10 redirects"}, "/file": {2, `a redirect to "file"`}, "/later": {1, "1h0m0s"}, "/soon": {2, ""}} {
		n.Store(0)
		_, err := read(t, s.URL+path)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", path, err)
		}
		if n.Load() > tc.requests {
			t.Errorf("%s: %d requests", path, n.Load())
		}
	}
}

// FuzzContentRange: a part that is taken is the one that was asked for.
func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 0-499/1234", "bytes 5-5/*", "bytes */7", "bytes 0-18446744073709551615/1", "", "bytes 9-3/10"} {
		f.Add(seed, int64(0), int64(500))
	}
	f.Fuzz(func(t *testing.T, text string, offset, n int64) {
		resp := &http.Response{Header: http.Header{"Content-Range": {text}}}
		p, err := partOf(resp)
		if err != nil || offset < 0 || n <= 0 || n > 1<<40 || offset > 1<<60 {
			return
		}
		if p.check(p.last-p.first+1, offset, n) == nil && (p.first != offset || p.last < p.first || p.last >= offset+n || p.total >= 0 && p.last >= p.total) {
			t.Fatalf("%q taken for %d bytes from %d on: %+v", text, n, offset, p)
		}
	})
}
