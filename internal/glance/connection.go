// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// connection is an authenticated client with the image endpoint found. The
// token is renewed by gophercloud when a request is answered with 401.
type connection struct {
	cfg      Config
	settings *settings
	sc       *gophercloud.ServiceClient
	caller   Caller
	identity Identity
	// proven: something at the endpoint has answered as only Glance does.
	proven atomic.Bool
	// version is the newest that the server has, where it was asked.
	version atomic.Pointer[[2]int]
}

// secrets lists what must not be seen in an error text.
func (conn *connection) secrets() []string {
	return append(conn.settings.secrets(), conn.sc.Token())
}

// dial reads the configuration, authenticates, and looks up the endpoint.
// Similar to: `openstack token issue` and `openstack catalog show image`.
func dial(ctx context.Context, cfg Config) (*connection, error) {
	set, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	provider, err := openstack.NewClient(set.auth.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: auth_url is not valid", ErrConfig, set.source)
	}
	// The identity API v3 is asked for by its address and not by discovery,
	// whose links often name a server that is only known inside the cloud.
	provider.IdentityBase = withoutVersion(set.auth.URL)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.MaxResponseHeaderBytes = set.tls, maxHeader
	provider.HTTPClient = http.Client{Transport: bounded{transport}, Timeout: set.requestTimeout, CheckRedirect: sameServer}
	provider.RetryFunc = func(ctx context.Context, method, address string, _ *gophercloud.RequestOpts, err error, _ uint) error {
		return retry(ctx, method, address, err)
	}
	if cfg.UserAgent != "" {
		provider.UserAgent.Prepend(cfg.UserAgent)
	}

	auth := set.auth.options()
	if err := openstack.AuthenticateV3(ctx, provider, &auth, gophercloud.EndpointOpts{}); err != nil {
		return nil, set.authError(err, set.secrets())
	}
	token, ok := provider.GetAuthResult().(tokenResult)
	if !ok {
		return nil, fmt.Errorf("%w: %s did not answer with a v3 token", ErrIdentityUnreachable, set.authURL())
	}
	conn := &connection{cfg: cfg, settings: set}
	if conn.caller, err = callerOf(token); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIdentityUnreachable, set.authURL(), err)
	}
	catalog, err := token.ExtractServiceCatalog()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: the catalogue is unreadable: %w", ErrIdentityUnreachable, set.authURL(), err)
	}
	endpoint := set.imageEndpoint
	if endpoint == "" && conn.caller.ProjectID == "" && len(catalog.Entries) == 0 {
		return nil, fmt.Errorf("%w: %s %s (from %s): its catalogue is empty", ErrNoProject, set.authURL(), set.who(), set.source)
	}
	if endpoint == "" {
		if endpoint, err = imageEndpoint(catalog.Entries, set.endpoint); err != nil {
			return nil, err
		}
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" {
		return nil, fmt.Errorf("%w: image endpoint %q is no http(s) address", ErrConfig, endpoint)
	}
	conn.identity = identify(set, catalog.Entries, endpoint)
	base := withoutVersion(endpoint)
	conn.sc = &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: base, ResourceBase: base + "v2/", Type: "image"}
	return conn, nil
}

// tokenResult is what both ways of getting a v3 token (by credentials, or a
// given token's validation) leave with the provider client.
type tokenResult interface {
	ExtractServiceCatalog() (*tokens.ServiceCatalog, error)
	ExtractUser() (*tokens.User, error)
	ExtractProject() (*tokens.Project, error)
	ExtractRoles() ([]tokens.Role, error)
}

func callerOf(token tokenResult) (Caller, error) {
	var c Caller
	user, err := token.ExtractUser()
	if err != nil {
		return c, err
	}
	project, err := token.ExtractProject()
	if err != nil {
		return c, err
	}
	roles, err := token.ExtractRoles()
	if err != nil {
		return c, err
	}
	if user != nil {
		c.UserID, c.UserName = user.ID, user.Name
	}
	if project != nil { // a token may have no project, or a whole system's scope
		c.ProjectID, c.ProjectName = project.ID, project.Name
	}
	for _, r := range roles {
		c.Roles = append(c.Roles, r.Name)
	}
	return c, nil
}

