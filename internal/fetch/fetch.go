// SPDX-License-Identifier: MPL-2.0

// Package fetch reads a file from an HTTP server as one stream, whatever becomes
// of the connections meanwhile, and notices when the file changes on the way.
package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// What can go wrong.
var (
	ErrNotFound  = errors.New("the server has no such file")
	ErrStatus    = errors.New("the server refused")
	ErrChanged   = errors.New("the file changed on the server while it was read")
	ErrTruncated = errors.New("the server sent less than it said")
	ErrURL       = errors.New("not a usable URL")
	// ErrAnswer is about what no server may answer, or what leaves open what the
	// file is.
	ErrAnswer = errors.New("the server's answer makes no sense")
	// ErrEncoded is about a server that compresses what it sends.
	ErrEncoded = errors.New("the server compresses the file on its way, though it was not asked to")
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
	// longestAsked is how long a server may ask to wait (Retry-After).
	longestAsked = time.Minute
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
		if req.URL.Scheme != "http" && req.URL.Scheme != "https" {
			return fmt.Errorf("%w: a redirect to %q", ErrStatus, req.URL.Scheme)
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
