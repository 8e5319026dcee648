// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

func TestStatusErrors(t *testing.T) {
	conn := &connection{settings: &settings{}, sc: &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}}}
	for code, want := range map[int]error{
		400: ErrBadRequest, 401: ErrUnauthenticated, 403: ErrForbidden, 404: ErrNotFound, 409: ErrConflict,
		413: ErrTooLarge, 429: ErrTooManyRequests, 500: ErrServer, 502: ErrUnavailable, 503: ErrUnavailable, 504: ErrUnavailable,
	} {
		err := conn.translate("op", gophercloud.ErrUnexpectedResponseCode{Actual: code, Body: []byte("why")})
		var status *StatusError
		if !errors.Is(err, want) || !errors.As(err, &status) || status.Code != code || status.Op != "op" || status.Body != "why" {
			t.Errorf("%d: %v", code, err)
		}
		if errors.Is(err, ErrServer) != (code >= 500) {
			t.Errorf("%d: is a server error: %v", code, err)
		}
		if got := ambiguous(err); got != (code >= 500) {
			t.Errorf("%d: ambiguous %v", code, got)
		}
		if got := mayStillRun(err); got != (code > 500) {
			t.Errorf("%d: may still run %v", code, got)
		}
	}
	teapot := conn.translate("op", gophercloud.ErrUnexpectedResponseCode{Actual: 418})
	if errors.Unwrap(teapot) != nil || ambiguous(teapot) {
		t.Errorf("418: %v", teapot)
	}
	after := &gophercloud.ErrErrorAfterReauthentication{ErrOriginal: gophercloud.ErrUnexpectedResponseCode{Actual: 409}}
	if err := conn.translate("op", after); !errors.Is(err, ErrConflict) {
		t.Errorf("after a new token: %v", err)
	}
	dialing := &url.Error{Op: "Delete", URL: "http://g", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}
	if err := conn.translate("op", dialing); !errors.Is(err, ErrNoAnswer) || ambiguous(err) {
		t.Errorf("not sent: %v", err)
	}
	reset := &url.Error{Op: "Delete", URL: "http://g", Err: io.ErrUnexpectedEOF}
	if err := conn.translate("op", reset); !errors.Is(err, ErrNoAnswer) || !errors.Is(err, io.ErrUnexpectedEOF) || !ambiguous(err) || !mayStillRun(err) {
		t.Errorf("cut: %v", err)
	}
	if conn.translate("op", nil) != nil {
		t.Error("nil")
	}
}

func TestExcerpt(t *testing.T) {
	for body, want := range map[string]string{
		`{"message": "Image x is in use: it&#39;s so.<br /><br />\n\n\n", "code": "409 Conflict", "title": "Conflict"}`: "Image x is in use: it's so.",
		`{"error":{"code":401,"message":"no hunter2 here","title":"Unauthorized"}}`:                                     "no *** here",
		"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>\nfrom  proxy</body></html>":    "from proxy",
		"": "", "\xff plain \n text": "? plain text",
	} {
		if got := excerpt([]byte(body), []string{"", "hunter2"}); got != want {
			t.Errorf("%q gives %q, want %q", body, got, want)
		}
	}
	if got := excerpt([]byte(strings.Repeat("ü", 1000)), nil); len(got) > maxBody+len("…") || !strings.HasSuffix(got, "ü…") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestRetry(t *testing.T) {
	quick := New(Config{retryDelay: time.Microsecond, RetryTimeout: 30 * time.Second}).cfg
	status := func(code int, retryAfter string) error {
		return gophercloud.ErrUnexpectedResponseCode{Actual: code, ResponseHeader: http.Header{"Retry-After": {retryAfter}}}
	}
	request := func(err error) error { return &url.Error{Op: "x", URL: "http://g", Err: err} }
	dialing := request(&net.OpError{Op: "dial", Err: errors.New("refused")})
	reset := request(&net.OpError{Op: "read", Err: errors.New("connection reset by peer")})
	timeOut := request(context.DeadlineExceeded)
	noHost := request(&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}})
	for n, test := range []struct {
		method, address string
		err             error
		again           bool
	}{
		{"GET", "http://g", status(500, ""), true},
		{"GET", "http://g", status(503, "0"), true},
		{"GET", "http://g", status(503, "3600"), false},
		{"GET", "http://g", status(501, ""), false},
		{"GET", "http://g", status(404, ""), false},
		{"GET", "http://g", reset, true},
		{"GET", "http://g", request(io.EOF), true},
		{"GET", "http://g", timeOut, true},
		{"GET", "http://g", io.ErrUnexpectedEOF, true},
		{"GET", "http://g", status(408, ""), true},
		{"POST", "http://g", timeOut, false},
		{"GET", "http://g", noHost, false},
		{"GET", "http://g", request(errRedirect), false},
		{"GET", "http://g", errors.New("not JSON"), false},
		{"POST", "http://k/v3/auth/tokens", status(500, ""), true},
		{"POST", "http://k/v3/auth/tokens", status(401, ""), false},
		{"POST", "http://k/v3/auth/tokens", reset, true},
		{"POST", "http://g", status(500, ""), false},
		{"POST", "http://g", reset, false},
		{"PATCH", "http://g", status(503, "0"), false},
		{"DELETE", "http://g", status(504, ""), false},
		{"DELETE", "http://g", reset, false},
		{"DELETE", "http://g", dialing, true},
		{"PATCH", "http://g", status(429, "0"), true},
	} {
		err := retry((&patience{cfg: quick}).in(t.Context()), test.method, test.address, test.err)
		if (err == nil) != test.again {
			t.Errorf("%d: %s %s after %v: %v", n, test.method, test.address, test.err, err)
		}
	}
	p := &patience{cfg: quick, failures: 1, since: time.Now().Add(-quick.RetryTimeout)}
	if retry(p.in(t.Context()), "GET", "http://g", reset) == nil {
		t.Error("no end of retries")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if retry((&patience{cfg: quick}).in(gone), "GET", "http://g", reset) == nil {
		t.Error("retry after the caller's end")
	}
	short, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if retry((&patience{cfg: quick}).in(short), "GET", "http://g", status(503, "20")) == nil || short.Err() != nil {
		t.Error("waited for more than there is time")
	}
}

