// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// DefaultRequestTimeout bounds one HTTP request where nothing else is said.
// Glance answers a DELETE when the store has removed the data.
const DefaultRequestTimeout = 2 * time.Minute

// DefaultRetryTimeout is how long faults are waited out where Config says
// nothing: a restart of Glance or Keystone takes less than a minute.
const DefaultRetryTimeout = 75 * time.Second

// Config says which cloud to speak to, and overrides what it says of itself.
// The zero value takes everything from the environment.
type Config struct {
	// Cloud is a name in clouds.yaml; OS_CLOUD where empty, and the other OS_*
	// variables where that is empty too. The file is searched as the openstack
	// command does: $OS_CLIENT_CONFIG_FILE alone, or ./clouds.yaml,
	// ~/.config/openstack/clouds.yaml, /etc/openstack/clouds.yaml; secrets may
	// stand in a secure.yaml beside it.
	Cloud string
	// Auth overrides the credentials of the cloud, or of the OS_* variables. With
	// a URL in it, nothing is read from clouds.yaml and the environment: what is
	// meant for one Keystone is sent to no other. Without a Cloud, credentials
	// in it keep OS_CLOUD from being read.
	Auth Auth
	// Region overrides region_name and OS_REGION_NAME.
	Region string
	// Interface overrides that of the cloud and OS_INTERFACE: public, internal or
	// admin.
	Interface string
	// Endpoint is used instead of the catalogue's image endpoint, with or
	// without "/v2". Requests are authenticated all the same.
	Endpoint string
	// CACertFile and CACertPEM override cacert and OS_CACERT.
	CACertFile, CACertPEM string
	// A client certificate and its key, each in a file or as PEM, override cert
	// and key, OS_CERT and OS_KEY.
	CertFile, CertPEM, KeyFile, KeyPEM string
	// Insecure overrides verify and insecure of the cloud, where it isn't nil.
	Insecure *bool
	// RequestTimeout bounds one HTTP request, including the authentication's;
	// when zero, api_timeout of the cloud, or else DefaultRequestTimeout. The
	// caller's context bounds the whole.
	RequestTimeout time.Duration
	// RetryTimeout is how long after a first failure a request is tried again
	// where that is safe and may help; DefaultRetryTimeout when zero.
	RetryTimeout time.Duration
	// UserAgent is put before gophercloud's own.
	UserAgent string
	// Logf is told of failures that are waited out; nil discards that.
	Logf func(ctx context.Context, format string, args ...any)

	// retryDelay is before the first retry, and doubles with each. It is shorter
	// in tests.
	retryDelay time.Duration
}

// settings is a Config resolved with files and environment.
type settings struct {
	auth     Auth
	endpoint gophercloud.EndpointOpts
	tls      *tls.Config
	// imageEndpoint is used instead of the catalogue's, where it is set.
	imageEndpoint  string
	requestTimeout time.Duration
	// source says where the credentials come from, for error texts.
	source string
}

// base is what a Config overrides.
type base struct {
	entry
	// source is where it stands, and spell what a key of clouds.yaml is called
	// there.
	source string
	spell  func(key string) string
}

// Check tells of credentials that stand in the Config alone, with an Auth.URL,
// whether they are whole. It reads no file and sends nothing.
func (cfg Config) Check() error {
	if cfg.Auth.URL == "" {
		return nil
	}
	b, err := cfg.base()
	if err != nil {
		return err
	}
	_, err = cfg.login(b)
	return err
}

// resolve reads files and environment. Its errors are of the kinds
// ErrNotConfigured, ErrConfig and ErrCloudNotFound.
func (cfg Config) resolve() (*settings, error) {
	b, err := cfg.base()
	if err != nil {
		return nil, err
	}
	auth, err := cfg.login(b)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.certificates(b.certificates).config()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, b.source, err)
	}
	s := &settings{
		auth: auth, tls: tlsConfig, source: b.source,
		imageEndpoint:  firstOf(cfg.Endpoint, b.imageEndpoint),
		requestTimeout: DefaultRequestTimeout,
		endpoint: gophercloud.EndpointOpts{
			Region:       firstOf(cfg.Region, b.imageRegion, b.region),
			Availability: availability(firstOf(cfg.Interface, b.access)),
		},
	}
	for _, given := range []time.Duration{b.apiTimeout, cfg.RequestTimeout} {
		if given > 0 {
			s.requestTimeout = given
		}
	}
	return s, nil
}

