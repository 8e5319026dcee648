// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// retry decides about a failed request: nil means once more. Only what cannot
// do anything twice is repeated here: GETs, requests for a token, and requests that
// were not sent or that the server turned away unread (429). Changes are
// repeated by Client.change.
func retry(ctx context.Context, method, address string, err error) error {
	p := patienceOf(ctx)
	if p == nil || !passing(method, address, err) || !p.wait(ctx, err) {
		return err
	}
	return nil
}

// passing says that a request can be sent again, and that its failure may pass.
func passing(method, address string, err error) bool {
	safe := method == http.MethodGet || method == http.MethodHead ||
		method == http.MethodPost && strings.HasSuffix(address, "/auth/tokens")
	var status gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &status) {
		switch code := status.Actual; {
		case code == http.StatusTooManyRequests:
			return true
		case code == http.StatusNotImplemented:
			return false
		default:
			return safe && (code >= 500 || code == http.StatusRequestTimeout)
		}
	}
	if unknownHost(err) || untrusted(err) || certificateWanted(err) {
		return false
	}
	return unsent(err) || safe && broken(err)
}

// headerDelay reads Retry-After: seconds or a date. It is zero where there is
// none.
func headerDelay(err error, now time.Time) time.Duration {
	var status gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &status) {
		return 0
	}
	v := status.ResponseHeader.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s >= 0 {
		return time.Duration(min(s, 24*60*60)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
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

// broken says that the connection ended before the answer did, or that the
// answer did not come in time.
func broken(err error) bool {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return true // within the body
	}
	var reading *net.OpError
	var request *url.Error
	if !errors.As(err, &request) {
		return errors.As(err, &reading)
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
