// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kinds of errors before a request reaches Glance. All of them last for the
// life of a Client, except ErrIdentityUnreachable.
var (
	// ErrNotConfigured: neither a cloud of clouds.yaml nor OS_* variables.
	ErrNotConfigured = errors.New("OpenStack is not configured")
	// ErrConfig: clouds.yaml, a certificate file or the credentials in them are
	// missing, unreadable or incomplete.
	ErrConfig = errors.New("OpenStack configuration is not usable")
	// ErrCloudNotFound: clouds.yaml was read and has no such cloud.
	ErrCloudNotFound = errors.New("cloud is not in clouds.yaml")
	// ErrIdentityUnreachable: no usable answer from the identity service.
	ErrIdentityUnreachable = errors.New("identity service is not reachable")
	// ErrNoEndpoint: no image endpoint in the catalogue for region and interface.
	ErrNoEndpoint = errors.New("no image endpoint")
	// ErrNoProject: a token without a project has no catalogue either.
	ErrNoProject = errors.New("the credentials are for no project")
	// ErrCertificate: that of Keystone, Glance or a proxy is not signed by an
	// authority that is known here, is of another host, or out of date.
	ErrCertificate = errors.New("the server's certificate is not trusted")
	// ErrClientCertificate: Keystone, Glance or a proxy wants a client certificate,
	// or another one.
	ErrClientCertificate = errors.New("the server wants a client certificate, or refuses the one it got")
)

// Kinds of answers, and of their absence.
var (
	ErrBadRequest      = errors.New("bad request")                // 400
	ErrUnauthenticated = errors.New("authentication refused")     // 401
	ErrForbidden       = errors.New("forbidden")                  // 403
	ErrNotFound        = errors.New("image not found")            // 404, and the endpoint is Glance's
	ErrConflict        = errors.New("conflict")                   // 409
	ErrTooLarge        = errors.New("limit or quota exceeded")    // 413
	ErrTooManyRequests = errors.New("too many requests")          // 429
	ErrServer          = errors.New("server error")               // 5xx
	ErrNoAnswer        = errors.New("no answer from glance")      // not sent, reset, timed out
	ErrNotGlance       = errors.New("endpoint is not Glance's")   // answers, but not as Glance does
	ErrUndecided       = errors.New("outcome is not known (yet)") // no answer, and the record is not as asked for
)

// ErrTokenRefused is about a token or an application credential that the identity
// service does not know, or no more. It also matches ErrUnauthenticated.
var ErrTokenRefused = fmt.Errorf("%w: token or application credential", ErrUnauthenticated)

// ErrUnavailable says that what stands before Glance, or Glance itself, could not
// serve the request: 502, 503, 504. It also matches ErrServer.
var ErrUnavailable = fmt.Errorf("%w: not available at the moment", ErrServer)

// Kinds of refusals that have an explanation.
var (
	// ErrLocationsDisabled is AddLocation's 403; the text says whether the
	// option or the policy is in the way. It also matches ErrForbidden.
	ErrLocationsDisabled = errors.New("adding locations is not allowed")
	// ErrHashAlgorithm is AddLocation's 409 for the hashes given with a record
	// that is still queued: the server's hashing_algorithm is another one. It
	// also matches ErrConflict.
	ErrHashAlgorithm = errors.New("Glance takes hashes of another algorithm")
	// ErrNotDeactivated: DeleteRecord wants a record that is deactivated.
	ErrNotDeactivated = errors.New("image is not deactivated")
)

// StatusError is an answer with a status code that was not asked for. It
// unwraps to the sentinel of its code, where there is one.
type StatusError struct {
	// Op is what was tried, as in `delete image "…"`.
	Op   string
	Code int
	// Body is the message in the answer, as plain text, at most a few hundred
	// characters, without passwords and tokens.
	Body string
	// RetryAfter is what the server asked to wait; zero where it did not.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s: glance answered %d %s", e.Op, e.Code, http.StatusText(e.Code))
	if e.Body != "" {
		s += ": " + e.Body
	}
	return s
}

// Unwrap gives the sentinel of the status code.
func (e *StatusError) Unwrap() error {
	switch {
	case e.Code == http.StatusBadRequest:
		return ErrBadRequest
	case e.Code == http.StatusUnauthorized:
		return ErrUnauthenticated
	case e.Code == http.StatusForbidden:
		return ErrForbidden
	case e.Code == http.StatusNotFound:
		return ErrNotFound
	case e.Code == http.StatusConflict:
		return ErrConflict
	case e.Code == http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	case e.Code == http.StatusTooManyRequests:
		return ErrTooManyRequests
	case mayBeBack(e.Code):
		return ErrUnavailable
	case e.Code >= 500:
		return ErrServer
	}
	return nil
}

// answerError is a request that got no usable answer.
type answerError struct {
	op string
	// unsent: the connection could not be made, so nothing has happened.
	unsent bool
	err    error
}

func (e *answerError) Error() string {
	return fmt.Sprintf("%s: %v: %v", e.op, ErrNoAnswer, e.err)
}

func (e *answerError) Unwrap() []error { return []error{ErrNoAnswer, e.err} }

// ambiguous says whether a change may have happened although it failed.
func ambiguous(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code >= 500 || status.Code == http.StatusRequestTimeout
	}
	var answer *answerError
	return errors.As(err, &answer) && !answer.unsent
}

// mayStillRun says whether Glance may be at work on the request after the
// answer: a gateway that gave up says nothing about the server behind it.
func mayStillRun(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code == http.StatusRequestTimeout || mayBeBack(status.Code)
	}
	return ambiguous(err)
}

func mayBeBack(code int) bool {
	return code == http.StatusBadGateway || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
}

// settle gives the error of a change that failed ambiguously, after a look at
// the record: none if the change is there, the failure itself if the server
// answered and it is not, and ErrUndecided otherwise.
func settle(err, getErr error, done bool) error {
	switch {
	case done:
		return nil
	case getErr != nil:
		return fmt.Errorf("%w: %w; then %w", ErrUndecided, err, getErr)
	case mayStillRun(err):
		return fmt.Errorf("%w: %w", ErrUndecided, err)
	}
	return err
}