// base finds out what there is besides the Config.
func (cfg Config) base() (base, error) {
	name := cfg.Cloud
	switch {
	case cfg.Auth.URL != "" && cfg.Cloud != "":
		return base{}, fmt.Errorf("%w: both a cloud (%q), which has an auth_url, and another auth_url are given", ErrConfig, cfg.Cloud)
	case cfg.Auth.URL != "":
		return base{source: givenSource, spell: argument}, nil
	case name == "" && !cfg.Auth.credentials():
		name = os.Getenv("OS_CLOUD")
	}
	var b base
	var err error
	if name != "" {
		b, err = fromFile(name, firstOf(cfg.Region, os.Getenv("OS_REGION_NAME")))
	} else {
		b, err = fromEnvironment()
	}
	if err == nil && cfg.Auth != (Auth{}) {
		b.source += " and " + givenSource
	}
	return b, err
}

const givenSource = "the provider's configuration"

// argument is the provider's name for a key of clouds.yaml.
func argument(key string) string {
	if key == "username" {
		return "user_name"
	}
	return key
}

// login are the credentials that count.
func (cfg Config) login(b base) (Auth, error) {
	bad := func(err error) (Auth, error) { return Auth{}, fmt.Errorf("%w: %s: %w", ErrConfig, b.source, err) }
	auth, err := cfg.Auth.over(b.auth)
	if err != nil {
		return bad(err)
	}
	u, err := url.Parse(auth.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		// The address itself is not shown: it may hold a password.
		return bad(errors.New("auth_url is missing or is no http(s) address"))
	}
	if err := auth.check(b.spell); err != nil {
		return bad(err)
	}
	return auth, nil
}

// certificates puts those of the Config over the cloud's.
func (cfg Config) certificates(of certificates) certificates {
	if ca := (material{cfg.CACertFile, cfg.CACertPEM}); ca.given() {
		of.ca = ca
	}
	if cert, key := (material{cfg.CertFile, cfg.CertPEM}), (material{cfg.KeyFile, cfg.KeyPEM}); cert.given() || key.given() {
		of.cert, of.key = cert, key
	}
	if cfg.Insecure != nil {
		of.insecure = *cfg.Insecure
	}
	return of
}

func availability(access string) gophercloud.Availability {
	switch strings.TrimSuffix(access, "URL") {
	case "internal":
		return gophercloud.AvailabilityInternal
	case "admin":
		return gophercloud.AvailabilityAdmin
	}
	return gophercloud.AvailabilityPublic
}

// secrets lists what must not be seen in an error text.
func (s *settings) secrets() []string {
	return []string{s.auth.Password, s.auth.ApplicationCredentialSecret, s.auth.Token}
}

// who describes the credentials without the secret in them.
func (s *settings) who() string {
	a := s.auth
	var who string
	switch {
	case a.Token != "":
		who = "with a token"
	case a.applicationCredential():
		who = fmt.Sprintf("with application credential %q", firstOf(a.ApplicationCredentialID, a.ApplicationCredentialName))
		if a.ApplicationCredentialID == "" {
			who += fmt.Sprintf(" of user %q", firstOf(a.UserID, a.UserName))
		}
	default:
		who = fmt.Sprintf("as user %q", firstOf(a.UserID, a.UserName))
		if d := firstOf(a.UserDomainName, a.UserDomainID, a.DomainName, a.DomainID); d != "" && a.UserID == "" {
			who += fmt.Sprintf(" of domain %q", d)
		}
	}
	if p := firstOf(a.ProjectName, a.ProjectID); p != "" {
		who += fmt.Sprintf(" in project %q", p)
	}
	return who
}

// authURL is the identity service's address without a password in it.
func (s *settings) authURL() string {
	u, err := url.Parse(s.auth.URL)
	if err != nil {
		return "(auth_url)"
	}
	return u.Redacted()
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}
