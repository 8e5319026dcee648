// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"gopkg.in/yaml.v2"
)

// clearOS takes the lab's and the user's variables out of the environment.
func clearOS(t *testing.T) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OS_") {
			t.Setenv(name, "")
		}
	}
}

// labAuth gives the credentials of the lab's ordinary user.
func labAuth(t *testing.T) clouds.AuthInfo {
	t.Helper()
	text, err := os.ReadFile(labEnv(t, "OS_CLIENT_CONFIG_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	var all clouds.Clouds
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return *all.Clouds[labEnv(t, "OS_CLOUD")].AuthInfo
}

// useCloud writes a clouds.yaml with one cloud "test" and makes it the one
// that is read.
func useCloud(t *testing.T, cloud clouds.Cloud) string {
	t.Helper()
	text, err := yaml.Marshal(clouds.Clouds{Clouds: map[string]clouds.Cloud{"test": cloud, "another": {}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	clearOS(t)
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	return file
}

// connectError is the error of a first call.
func connectError(t *testing.T, cfg Config) error {
	t.Helper()
	cfg.retryDelay, cfg.RetryTimeout = time.Millisecond, 50*time.Millisecond
	_, err := New(cfg).Get(t.Context(), NewID())
	return err
}

func wantError(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%v; want kind %q", err, kind)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("no %q in: %v", p, err)
		}
	}
}

// wantNoSecret looks at every error in the tree, printed every way.
func wantNoSecret(t *testing.T, err error, secrets ...string) {
	t.Helper()
	var all strings.Builder
	var walk func(error)
	walk = func(err error) {
		fmt.Fprintf(&all, "%v %+v %#v\n", err, err, err)
		switch e := err.(type) { //nolint:errorlint // every error of the tree is wanted
		case interface{ Unwrap() error }:
			if e.Unwrap() != nil {
				walk(e.Unwrap())
			}
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		}
	}
	walk(err)
	for _, s := range secrets {
		if strings.Contains(all.String(), s) {
			t.Errorf("the secret is in the error: %s", strings.ReplaceAll(all.String(), s, "<SECRET>"))
		}
	}
}

const secret = "hunter2-Zürich-%41&"

func TestRefusedCredentialsInLab(t *testing.T) {
	good := labAuth(t)
	for name, test := range map[string]struct {
		change func(*clouds.AuthInfo)
		kind   error
		parts  []string
	}{
		"wrong password": {func(a *clouds.AuthInfo) { a.Password = secret }, ErrUnauthenticated,
			[]string{good.AuthURL, `user "` + good.Username + `"`, `project "` + good.ProjectName + `"`, "401"}},
		"wrong user":    {func(a *clouds.AuthInfo) { a.Password, a.Username = secret, "nobody" }, ErrUnauthenticated, []string{`user "nobody"`}},
		"wrong project": {func(a *clouds.AuthInfo) { a.ProjectName = "nothing" }, ErrUnauthenticated, []string{`project "nothing"`}},
		"wrong application credential": {func(a *clouds.AuthInfo) {
			*a = clouds.AuthInfo{AuthURL: a.AuthURL, ApplicationCredentialID: "0123456789abcdef0123456789abcdef", ApplicationCredentialSecret: secret}
		}, ErrTokenRefused, []string{`application credential "0123456789abcdef0123456789abcdef"`}},
		"wrong token": {func(a *clouds.AuthInfo) { *a = clouds.AuthInfo{AuthURL: a.AuthURL, Token: secret} }, ErrTokenRefused, []string{"with a token"}},
		"wrong token with project": {func(a *clouds.AuthInfo) {
			a.Username, a.UserDomainName, a.Password, a.Token = "", "", "", secret
			a.ProjectDomainName, a.ProjectName, a.ProjectID = "", "", "0123456789abcdef0123456789abcdef"
		}, ErrTokenRefused, []string{"with a token"}},
		"no project":        {func(a *clouds.AuthInfo) { a.ProjectName, a.ProjectID, a.ProjectDomainName = "", "", "" }, ErrNoProject, []string{good.Username}},
		"no password":       {func(a *clouds.AuthInfo) { a.Password = "" }, ErrConfig, []string{"password"}},
		"no user domain":    {func(a *clouds.AuthInfo) { a.UserDomainName = "" }, ErrConfig, []string{"user_domain_name"}},
		"no auth_url":       {func(a *clouds.AuthInfo) { a.AuthURL = "" }, ErrConfig, []string{"auth_url"}},
		"auth_url is none":  {func(a *clouds.AuthInfo) { a.AuthURL = secret }, ErrConfig, []string{"auth_url"}},
		"nobody listens":    {func(a *clouds.AuthInfo) { a.AuthURL = "http://127.0.0.1:1/v3" }, ErrIdentityUnreachable, []string{"127.0.0.1:1", "refused"}},
		"secret in address": {func(a *clouds.AuthInfo) { a.AuthURL = "http://u:" + "hunter2-Z" + "@127.0.0.1:1/v3" }, ErrIdentityUnreachable, []string{"127.0.0.1:1"}},
		"unknown host":      {func(a *clouds.AuthInfo) { a.AuthURL = "http://keystone.invalid/v3" }, ErrIdentityUnreachable, []string{"keystone.invalid"}},
		"not Keystone": {func(a *clouds.AuthInfo) { a.AuthURL = strings.TrimSuffix(a.AuthURL, "/v3") + "/elsewhere" }, ErrIdentityUnreachable,
			[]string{"404", "/elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			auth := good
			test.change(&auth)
			file := useCloud(t, clouds.Cloud{AuthInfo: &auth})
			err := connectError(t, Config{Cloud: "test"})
			wantError(t, err, test.kind, append(test.parts, file)...)
			wantNoSecret(t, err, secret, "hunter2", good.Password)
		})
	}
}

func TestRenewalRefusedInLab(t *testing.T) {
	auth := labAuth(t)
	useCloud(t, clouds.Cloud{AuthInfo: &auth})
	var refuse atomic.Bool
	target, _ := url.Parse(strings.TrimSuffix(auth.AuthURL, "/v3"))
	keystone := httputil.NewSingleHostReverseProxy(target)
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse.Load() {
			body := make([]byte, 10000)
			n, _ := r.Body.Read(body)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write(append([]byte("you sent "), body[:n]...)) // the worst of servers
			return
		}
		keystone.ServeHTTP(w, r)
	}))
	defer identity.Close()
	auth.AuthURL = identity.URL + "/v3"
	useCloud(t, clouds.Cloud{AuthInfo: &auth})
	c := New(Config{Cloud: "test"})
	if _, err := c.Caller(t.Context()); err != nil {
		t.Fatal(err)
	}
	refuse.Store(true)
	c.conn.Load().sc.SetToken("expired-" + secret)
	_, err := c.Get(t.Context(), NewID())
	wantError(t, err, ErrUnauthenticated, "renew the token", "you sent", "***")
	wantNoSecret(t, err, auth.Password, secret)
}

