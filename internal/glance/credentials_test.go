// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
)

// decoys are what the environment has for another cloud.
func decoys(t *testing.T) {
	t.Helper()
	clearOS(t)
	for name, text := range map[string]string{
		"OS_CLOUD": "elsewhere", "OS_CLIENT_CONFIG_FILE": "/nowhere/clouds.yaml", "OS_AUTH_URL": "http://127.0.0.1:1/v3", "OS_TOKEN": "no",
		"OS_USERNAME": "no", "OS_PASSWORD": "no", "OS_PROJECT_NAME": "no", "OS_USER_DOMAIN_NAME": "no", "OS_REGION_NAME": "Nowhere",
		"OS_INTERFACE": "admin", "OS_CACERT": "/nowhere/ca.pem", "OS_CERT": "/nowhere/cert.pem",
	} {
		t.Setenv(name, text)
	}
}

// ids are those of the lab's ordinary user, and a token of it.
func ids(t *testing.T) (caller Caller, token string) {
	t.Helper()
	c := labClient(t, asMember)
	caller, err := c.Caller(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return caller, c.conn.Load().sc.Token()
}

// newApplicationCredential is one of the lab's ordinary user, for the test.
func newApplicationCredential(t *testing.T) (id, name, itsSecret string) {
	t.Helper()
	caller, _ := ids(t)
	conn := labClient(t, asMember).conn.Load()
	base := conn.sc.IdentityBase + "v3/"
	sc := &gophercloud.ServiceClient{ProviderClient: conn.sc.ProviderClient, Endpoint: base}
	got, err := applicationcredentials.Create(t.Context(), sc, caller.UserID, applicationcredentials.CreateOpts{Name: "glance-test-" + NewID()}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := applicationcredentials.Delete(context.Background(), sc, caller.UserID, got.ID).ExtractErr(); err != nil {
			t.Error(err)
		}
	})
	return got.ID, got.Name, got.Secret
}

// With an address of Keystone, what is given is enough, and nothing else counts.
func TestGivenCredentialsInLab(t *testing.T) {
	lab := labAuth(t)
	caller, token := ids(t)
	id, name, appSecret := newApplicationCredential(t)
	for what, a := range map[string]Auth{
		"names":                        {UserName: lab.Username, UserDomainName: "Default", Password: lab.Password, ProjectName: lab.ProjectName, ProjectDomainName: "Default"},
		"IDs of domains":               {UserName: lab.Username, UserDomainID: "default", Password: lab.Password, ProjectName: lab.ProjectName, ProjectDomainID: "default"},
		"one domain":                   {UserName: lab.Username, Password: lab.Password, ProjectName: lab.ProjectName, DomainName: "Default"},
		"ID of a domain":               {UserName: lab.Username, Password: lab.Password, ProjectID: caller.ProjectID, DomainID: "default"},
		"IDs":                          {UserID: caller.UserID, Password: lab.Password, ProjectID: caller.ProjectID},
		"ID and domain":                {UserID: caller.UserID, UserDomainName: "Default", Password: lab.Password, ProjectName: lab.ProjectName, ProjectDomainName: "Default"},
		"token":                        {Token: token},
		"token, project":               {Token: token, ProjectID: caller.ProjectID},
		"application credential by ID": {ApplicationCredentialID: id, ApplicationCredentialSecret: appSecret},
		"application credential by name, user by ID":   {ApplicationCredentialName: name, ApplicationCredentialSecret: appSecret, UserID: caller.UserID},
		"application credential by name, user by name": {ApplicationCredentialName: name, ApplicationCredentialSecret: appSecret, UserName: lab.Username, UserDomainName: "Default"},
	} {
		t.Run(what, func(t *testing.T) {
			decoys(t)
			a.URL = lab.AuthURL
			cfg := Config{Auth: a}
			if err := cfg.Check(); err != nil {
				t.Error(err)
			}
			c := New(cfg)
			who, err := c.Caller(t.Context())
			if err != nil || who.UserID != caller.UserID || who.ProjectID != caller.ProjectID {
				t.Fatalf("%+v, %v", who, err)
			}
			if _, err := c.Get(t.Context(), NewID()); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
			wantNoSecret(t, err, lab.Password, appSecret, token)
		})
	}
}

