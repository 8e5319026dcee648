// SPDX-License-Identifier: MPL-2.0

package disktest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Site is a publisher's server. Its files can be exchanged.
type Site struct {
	*httptest.Server
	Files   atomic.Pointer[map[string][]byte]
	Version atomic.Int32 // in the ETag
	// Flaky drops every second connection after some bytes.
	Flaky    atomic.Bool
	requests atomic.Int32
	// Sent and Parts count bytes, and requests for parts.
	Sent, Parts atomic.Int64
	// Part is called for every request for a part, where it is set.
	Part func(n int64, w http.ResponseWriter, req *http.Request) (answered bool)
}

// Changed is when all files of a site were changed last.
var Changed = time.Unix(1e9, 0)

// NewSite serves these files until the test ends.
func NewSite(t testing.TB, files map[string][]byte) *Site {
	t.Helper()
	s := &Site{}
	s.Files.Store(&files)
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *Site) serve(w http.ResponseWriter, req *http.Request) {
	w = &counting{w, &s.Sent}
	if req.Header.Get("Range") != "" {
		if n := s.Parts.Add(1); s.Part != nil && s.Part(n, w, req) {
			return
		}
	}
	data, ok := (*s.Files.Load())[strings.TrimPrefix(req.URL.Path, "/")]
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, s.Version.Load()))
	if s.requests.Add(1)%2 == 0 && s.Flaky.Load() && req.Header.Get("Range") == "" {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Header().Set("Last-Modified", Changed.UTC().Format(http.TimeFormat))
		_, _ = w.Write(data[:len(data)/2])
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, req, "", Changed, bytes.NewReader(data))
}

type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.sent.Add(int64(n))
	return n, err
}