func TestOneTokenForManyFirstCallsInLab(t *testing.T) {
	auth := labAuth(t)
	var tokens atomic.Int32
	target, _ := url.Parse(strings.TrimSuffix(auth.AuthURL, "/v3"))
	keystone := httputil.NewSingleHostReverseProxy(target)
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens.Add(1)
		keystone.ServeHTTP(w, r)
	}))
	defer identity.Close()
	auth.AuthURL = identity.URL
	password := auth.Password
	for _, auth.Password = range []string{password, secret} {
		tokens.Store(0)
		useCloud(t, clouds.Cloud{AuthInfo: &auth})
		c := New(Config{Cloud: "test"})
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				want := ErrNotFound
				if auth.Password != password {
					want = ErrUnauthenticated
				}
				if _, err := c.Get(t.Context(), NewID()); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			})
		}
		calls.Wait()
		if n := tokens.Load(); n != 1 {
			t.Errorf("%d requests for a token, want 1", n)
		}
	}
	// A caller that gave up leaves the client usable for the others.
	auth.Password = password
	useCloud(t, clouds.Cloud{AuthInfo: &auth})
	c := New(Config{Cloud: "test"})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Caller(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := c.Caller(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoEndpointInLab(t *testing.T) {
	auth := labAuth(t)
	useCloud(t, clouds.Cloud{AuthInfo: &auth, RegionName: "RegionOne"})
	c := New(Config{Cloud: "test"})
	if who, err := c.Caller(t.Context()); err != nil || who.UserName != auth.Username || who.ProjectName != auth.ProjectName ||
		who.UserID == "" || who.ProjectID == "" || !slices.Contains(who.Roles, "member") {
		t.Errorf("caller %+v: %v", who, err)
	}
	err := connectError(t, Config{Cloud: "test", Region: "Nowhere"})
	wantError(t, err, ErrNoEndpoint, `region "Nowhere"`, `interface "public"`, `public in region "RegionOne"`)
	t.Setenv("OS_REGION_NAME", "Elsewhere")
	wantError(t, connectError(t, Config{Cloud: "test"}), ErrNoEndpoint, `region "Elsewhere"`)
	t.Setenv("OS_INTERFACE", "internal")
	wantError(t, connectError(t, Config{Cloud: "test"}), ErrNoEndpoint, `interface "internal"`)
	wantError(t, connectError(t, Config{Cloud: "test", Region: "RegionOne"}), ErrNotFound)
	wantError(t, connectError(t, Config{Cloud: "test", Region: "Nowhere", Endpoint: "glance"}), ErrConfig, `"glance"`)
}

func TestEnvironmentInLab(t *testing.T) {
	auth := labAuth(t)
	clearOS(t)
	wantError(t, connectError(t, Config{}), ErrNotConfigured, "OS_CLOUD", "OS_AUTH_URL")
	t.Setenv("OS_AUTH_URL", auth.AuthURL)
	wantError(t, connectError(t, Config{}), ErrConfig, "OS_USERNAME", "OS_PASSWORD")
	t.Setenv("OS_USERNAME", auth.Username)
	t.Setenv("OS_PASSWORD", secret)
	t.Setenv("OS_PROJECT_NAME", auth.ProjectName)
	t.Setenv("OS_USER_DOMAIN_NAME", "Default")
	t.Setenv("OS_PROJECT_DOMAIN_NAME", "Default")
	err := connectError(t, Config{})
	wantError(t, err, ErrUnauthenticated, "OS_* variables", auth.Username)
	wantNoSecret(t, err, secret)
	t.Setenv("OS_PASSWORD", auth.Password)
	wantError(t, connectError(t, Config{}), ErrNotFound)
}

func TestCloudsFile(t *testing.T) {
	labEnv(t, "OS_CLOUD") // for the last case
	auth := labAuth(t)
	password := auth.Password
	auth.Password = ""
	file := useCloud(t, clouds.Cloud{AuthInfo: &auth})
	wantError(t, connectError(t, Config{Cloud: "tset"}), ErrCloudNotFound, `"tset"`, file, `"another", "test"`)
	wantError(t, connectError(t, Config{Cloud: "another"}), ErrConfig, `"another"`, file, "no auth section")
	t.Setenv("OS_CLOUD", "from-env")
	wantError(t, connectError(t, Config{}), ErrCloudNotFound, `"from-env"`)

	t.Setenv("OS_CLIENT_CONFIG_FILE", file+".missing")
	wantError(t, connectError(t, Config{Cloud: "test"}), ErrConfig, file+".missing", "OS_CLIENT_CONFIG_FILE")
	t.Setenv("OS_CLIENT_CONFIG_FILE", "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	wantError(t, connectError(t, Config{Cloud: "test"}), ErrConfig, "no clouds.yaml", os.Getenv("XDG_CONFIG_HOME"), "/etc/openstack")

	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	secure := filepath.Join(filepath.Dir(file), "secure.yaml")
	for _, broken := range []string{
		"clouds:\n  test:\n    auth:\n      password: *" + "hunter2",
		"clouds:\n  test:\n    auth: hunter2",
		"hunter2",
	} {
		if err := os.WriteFile(secure, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		err := connectError(t, Config{Cloud: "test"})
		wantError(t, err, ErrConfig, secure)
		wantNoSecret(t, err, "hunter2")
	}
	if err := os.WriteFile(secure, []byte("clouds: {test: {auth: {password: "+password+"}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, connectError(t, Config{Cloud: "test"}), ErrNotFound)
}

func TestCertificate(t *testing.T) {
	auth := labAuth(t)
	target, _ := url.Parse(strings.TrimSuffix(auth.AuthURL, "/v3"))
	identity := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target))
	defer identity.Close()
	auth.AuthURL = identity.URL
	useCloud(t, clouds.Cloud{AuthInfo: &auth})
	err := connectError(t, Config{Cloud: "test"})
	wantError(t, err, ErrIdentityUnreachable, "authority")
	wantError(t, err, ErrCertificate)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: identity.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, connectError(t, Config{Cloud: "test", CACertFile: file}), ErrNotFound)
	wantError(t, connectError(t, Config{Cloud: "test", CACertFile: file + ".missing"}), ErrConfig, file+".missing")
}