func TestGivenCredentialsRefusedInLab(t *testing.T) {
	lab := labAuth(t)
	id, name, _ := newApplicationCredential(t)
	for what, test := range map[string]struct {
		auth  Auth
		kind  error
		parts []string
	}{
		"password": {Auth{UserName: lab.Username, UserDomainName: "Default", Password: secret, ProjectName: lab.ProjectName, ProjectDomainName: "Default"},
			ErrUnauthenticated, []string{lab.AuthURL, `user "` + lab.Username + `" of domain "Default"`, "401"}},
		"domain": {Auth{UserName: lab.Username, UserDomainName: "no", Password: lab.Password, ProjectName: lab.ProjectName, ProjectDomainName: "Default"}, ErrUnauthenticated, []string{`domain "no"`}},
		"token":  {Auth{Token: secret}, ErrTokenRefused, []string{"with a token"}},
		"secret": {Auth{ApplicationCredentialID: id, ApplicationCredentialSecret: secret}, ErrTokenRefused, []string{`application credential "` + id + `"`}},
		"user of the application credential": {Auth{ApplicationCredentialName: name, ApplicationCredentialSecret: secret, UserName: "nobody", UserDomainName: "Default"},
			ErrTokenRefused, []string{name, `user "nobody"`}},
	} {
		t.Run(what, func(t *testing.T) {
			decoys(t)
			test.auth.URL = lab.AuthURL
			err := connectError(t, Config{Auth: test.auth})
			wantError(t, err, test.kind, append(test.parts, "the provider's configuration")...)
			wantNoSecret(t, err, secret, lab.Password)
		})
	}
}

// What is not whole, or not clear, is refused before anything is sent: nobody
// listens at this address.
func TestUnclearCredentials(t *testing.T) {
	for what, test := range map[string]struct {
		auth Auth
		want string
	}{
		"none":                    {Auth{}, "no credentials"},
		"a user":                  {Auth{UserName: "u", UserDomainID: "d"}, "password"},
		"a password":              {Auth{Password: secret}, "user_name or user_id"},
		"no domain":               {Auth{UserName: "u", Password: secret}, "user_domain_name or user_domain_id"},
		"no domain of project":    {Auth{UserName: "u", UserDomainID: "d", Password: secret, ProjectName: "p"}, "project_domain_name or project_domain_id"},
		"two":                     {Auth{Token: secret, Password: secret, UserID: "u"}, "a password and a token"},
		"no secret":               {Auth{ApplicationCredentialID: "i"}, "application_credential_secret"},
		"a secret":                {Auth{ApplicationCredentialSecret: secret}, "application_credential_id or application_credential_name"},
		"no user":                 {Auth{ApplicationCredentialName: "n", ApplicationCredentialSecret: secret}, "user_name or user_id"},
		"project of a credential": {Auth{ApplicationCredentialID: "i", ApplicationCredentialSecret: secret, ProjectID: "p"}, "leave project_id out"},
	} {
		t.Run(what, func(t *testing.T) {
			decoys(t)
			test.auth.URL = "http://127.0.0.1:1/v3"
			for _, err := range []error{Config{Auth: test.auth}.Check(), connectError(t, Config{Auth: test.auth})} {
				wantError(t, err, ErrConfig, test.want)
				wantNoSecret(t, err, secret)
			}
		})
	}
	wantError(t, Config{Cloud: "c", Auth: Auth{URL: "http://k"}}.Check(), ErrConfig, "another auth_url")
	wantError(t, Config{Auth: Auth{URL: "k", Token: secret}}.Check(), ErrConfig, "auth_url")
	if err := (Config{Auth: Auth{Token: secret}}).Check(); err != nil {
		t.Error("what may be in the environment is no matter of the Config alone:", err)
	}
}

