package glance

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

const (
	maxRetries = 3
	// defaultDelay is before the first retry, and doubles with each.
	defaultDelay = 250 * time.Millisecond
	// maxRetryAfter is the longest Retry-After that is waited for; a server
	// that wants more is reported instead.
	maxRetryAfter = 10 * time.Second
)

// retry decides about a failed request: nil means once more. Only what cannot
// do anything twice is repeated: GETs, requests for a token, and requests that
// were not sent or that the server turned away unread (429).
func retry(ctx context.Context, firstDelay time.Duration, method, address string, err error, failures uint) error {
	if failures > maxRetries || ctx.Err() != nil {
		return err
	}
	safe := method == http.MethodGet || method == http.MethodHead ||
		method == http.MethodPost && strings.HasSuffix(address, "/auth/tokens")
	delay := firstDelay << (failures - 1)
	delay += rand.N(delay / 2) //nolint:gosec // to spread requests, not to hide anything

	var status gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &status) {
		tooMany := status.Actual == http.StatusTooManyRequests
		if !tooMany && (!safe || status.Actual < 500 || status.Actual == http.StatusNotImplemented) {
			return err
		}
		if asked, ok := retryAfter(status.ResponseHeader, time.Now()); ok {
			if asked > maxRetryAfter {
				return err
			}
			delay = max(delay, asked)
		}
	} else if unknownHost(err) || !unsent(err) && (!safe || !broken(err)) {
		return err
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return err
	}
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if s, err := strconv.Atoi(v); err == nil && s >= 0 {
		return time.Duration(s) * time.Second, true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now)), true
	}
	return 0, false
}

// unsent says that no connection could be made, so that the server has seen
// nothing of the request.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// unknownHost says that there is no server of that name, which will not change.
func unknownHost(err error) bool {
	var lookup *net.DNSError
	return errors.As(err, &lookup) && lookup.IsNotFound
}

// broken says that the connection ended before the answer did. A time-out is
// not meant: another attempt would wait as long.
func broken(err error) bool {
	var request *url.Error
	if !errors.As(err, &request) || request.Timeout() {
		return false
	}
	var certificate *tls.CertificateVerificationError
	return !errors.As(err, &certificate) && !errors.Is(err, errRedirect) && !errors.Is(err, context.Canceled)
}

var errRedirect = errors.New("refused a redirection to another server")

// sameServer is the HTTP client's CheckRedirect. net/http takes no notice of
// X-Auth-Token, and would carry the token, or a request body with a password
// in it, to whatever server it is pointed to.
func sameServer(req *http.Request, via []*http.Request) error {
	if first := via[0].URL; req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		return errRedirect
	}
	if len(via) >= 5 {
		return errors.New("too many redirections")
	}
	return nil
}