// imageEndpoint picks the image service's address from the catalogue. The
// library's own way would also ask the address for its versions, without the
// caller's context.
func imageEndpoint(catalog []tokens.CatalogEntry, want gophercloud.EndpointOpts) (string, error) {
	if want.Availability == "" {
		want.Availability = gophercloud.AvailabilityPublic
	}
	var there []string
	for _, service := range catalog {
		if service.Type != "image" {
			continue
		}
		for _, e := range service.Endpoints {
			region := firstOf(e.RegionID, e.Region)
			if e.Interface == string(want.Availability) && (want.Region == "" || want.Region == e.Region || want.Region == e.RegionID) {
				return e.URL, nil
			}
			there = append(there, fmt.Sprintf("%s in region %q", e.Interface, region))
		}
	}
	region := "any region"
	if want.Region != "" {
		region = fmt.Sprintf("region %q", want.Region)
	}
	has := "has no image endpoint at all"
	if len(there) > 0 {
		slices.Sort(there)
		has = "has these image endpoints: " + strings.Join(slices.Compact(there), ", ")
	}
	return "", fmt.Errorf("%w for interface %q and %s: the catalogue %s", ErrNoEndpoint, want.Availability, region, has)
}

var versionSuffix = regexp.MustCompile(`/+(v\d+(\.\d+)?)?/*$`)

// withoutVersion strips "/v2", "/v3" and the like, and ends the address with
// one slash.
func withoutVersion(address string) string {
	return versionSuffix.ReplaceAllString(address+"/", "/")
}

// authError translates a failure to get a token. Nothing of the request is in
// its text but what settings.who says.
func (s *settings) authError(err error, secrets []string) error {
	var status gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &status) {
		text := excerpt(status.Body, secrets)
		if text != "" {
			text = ": " + text
		}
		refused := ErrUnauthenticated
		if s.auth.Password == "" {
			refused = ErrTokenRefused
		}
		switch status.Actual {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("%w by %s %s (from %s): HTTP %d%s", refused, s.authURL(), s.who(), s.source, status.Actual, text)
		case http.StatusBadRequest:
			return fmt.Errorf("%w: %s: %s did not understand the credentials %s: HTTP 400%s", ErrConfig, s.source, s.authURL(), s.who(), text)
		case http.StatusNotFound:
			// Keystone's answer to a token or an application credential that
			// it does not know (any more).
			if s.auth.Token != "" || s.auth.applicationCredential() {
				return fmt.Errorf("%w by %s %s (from %s): HTTP 404%s", refused, s.authURL(), s.who(), s.source, text)
			}
			return fmt.Errorf("%w: there is no identity API v3 at %s (from %s): HTTP 404%s", ErrIdentityUnreachable, s.authURL(), s.source, text)
		}
		return fmt.Errorf("%w: %s (from %s) answered HTTP %d%s", ErrIdentityUnreachable, s.authURL(), s.source, status.Actual, text)
	}
	var transport *url.Error
	var dialing *net.OpError
	switch {
	case untrusted(err):
		return fmt.Errorf("%w: %s (from %s): %w: %w", ErrIdentityUnreachable, s.authURL(), s.source, ErrCertificate, certificateError(err))
	case certificateWanted(err):
		return fmt.Errorf("%w: %s (from %s): %w", ErrIdentityUnreachable, s.authURL(), s.source, ErrClientCertificate)
	case errors.As(err, &transport):
		// Not the url.Error itself: it repeats the address.
		return fmt.Errorf("%w: %s (from %s): %w", ErrIdentityUnreachable, s.authURL(), s.source, transport.Err)
	case errors.As(err, &dialing), errors.Is(err, errTooLong), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s (from %s): %w", ErrIdentityUnreachable, s.authURL(), s.source, err)
	}
	// What is left is the library's view of the credentials (a user without a
	// domain, no password) and answers that are no JSON.
	return fmt.Errorf("%w: %s: authentication %s: %s", ErrConfig, s.source, s.who(), scrub(err.Error(), secrets))
}

// untrusted tells whether a server's certificate was refused. It stays refused.
func untrusted(err error) bool {
	var e *tls.CertificateVerificationError
	return errors.As(err, &e)
}

// certificateError is what is wrong with it, without the address.
func certificateError(err error) error {
	var e *tls.CertificateVerificationError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