// The time between attempts grows, and the last one is begun a minute after the
// first at the earliest.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &patience{cfg: New(Config{}).cfg}
		begin, last := time.Now(), time.Duration(0)
		for p.wait(t.Context(), io.ErrUnexpectedEOF) {
			last = time.Since(begin)
		}
		if last < time.Minute || last > DefaultRetryTimeout || p.failures < 12 || p.failures > 40 {
			t.Errorf("the last of %d attempts after %s", p.failures, last)
		}
		if err := p.tried(io.ErrUnexpectedEOF); !strings.Contains(err.Error(), "times within 1m") {
			t.Error(err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "0": 0, "7": 7 * time.Second,
		"Thu, 29 Feb 2024 12:00:05 GMT": 5 * time.Second, "Thu, 29 Feb 2024 11:00:00 GMT": 0,
	} {
		err := gophercloud.ErrUnexpectedResponseCode{Actual: 429, ResponseHeader: http.Header{"Retry-After": {value}}}
		if got := headerDelay(err, now); got != want {
			t.Errorf("%q: %v", value, got)
		}
		conn := &connection{settings: &settings{}, sc: &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}}}
		if got := askedDelay(conn.translate("op", err), now); want > 0 && !strings.Contains(value, "GMT") && got != want {
			t.Errorf("%q, translated: %v", value, got)
		}
	}
}

func TestImageEndpoint(t *testing.T) {
	catalog := []tokens.CatalogEntry{
		{Type: "compute", Endpoints: []tokens.Endpoint{{Interface: "public", RegionID: "one", URL: "http://nova"}}},
		{Type: "image", Endpoints: []tokens.Endpoint{
			{Interface: "internal", RegionID: "one", URL: "http://internal"},
			{Interface: "public", RegionID: "one", URL: "http://one"},
			{Interface: "public", Region: "two", URL: "http://two"},
		}},
	}
	for _, test := range []struct {
		region    string
		available gophercloud.Availability
		want      string
	}{
		{"", "", "http://one"}, {"two", "", "http://two"}, {"one", gophercloud.AvailabilityInternal, "http://internal"},
		{"two", gophercloud.AvailabilityInternal, ""}, {"", gophercloud.AvailabilityAdmin, ""},
	} {
		got, err := imageEndpoint(catalog, gophercloud.EndpointOpts{Region: test.region, Availability: test.available})
		if got != test.want || (err != nil) != (test.want == "") || err != nil && !errors.Is(err, ErrNoEndpoint) {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
	_, err := imageEndpoint(catalog[:1], gophercloud.EndpointOpts{})
	if err == nil || !strings.Contains(err.Error(), "no image endpoint at all") {
		t.Error(err)
	}
}

func TestWithoutVersion(t *testing.T) {
	for _, base := range []string{"http://h:9292", "https://h/image", "http://h/env2/x"} {
		for _, suffix := range []string{"", "/", "/v2", "/v2/", "/v2.1//", "/v3"} {
			if got := withoutVersion(base + suffix); got != base+"/" {
				t.Errorf("%s%s gives %s", base, suffix, got)
			}
		}
	}
}

func TestErrorTexts(t *testing.T) {
	err := fmt.Errorf("%w", &StatusError{Op: `get image "x"`, Code: 404, Body: "No image"})
	if err.Error() != `get image "x": glance answered 404 Not Found: No image` {
		t.Error(err)
	}
}