// What is given goes over what a cloud says, and takes the place of what would
// contradict it.
func TestGivenOverCloud(t *testing.T) {
	no, yes := false, true
	const credential = "clouds: {test: {auth_type: v3applicationcredential, auth: {auth_url: 'http://k/v3', application_credential_id: i, application_credential_secret: hunter2}}}"
	const byID = "clouds: {test: {verify: false, auth: {auth_url: 'http://k/v3', user_id: u, password: hunter2, project_id: p}}}"
	for what, tc := range map[string]struct {
		text string
		cfg  Config
		want Auth
	}{
		"password": {cloudWith(), Config{Auth: Auth{Password: "new"}},
			Auth{UserName: "u", UserDomainName: "d", Password: "new", ProjectName: "p", ProjectDomainName: "d"}},
		"token": {cloudWith(), Config{Auth: Auth{Token: "t"}}, Auth{Token: "t", UserDomainName: "d", ProjectName: "p", ProjectDomainName: "d"}},
		"application credential": {cloudWith(), Config{Auth: Auth{ApplicationCredentialID: "i", ApplicationCredentialSecret: "s"}},
			Auth{ApplicationCredentialID: "i", ApplicationCredentialSecret: "s", UserName: "u", UserDomainName: "d", ProjectDomainName: "d"}},
		"user and project": {byID, Config{Auth: Auth{UserName: "v", UserDomainName: "e", ProjectName: "q", ProjectDomainID: "f"}},
			Auth{UserName: "v", UserDomainName: "e", Password: "hunter2", ProjectName: "q", ProjectDomainID: "f"}},
		"domain":                          {cloudWith(), Config{Auth: Auth{DomainID: "e"}}, Auth{UserName: "u", Password: "hunter2", ProjectName: "p", DomainID: "e"}},
		"secret":                          {credential, Config{Auth: Auth{ApplicationCredentialSecret: "s"}}, Auth{ApplicationCredentialID: "i", ApplicationCredentialSecret: "s"}},
		"name":                            {credential, Config{Auth: Auth{ApplicationCredentialName: "n", UserID: "u"}}, Auth{ApplicationCredentialName: "n", UserID: "u", ApplicationCredentialSecret: "hunter2"}},
		"password over a credential":      {credential, Config{Auth: Auth{UserID: "u", Password: "new"}}, Auth{UserID: "u", Password: "new"}},
		"project over a trust":            {cloudWith("trust_id: t", "project_name: ''"), Config{Auth: Auth{ProjectID: "q"}}, Auth{UserName: "u", UserDomainName: "d", Password: "hunter2", ProjectID: "q", ProjectDomainName: "d"}},
		"nothing, and a default domain":   {strings.ReplaceAll(cloudWith("default_domain: e"), ", user_domain_name: d, project_domain_name: d", ""), Config{}, Auth{UserName: "u", UserDomainID: "e", Password: "hunter2", ProjectName: "p", ProjectDomainID: "e"}},
		"nothing, and a domain by a name": {strings.ReplaceAll(cloudWith("default_domain_name: e"), ", user_domain_name: d", ""), Config{}, Auth{UserName: "u", UserDomainName: "e", Password: "hunter2", ProjectName: "p", ProjectDomainName: "d"}},
	} {
		t.Run(what, func(t *testing.T) {
			set, err := resolveFile(t, tc.text, nil, tc.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if tc.want.URL = "http://k/v3"; set.auth != tc.want {
				t.Errorf("%s", differing(set.auth, tc.want))
			}
		})
	}
	set, err := resolveFile(t, byID, nil, Config{Insecure: &no, Interface: "internal", Region: "r"})
	if err != nil || set.tls.InsecureSkipVerify || set.endpoint.Availability != "internal" || set.endpoint.Region != "r" {
		t.Errorf("%+v, %v", set, err)
	}
	if set, err = resolveFile(t, cloudWith("interface: internal"), nil, Config{Insecure: &yes, Interface: "admin"}); err != nil || !set.tls.InsecureSkipVerify || set.endpoint.Availability != "admin" {
		t.Errorf("%+v, %v", set, err)
	}
	_, err = resolveFile(t, credential, nil, Config{Auth: Auth{UserName: "u"}})
	wantError(t, err, ErrConfig, "a user is given")
}

// differing names the keys in which two differ.
func differing(a, b Auth) (out string) {
	for i, key := range a.keys() {
		if got, want := *key.to, *b.keys()[i].to; got != want {
			out += key.names[0] + ": " + got + ", want " + want + "; "
		}
	}
	return out
}

// Credentials without a cloud or an address go over the OS_* variables.
func TestGivenOverEnvironment(t *testing.T) {
	set := func(t *testing.T, variables ...string) {
		clearOS(t)
		for _, v := range variables {
			name, text, _ := strings.Cut(v, "=")
			t.Setenv(name, text)
		}
	}
	set(t, "OS_CLOUD=elsewhere", "OS_AUTH_URL=http://k/v3", "OS_USERNAME=u", "OS_PASSWORD=hunter2", "OS_USER_DOMAIN_NAME=d", "OS_PROJECT_NAME=p", "OS_PROJECT_DOMAIN_ID=e",
		"OS_IMAGE_ENDPOINT_OVERRIDE=http://g", "OS_INSECURE=true", "OS_REGION_NAME=r")
	got, err := Config{Auth: Auth{Password: "new"}}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	want := Auth{URL: "http://k/v3", UserName: "u", Password: "new", UserDomainName: "d", ProjectName: "p", ProjectDomainID: "e"}
	if got.auth != want || got.imageEndpoint != "http://g" || !got.tls.InsecureSkipVerify || got.endpoint.Region != "r" {
		t.Errorf("%s%+v", differing(got.auth, want), got)
	}
	for what, tc := range map[string]struct {
		variables []string
		cfg       Config
		kind      error
		parts     []string
	}{
		"no address":   {[]string{"OS_CLOUD=elsewhere", "OS_TOKEN=t"}, Config{Auth: Auth{Token: "new"}}, ErrNotConfigured, []string{"OS_AUTH_URL", "OS_CLOUD is not used"}},
		"a project":    {[]string{"OS_CLOUD=elsewhere", "OS_CLIENT_CONFIG_FILE=/nowhere"}, Config{Auth: Auth{ProjectID: "p"}}, ErrConfig, []string{"/nowhere"}},
		"two":          {[]string{"OS_AUTH_URL=http://k", "OS_TOKEN=t", "OS_USER_ID=u", "OS_PASSWORD=hunter2"}, Config{}, ErrConfig, []string{"a password and a token"}},
		"federated":    {[]string{"OS_AUTH_URL=http://k", "OS_AUTH_TYPE=v3oidcpassword", "OS_PASSWORD=hunter2"}, Config{}, ErrConfig, []string{"v3oidcpassword", "nothing was sent"}},
		"TOTP":         {[]string{"OS_AUTH_URL=http://k", "OS_PASSCODE=123", "OS_PASSWORD=hunter2"}, Config{}, ErrConfig, []string{"passcode"}},
		"scopes":       {[]string{"OS_AUTH_URL=http://k", "OS_USER_ID=u", "OS_PASSWORD=hunter2", "OS_SYSTEM_SCOPE=all", "OS_PROJECT_ID=p"}, Config{}, ErrConfig, []string{"OS_SYSTEM_SCOPE and OS_PROJECT_ID"}},
		"half a pair":  {[]string{"OS_AUTH_URL=http://k", "OS_TOKEN=t", "OS_KEY=/nowhere/key.pem"}, Config{}, ErrConfig, []string{"/nowhere/key.pem"}},
		"no such file": {[]string{"OS_AUTH_URL=http://k", "OS_TOKEN=t", "OS_CERT=/nowhere/cert.pem"}, Config{}, ErrConfig, []string{"/nowhere/cert.pem"}},
	} {
		t.Run(what, func(t *testing.T) {
			set(t, tc.variables...)
			_, err := tc.cfg.resolve()
			wantError(t, err, tc.kind, tc.parts...)
			wantNoSecret(t, err, "hunter2")
		})
	}
	// One thing by two names is no contradiction, and auth_type says what counts.
	set(t, "OS_AUTH_URL=http://k/v3", "OS_AUTH_TYPE=token", "OS_TOKEN=t", "OS_USERNAME=u", "OS_PASSWORD=hunter2", "OS_PROJECT_ID=p", "OS_PROJECT_NAME=p")
	got, err = Config{}.resolve()
	if want := (Auth{URL: "http://k/v3", Token: "t", ProjectID: "p", ProjectName: "p"}); err != nil || got.auth != want {
		t.Errorf("%v %s", err, differing(got.auth, want))
	}
}

// As for the openstack command, some variables go over a cloud of the file; what
// is given goes over them.
func TestEnvironmentOverCloud(t *testing.T) {
	cert, key, _ := clientCertificate(t)
	certFile, keyFile := writeFile(t, "cert.pem", []byte(cert)), writeFile(t, "key.pem", []byte(key))
	file := writeFile(t, "clouds.yaml", []byte(cloudWith("interface: internal", "region_name: one", "cacert: /nowhere/ca.pem", "cert: /nowhere/cert.pem", "key: /nowhere/key.pem")))
	clearOS(t)
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	_, err := Config{Cloud: "test"}.resolve()
	wantError(t, err, ErrConfig, "/nowhere/ca.pem")
	for name, text := range map[string]string{"OS_INTERFACE": "admin", "OS_REGION_NAME": "two", "OS_CACERT": certFile, "OS_CERT": certFile, "OS_KEY": keyFile} {
		t.Setenv(name, text)
	}
	set, err := Config{Cloud: "test"}.resolve()
	if err != nil || set.endpoint.Availability != "admin" || set.endpoint.Region != "two" || len(set.tls.Certificates) != 1 || set.tls.RootCAs == nil {
		t.Errorf("%+v, %v", set, err)
	}
	_, err = Config{Cloud: "test", CACertFile: "/nowhere/given.pem"}.resolve()
	wantError(t, err, ErrConfig, "/nowhere/given.pem")
	if set, err = (Config{Cloud: "test", Interface: "public", Region: "three"}).resolve(); err != nil || set.endpoint.Availability != "public" || set.endpoint.Region != "three" {
		t.Errorf("%+v, %v", set, err)
	}
}

// recorder is a proxy that notes by which user agents it was asked.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	agents []string
}

