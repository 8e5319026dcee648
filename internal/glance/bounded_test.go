// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
)

// endless writes more than anybody should read.
func endless(w io.Writer, begin, with string) {
	_, err := io.WriteString(w, begin)
	chunk := strings.Repeat(with, 1<<20)
	for n := 0; n < 512 && err == nil; n++ {
		_, err = io.WriteString(w, chunk)
	}
}

// An answer without an end, compressed or not, is left at its limit.
func TestEndlessAnswersInLab(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter){
		"gzip": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			endless(gzip.NewWriter(w), `{"id": "`, "a")
		},
		"spaces":  func(w http.ResponseWriter) { endless(w, "", " ") },
		"refusal": func(w http.ResponseWriter) { w.WriteHeader(http.StatusConflict); endless(w, "no ", "a") },
		"header":  func(w http.ResponseWriter) { w.Header().Set("X-Long", strings.Repeat("a", 2*maxHeader)) },
	} {
		t.Run(name, func(t *testing.T) {
			f, c := newFaulty(t, time.Minute, func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
				answer(w)
				return true
			})
			c.conn.Load().cfg.RetryTimeout = time.Millisecond // net/http does not tell a long header from a broken one
			_, err := c.Get(t.Context(), NewID())
			switch {
			case name == "refusal":
				if !errors.Is(err, ErrConflict) || len(err.Error()) > 2*maxBody {
					t.Errorf("got %.2000v", err)
				}
			case name == "header":
				if !errors.Is(err, ErrNoAnswer) {
					t.Errorf("got %v", err)
				}
			case !errors.Is(err, errTooLong) || !errors.Is(err, ErrNoAnswer):
				t.Errorf("got %v", err)
			case f.requests(http.MethodGet) != 1:
				t.Errorf("asked %d times", f.requests("GET"))
			}
		})
	}
}

// A token without an end is no configuration that is wrong.
func TestEndlessTokenInLab(t *testing.T) {
	auth := labAuth(t)
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		endless(w, `{"token": {"user": "`, "a")
	}))
	defer identity.Close()
	auth.AuthURL = identity.URL + "/v3"
	useCloud(t, clouds.Cloud{AuthInfo: &auth})
	if _, err := New(Config{Cloud: "test"}).Caller(t.Context()); !errors.Is(err, errTooLong) || !errors.Is(err, ErrIdentityUnreachable) {
		t.Errorf("got %v", err)
	}
}

// The pages of a list end, whatever their links say, and together they are no
// longer than a list may be.
func TestPagesWithoutAnEndInLab(t *testing.T) {
	t.Parallel()
	spaces := strings.Repeat(" ", maxAnswer-1<<10)
	record := `{"id": "1", "status": "active"}`
	for name, c := range map[string]struct {
		page func(n int64) string
		want error
		most int64 // requests
	}{
		"itself": {func(int64) string { return `{"images": [` + record + `], "next": "/v2/images?marker=1"}` }, ErrNotGlance, 2},
		"a circle": {func(n int64) string {
			return fmt.Sprintf(`{"images": [%s], "next": "/v2/images?marker=%d"}`, record, n%3)
		}, ErrNotGlance, 4},
		"another host": {func(int64) string {
			return `{"images": [` + record + `], "next": "http://elsewhere/v2/images?marker=1"}`
		}, ErrNotGlance, 1},
		"another again": {func(int64) string {
			return `{"images": [` + record + `], "next": "//elsewhere/v2/images?marker=1"}`
		}, ErrNotGlance, 1},
		"no marker":     {func(int64) string { return `{"images": [` + record + `], "next": "/v2/images"}` }, ErrNotGlance, 1},
		"no link":       {func(int64) string { return `{"images": [` + record + `], "next": "%zz"}` }, ErrNotGlance, 1},
		"nothing in it": {func(n int64) string { return fmt.Sprintf(`{"images": [], "next": "/v2/images?marker=%d"}`, n) }, ErrNotGlance, 1},
		"too many": {func(n int64) string {
			return fmt.Sprintf(`{"images": [%s{}], "next": "/v2/images?marker=%d"}`, strings.Repeat("{},", 40_000), n)
		}, errTooLong, 3},
		"too long": {func(n int64) string {
			return fmt.Sprintf(`%s{"images": [%s], "next": "/v2/images?marker=%d"}`, spaces, record, n)
		}, errTooLong, 5},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			_, client := newFaulty(t, time.Minute, func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
				_, _ = io.WriteString(w, c.page(asked.Add(1)))
				return true
			})
			images, err := client.List(t.Context(), Filter{})
			if !errors.Is(err, c.want) || images != nil || strings.Contains(err.Error(), "\n") || asked.Load() > c.most {
				t.Errorf("%d records after %d requests: %v", len(images), asked.Load(), err)
			}
		})
	}
}
