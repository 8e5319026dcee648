// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"gopkg.in/yaml.v2"
)

// DefaultRequestTimeout bounds one HTTP request where Config says nothing.
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
	// Region overrides region_name and OS_REGION_NAME.
	Region string
	// Endpoint is used instead of the catalogue's image endpoint, with or
	// without "/v2". Requests are authenticated all the same.
	Endpoint string
	// CACertFile overrides cacert and OS_CACERT.
	CACertFile string
	// RequestTimeout bounds one HTTP request, including the authentication's;
	// DefaultRequestTimeout when zero. The caller's context bounds the whole.
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
	auth     gophercloud.AuthOptions
	endpoint gophercloud.EndpointOpts
	tls      *tls.Config
	// imageEndpoint is used instead of the catalogue's, where it is set.
	imageEndpoint string
	// source says where the credentials come from, for error texts.
	source string
}

// resolve reads files and environment. Its errors are of the kinds
// ErrNotConfigured, ErrConfig and ErrCloudNotFound.
func (cfg Config) resolve() (*settings, error) {
	opts := []clouds.ParseOption{}
	if cfg.Region != "" {
		opts = append(opts, clouds.WithRegion(cfg.Region))
	}
	if cfg.CACertFile != "" {
		opts = append(opts, clouds.WithCACertPath(cfg.CACertFile))
	}
	var (
		source   string
		location []clouds.ParseOption
		e        entry
		err      error
	)
	if name := firstOf(cfg.Cloud, os.Getenv("OS_CLOUD")); name != "" {
		source, e, err = fromFile(name, firstOf(cfg.Region, os.Getenv("OS_REGION_NAME")))
		if err == nil {
			location, err = e.options()
		}
	} else {
		source, location, err = fromEnvironment()
	}
	if err != nil {
		return nil, err
	}
	auth, endpoint, tlsConfig, err := clouds.Parse(append(opts, location...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, source, err)
	}
	u, err := url.Parse(auth.IdentityEndpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		// The address itself is not shown: it may hold a password.
		return nil, fmt.Errorf("%w: %s: auth_url is missing or is no http(s) address", ErrConfig, source)
	}
	if e.imageRegion != "" && cfg.Region == "" {
		endpoint.Region = e.imageRegion
	}
	// A token cannot be renewed without the password it was made with.
	auth.AllowReauth = auth.TokenID == ""
	return &settings{auth: auth, endpoint: endpoint, tls: tlsConfig, source: source, imageEndpoint: firstOf(cfg.Endpoint, e.imageEndpoint)}, nil
}

// envCloud is the name under which the OS_* variables are handed to the
// library's parser, as openstacksdk calls it.
const envCloud = "envvars"

