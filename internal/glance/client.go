// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// Client is one caller at one image service. It connects at the first call;
// any number of goroutines may share it.
type Client struct {
	cfg Config
	// turn holds a token while nobody connects, so that many first calls make
	// one connection. A channel, since a mutex can't be waited for with a
	// context.
	turn chan struct{}
	conn atomic.Pointer[connection]
	// refused is the connect error that will not change in the life of this
	// client. Trying a wrong password once per resource may lock the account.
	refused atomic.Pointer[error]
}

// New makes a Client; nothing is read or sent before its first call.
func New(cfg Config) *Client {
	if cfg.RetryTimeout <= 0 {
		cfg.RetryTimeout = DefaultRetryTimeout
	}
	if cfg.Logf == nil {
		cfg.Logf = func(context.Context, string, ...any) {}
	}
	if cfg.retryDelay <= 0 {
		cfg.retryDelay = 250 * time.Millisecond
	}
	c := &Client{cfg: cfg, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

// Caller is who a Client is to Keystone.
type Caller struct {
	UserID, UserName       string
	ProjectID, ProjectName string
	Roles                  []string
}

// Caller connects, and tells who the token was given to.
func (c *Client) Caller(ctx context.Context) (Caller, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return Caller{}, err
	}
	return conn.caller, nil
}

// Endpoint connects, and gives the address in use, without "/v2".
func (c *Client) Endpoint(ctx context.Context) (string, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return "", err
	}
	return conn.sc.Endpoint, nil
}

// connect gives the connection, making it if need be. Its errors are of the
// kinds ErrNotConfigured, ErrConfig, ErrCloudNotFound, ErrUnauthenticated,
// ErrIdentityUnreachable and ErrNoEndpoint.
func (c *Client) connect(ctx context.Context) (*connection, error) {
	if conn := c.conn.Load(); conn != nil {
		return conn, nil
	}
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if conn := c.conn.Load(); conn != nil {
		return conn, nil
	}
	if err := c.refused.Load(); err != nil {
		return nil, *err
	}
	p := &patience{cfg: c.cfg}
	conn, err := dial(p.in(ctx), c.cfg)
	if err != nil {
		if !errors.Is(err, ErrIdentityUnreachable) && ctx.Err() == nil {
			c.refused.Store(&err)
		}
		return nil, p.tried(err)
	}
	c.conn.Store(conn)
	return conn, nil
}

// request is one call of the image API.
type request struct {
	// op is what is tried, for error texts, as in `get image "…"`.
	op     string
	method string
	// path comes after "/v2/"; address is the whole of it where it is not there.
	path    string
	address string
	body    any
	// contentType of the body where it is not application/json.
	contentType string
	// into receives the JSON of the answer; nil where it has none.
	into any
	ok   []int
}

// do sends a request. Its errors are connect's, *StatusError, and others that
// match ErrNoAnswer.
func (c *Client) do(ctx context.Context, r request) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.op, err)
	}
	err = conn.send(ctx, r)
	var status *StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		if err := conn.prove(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.op, err)
		}
	}
	return err
}

func (conn *connection) send(ctx context.Context, r request) (err error) {
	opts := &gophercloud.RequestOpts{OkCodes: r.ok, JSONBody: r.body, JSONResponse: r.into}
	if r.contentType != "" {
		opts.MoreHeaders = map[string]string{"Content-Type": r.contentType}
	}
	address := r.address
	if address == "" {
		address = conn.sc.ServiceURL(r.path)
	}
	p := patienceOf(ctx)
	if p == nil {
		p = &patience{cfg: conn.cfg}
		ctx = p.in(ctx)
		defer func() { err = p.tried(err) }()
	}
	_, err = conn.sc.Request(ctx, r.method, address, opts) //nolint:bodyclose // gophercloud does it
	return conn.translate(r.op, err)
}

// translate turns gophercloud's errors into ours, once and for all.
func (conn *connection) translate(op string, err error) error {
	if err == nil {
		return nil
	}
	var renewal *gophercloud.ErrUnableToReauthenticate
	if errors.As(err, &renewal) {
		return fmt.Errorf("%s: renew the token: %w", op, conn.settings.authError(renewal.ErrReauth, conn.secrets()))
	}
	var status gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &status) {
		return &StatusError{
			Op: op, Code: status.Actual, Body: excerpt(status.Body, conn.secrets()), RetryAfter: headerDelay(status, time.Now()),
		}
	}
	if untrusted(err) {
		return &answerError{op: op, unsent: true, err: fmt.Errorf("%w: %w", ErrCertificate, certificateError(err))}
	}
	if certificateWanted(err) { // nothing is read before that is settled
		return &answerError{op: op, unsent: true, err: ErrClientCertificate}
	}
	return &answerError{op: op, unsent: unsent(err), err: err}
}

// prove makes sure that a 404 comes from Glance. A wrong endpoint or a proxy
// without its server answers 404 too, and "not found" removes things from a
// state.
func (conn *connection) prove(ctx context.Context) error {
	if conn.proven.Load() {
		return nil
	}
	var schema struct {
		Name string `json:"name"`
	}
	err := conn.send(ctx, request{
		op: "get the image schema", method: http.MethodGet, path: "schemas/image",
		into: &schema, ok: []int{http.StatusOK},
	})
	var status *StatusError
	switch {
	case errors.As(err, &status) && status.Code == http.StatusNotFound, err == nil && schema.Name != "image":
		return fmt.Errorf("%w: %s answers, but has no image API v2", ErrNotGlance, conn.sc.Endpoint)
	case err != nil:
		return err
	}
	conn.proven.Store(true)
	return nil
}