func record(t *testing.T, of string) *recorder {
	t.Helper()
	target, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.agents = append(r.agents, req.Method+" "+req.URL.Path+" by "+req.UserAgent())
		r.mu.Unlock()
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// Keystone, at the first token and at the next, and Glance know who asks.
func TestUserAgentInLab(t *testing.T) {
	lab := labAuth(t)
	endpoint, err := labClient(t, asMember).Endpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keystone, image := record(t, lab.AuthURL), record(t, endpoint)
	clearOS(t)
	c := New(Config{UserAgent: "us/1.0 (+them 2.0)", Endpoint: image.URL, Auth: Auth{
		URL: keystone.URL + "/v3", UserName: lab.Username, UserDomainName: "Default", Password: lab.Password, ProjectName: lab.ProjectName, ProjectDomainName: "Default",
	}})
	for _, token := range []string{"", "expired"} {
		if token != "" {
			c.conn.Load().sc.SetToken(token)
		}
		if _, err := c.Get(t.Context(), NewID()); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	if len(keystone.agents) != 2 || len(image.agents) < 3 {
		t.Errorf("Keystone: %q, Glance: %q", keystone.agents, image.agents)
	}
	for _, asked := range slices.Concat(keystone.agents, image.agents) {
		if !strings.Contains(asked, " by us/1.0 (+them 2.0) gophercloud/") {
			t.Error(asked)
		}
	}
}

// Of api_timeout in clouds.yaml.
func TestRequestTimeout(t *testing.T) {
	for line, want := range map[string]string{"": "2m0s", "api_timeout: 30": "30s", "api_timeout: 1.5": "1.5s", "api_timeout: 0": "", "api_timeout: soon": ""} {
		set, err := resolveFile(t, cloudWith(line), nil, Config{})
		if want == "" {
			wantError(t, err, ErrConfig, "api_timeout")
		} else if err != nil || set.requestTimeout.String() != want {
			t.Errorf("%s: %+v, %v", line, set, err)
		}
	}
	if set, err := resolveFile(t, cloudWith("api_timeout: 30"), nil, Config{RequestTimeout: 7}); err != nil || set.requestTimeout != 7 {
		t.Errorf("%+v, %v", set, err)
	}
}

func writeFile(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