// fromEnvironment makes a cloud of the OS_* variables. The library's own
// reader of them knows neither OS_USER_DOMAIN_* nor OS_PROJECT_DOMAIN_*, which
// every openrc of the last ten years sets, so its parser of clouds.yaml is
// used for both.
func fromEnvironment() (string, []clouds.ParseOption, error) {
	auth := clouds.AuthInfo{
		AuthURL:                     env("OS_AUTH_URL"),
		Token:                       env("OS_TOKEN", "OS_AUTH_TOKEN"),
		Username:                    env("OS_USERNAME"),
		UserID:                      env("OS_USER_ID", "OS_USERID"),
		Password:                    env("OS_PASSWORD"),
		ApplicationCredentialID:     env("OS_APPLICATION_CREDENTIAL_ID"),
		ApplicationCredentialName:   env("OS_APPLICATION_CREDENTIAL_NAME"),
		ApplicationCredentialSecret: env("OS_APPLICATION_CREDENTIAL_SECRET"),
		SystemScope:                 env("OS_SYSTEM_SCOPE"),
		ProjectName:                 env("OS_PROJECT_NAME", "OS_TENANT_NAME"),
		ProjectID:                   env("OS_PROJECT_ID", "OS_TENANT_ID"),
		UserDomainName:              env("OS_USER_DOMAIN_NAME"),
		UserDomainID:                env("OS_USER_DOMAIN_ID"),
		ProjectDomainName:           env("OS_PROJECT_DOMAIN_NAME"),
		ProjectDomainID:             env("OS_PROJECT_DOMAIN_ID"),
		DomainName:                  env("OS_DOMAIN_NAME"),
		DomainID:                    env("OS_DOMAIN_ID"),
		TrustID:                     env("OS_TRUST_ID"),
	}
	if kind := env("OS_AUTH_TYPE", "OS_AUTH_PLUGIN"); kind != "" && authKinds[kind] == "" {
		return "", nil, fmt.Errorf("%w: OS_AUTH_TYPE %q is not supported: want password, token or v3applicationcredential; nothing was sent anywhere", ErrConfig, kind)
	}
	if auth.AuthURL == "" {
		return "", nil, fmt.Errorf("%w: neither a cloud of clouds.yaml is named (argument cloud, or OS_CLOUD) nor is OS_AUTH_URL set", ErrNotConfigured)
	}
	if missing := missingIn(auth); len(missing) > 0 {
		return "", nil, fmt.Errorf("%w: OS_AUTH_URL is set, but not %s", ErrConfig, strings.Join(missing, ", "))
	}
	doc, err := yaml.Marshal(clouds.Clouds{Clouds: map[string]clouds.Cloud{envCloud: {
		AuthInfo:     &auth,
		RegionName:   env("OS_REGION_NAME"),
		EndpointType: env("OS_ENDPOINT_TYPE"),
	}}})
	if err != nil {
		return "", nil, fmt.Errorf("%w: OS_* variables: %w", ErrConfig, err)
	}
	return "OS_* variables", []clouds.ParseOption{
		clouds.WithCloudName(envCloud),
		clouds.WithCloudsYAML(bytes.NewReader(doc)),
	}, nil
}

// env is the first of some variables of the environment that is set.
func env(names ...string) string {
	for _, n := range names {
		if v := os.Getenv(n); v != "" {
			return v
		}
	}
	return ""
}

// missingIn are the variables without which nobody can log in.
func missingIn(auth clouds.AuthInfo) (missing []string) {
	if auth.Token == "" && auth.ApplicationCredentialID == "" {
		if auth.Username == "" && auth.UserID == "" {
			missing = append(missing, "OS_USERNAME or OS_USER_ID")
		}
		if auth.Password == "" && auth.ApplicationCredentialName == "" {
			missing = append(missing, "OS_PASSWORD")
		}
	}
	if (auth.ApplicationCredentialID != "" || auth.ApplicationCredentialName != "") && auth.ApplicationCredentialSecret == "" {
		missing = append(missing, "OS_APPLICATION_CREDENTIAL_SECRET")
	}
	return missing
}

// options hand an entry to the library's parser.
func (e entry) options() ([]clouds.ParseOption, error) {
	doc, err := yaml.Marshal(clouds.Clouds{Clouds: map[string]clouds.Cloud{envCloud: e.cloud}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return []clouds.ParseOption{clouds.WithCloudName(envCloud), clouds.WithCloudsYAML(bytes.NewReader(doc))}, nil
}

// secrets lists what must not be seen in an error text.
func (s *settings) secrets() []string {
	return []string{s.auth.Password, s.auth.ApplicationCredentialSecret, s.auth.TokenID, s.auth.Passcode}
}

// who describes the credentials without the secret in them.
func (s *settings) who() string {
	a := s.auth
	var who string
	switch {
	case a.TokenID != "":
		who = "with a token"
	case a.ApplicationCredentialID != "" || a.ApplicationCredentialName != "":
		who = fmt.Sprintf("with application credential %q", firstOf(a.ApplicationCredentialID, a.ApplicationCredentialName))
	default:
		who = fmt.Sprintf("as user %q", firstOf(a.Username, a.UserID))
		if d := firstOf(a.DomainName, a.DomainID); d != "" {
			who += fmt.Sprintf(" of domain %q", d)
		}
	}
	if p := firstOf(a.TenantName, a.TenantID); p != "" {
		who += fmt.Sprintf(" in project %q", p)
	}
	return who
}

// authURL is the identity service's address without a password in it.
func (s *settings) authURL() string {
	u, err := url.Parse(s.auth.IdentityEndpoint)
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
