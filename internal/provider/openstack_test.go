// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"gopkg.in/yaml.v2"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// A certificate and its key, which nobody has to trust.
const (
	somePEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	someKey = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
)

// givenCredentials are right ways to log in. Together they have every argument
// for that.
func givenCredentials(t *testing.T) []object {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pem")
	must(t, os.WriteFile(file, []byte(somePEM), 0o600))
	const keystone = "http://127.0.0.1:1/v3"
	return []object{
		{"auth_url": keystone, "user_name": "u", "user_domain_name": "d", "password": "p", "project_name": "q", "project_domain_name": "d", "cert_file": file, "key_file": file},
		{"auth_url": keystone, "user_name": "u", "user_domain_id": "d", "password": "p", "project_name": "q", "project_domain_id": "d", "cacert_pem": somePEM},
		{"auth_url": keystone, "user_id": "u", "password": "p", "project_id": "q", "cert_pem": somePEM, "key_pem": someKey},
		{"auth_url": keystone, "user_name": "u", "password": "p", "domain_id": "d"},
		{"auth_url": keystone, "user_name": "u", "password": "p", "domain_name": "d"},
		{"auth_url": keystone, "token": "t"},
		{"auth_url": keystone, "application_credential_id": "a", "application_credential_secret": "s"},
		{"auth_url": keystone, "application_credential_name": "a", "application_credential_secret": "s", "user_id": "u"},
	}
}

const neverShown = "hunter2-secret"

// What can't be meant is refused before anything is read or sent, without a secret
// in the error; what is unknown may yet turn out right.
func TestUnclearCredentials(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	keystone := object{"auth_url": "http://127.0.0.1:1/v3"}
	password := object{"auth_url": "http://127.0.0.1:1/v3", "user_id": "u", "password": neverShown}
	for what, test := range map[string]struct {
		base, own object
		want      string
	}{
		"token and password":               {password, object{"token": neverShown}, `openstack\.password can't be given beside token`},
		"password and credential":          {password, object{"application_credential_id": "i"}, `can't be given beside application_credential_id`},
		"secret alone":                     {keystone, object{"application_credential_secret": neverShown}, `application_credential_secret is nothing without application_credential_id, application_credential_name or cloud`},
		"credential without its secret":    {keystone, object{"application_credential_id": "i"}, `application_credential_id is nothing without application_credential_secret or cloud`},
		"name of a credential, no user":    {keystone, object{"application_credential_name": "n", "application_credential_secret": neverShown}, `application_credential_name is nothing without user_name, user_id or cloud`},
		"credential and project":           {keystone, object{"application_credential_id": "n", "application_credential_secret": neverShown, "project_id": "p"}, `application_credential_secret can't be given beside project_id`},
		"password alone":                   {keystone, object{"password": neverShown}, `password is nothing without user_name, user_id or cloud`},
		"user alone":                       {keystone, object{"user_name": "u"}, `user_name is nothing without password, application_credential_name or cloud`},
		"auth_url alone":                   {keystone, object{}, `auth_url is nothing without password, token or application_credential_secret`},
		"auth_url and cloud":               {password, object{"cloud": "c"}, `auth_url can't be given beside cloud`},
		"name and ID":                      {password, object{"project_id": "p", "project_name": "p"}, `project_name can't be given beside project_id`},
		"no domain":                        {keystone, object{"user_name": "u", "password": neverShown}, `the domain of the user is missing: user_domain_name or user_domain_id`},
		"no domain of the project":         {password, object{"project_name": "p"}, `the domain of the project is missing: project_domain_name`},
		"domain of an ID":                  {password, object{"user_domain_name": "d"}, `user_domain_name can't be given beside user_id`},
		"domain of a project's ID":         {keystone, object{"token": neverShown, "project_id": "p", "project_domain_id": "d"}, `project_domain_id can't be given beside project_id`},
		"certificate without a key":        {password, object{"cert_file": "/c"}, `cert_file is nothing without key_file or key_pem`},
		"key without a certificate":        {password, object{"key_pem": someKey}, `key_pem is nothing without cert_file or cert_pem`},
		"certificate in two ways":          {password, object{"cacert_file": "/c", "cacert_pem": somePEM}, `cacert_file can't be given beside cacert_pem`},
		"a file's name as PEM":             {password, object{"cert_pem": somePEM, "key_pem": neverShown}, `no block "-----BEGIN PRIVATE KEY-----"`},
		"password with a line end":         {password, object{"password": neverShown + "\n"}, `control character.*trimspace`},
		"empty password":                   {password, object{"password": ""}, `it is empty`},
		"password in the address":          {password, object{"auth_url": "http://u:" + neverShown + "@k/v3"}, `no place in the URL`},
		"no address":                       {password, object{"auth_url": neverShown}, `want a URL such as`},
		"interface that there is not":      {password, object{"interface": "outside"}, `public`},
		"address of Glance that is no URL": {password, object{"endpoint": "glance"}, `want a URL such as`},
	} {
		t.Run(what, func(t *testing.T) {
			given := maps.Clone(test.base)
			maps.Copy(given, test.own)
			ty := c.schema.Provider.ValueType()
			whole := value(t, ty, object{"openstack": given})
			diags := configured(t, c.within(t), whole)
			if got := errorsOf(diags); !regexp.MustCompile(`(?s)`+test.want).MatchString(got) || strings.Contains(got, neverShown) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if found := strange(diags); len(found) > 0 {
				t.Error(found)
			}
			if len(test.own) != 1 || len(test.base) == 1 {
				return // something else is wrong then, too
			}
			for name := range test.own {
				at := tftypes.NewAttributePath().WithAttributeName("openstack").WithAttributeName(name)
				unknown := argument{at: at}.with(t, whole, tftypes.NewValue(tftypes.String, tftypes.UnknownValue))
				if got := errorsOf(configured(t, c.within(t), unknown)); got != "" {
					t.Errorf("%s unknown: %s", name, got)
				}
			}
		})
	}
	for _, given := range append(givenCredentials(t), object{"cloud": "c", "password": "p"}, object{"cloud": "c", "application_credential_secret": "s"}) {
		if got := errorsOf(configured(t, c, value(t, c.schema.Provider.ValueType(), object{"openstack": given}))); got != "" {
			t.Errorf("%v: %s", given, got)
		}
	}
}

// configured is what a new provider says of its configuration.
func configured(t *testing.T, c *client, whole tftypes.Value) []*tfprotov6.Diagnostic {
	t.Helper()
	sent := c.dynamic(c.schema.Provider.ValueType(), whole)
	checked, err := c.server.ValidateProviderConfig(t.Context(), &tfprotov6.ValidateProviderConfigRequest{Config: sent})
	must(t, err)
	if errorsOf(checked.Diagnostics) != "" {
		return checked.Diagnostics
	}
	resp, err := newServer(t).ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.14.0", Config: sent})
	must(t, err)
	return resp.Diagnostics
}

// labLogin is how the lab's ordinary user logs in.
func labLogin(t *testing.T) (authURL, user, password, project string) {
	t.Helper()
	text, err := os.ReadFile(os.Getenv("OS_CLIENT_CONFIG_FILE"))
	must(t, err)
	var file struct {
		Clouds map[string]struct {
			Auth struct {
				AuthURL  string `yaml:"auth_url"`
				Username string
				Password string
				Project  string `yaml:"project_name"`
			}
		}
	}
	must(t, yaml.Unmarshal(text, &file))
	a := file.Clouds[os.Getenv("OS_CLOUD")].Auth
	return a.AuthURL, a.Username, a.Password, a.Project
}

// asked is a proxy before a server of the lab, and by whom it was asked.
func asked(t *testing.T, server string, serve func(http.Handler) *httptest.Server) (proxy *httptest.Server, by func() []string) {
	t.Helper()
	target, err := url.Parse(server)
	must(t, err)
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: target.Scheme, Host: target.Host})
	var mu sync.Mutex
	var agents []string
	proxy = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		agents = append(agents, r.UserAgent())
		mu.Unlock()
		to.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	return proxy, func() []string { mu.Lock(); defer mu.Unlock(); return agents }
}

// openstackCommand reads what the openstack command prints.
func openstackCommand(t *testing.T, into any, args ...string) {
	t.Helper()
	out, err := exec.Command("openstack", append(args, "-f", "json")...).Output()
	must(t, err)
	must(t, json.Unmarshal(out, into))
}

// The example of two clouds works but for its addresses and IDs: with secrets from
// ephemeral variables, and whatever the environment says of a third cloud.
// Keystone and Glance are told who asks.
func TestCredentialsExample(t *testing.T) {
	acctest.RequireLab(t)
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "terraform-provider-rbd")
	name := providertest.Name(t)
	registeredImage(t, name)
	authURL, user, password, project := labLogin(t)
	var credential struct{ ID, Secret string }
	openstackCommand(t, &credential, "application", "credential", "create", name)
	t.Cleanup(func() {
		if out, err := exec.Command("openstack", "application", "credential", "delete", credential.ID).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	var catalog struct{ Endpoints []struct{ URL string } }
	openstackCommand(t, &catalog, "catalog", "show", "image")

	keystone, keystoneBy := asked(t, authURL, httptest.NewServer)
	secured, securedBy := asked(t, authURL, httptest.NewTLSServer)
	image, imageBy := asked(t, catalog.Endpoints[0].URL, httptest.NewServer)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}), 0o600))
	example := read(t, filepath.Join(top, "examples", "credentials", "main.tf"))
	for _, r := range [][2]string{
		{`"https://keystone.dc1.example.com/v3"`, fmt.Sprintf("%q\n    endpoint = %q", keystone.URL+"/v3", image.URL)},
		{`"https://keystone.dc2.example.com/v3"`, fmt.Sprintf("%q", secured.URL+"/v3")},
		{`"21dced0fd20347869b93710d2b98aae0"`, fmt.Sprintf("%q", credential.ID)},
		{`"/etc/ssl/dc2-ca.pem"`, fmt.Sprintf("%q", ca)}, {`"terraform"`, fmt.Sprintf("%q", user)},
		{`"images"`, fmt.Sprintf("%q", project)}, {`"debian-12"`, fmt.Sprintf("%q", name+"-debian-12")},
	} {
		if !strings.Contains(example, r[0]) {
			t.Fatalf("no %s in the example", r[0])
		}
		example = strings.ReplaceAll(example, r[0], r[1])
	}
	defer inEnvironment(t, map[string]string{"OS_CLOUD": "third", "OS_CLIENT_CONFIG_FILE": "/nowhere", "OS_REGION_NAME": "Nowhere", "OS_PASSWORD": "no", "OS_TOKEN": "no"})()
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		ConfigVariables: config.Variables{"dc1_secret": config.StringVariable(credential.Secret), "dc2_password": config.StringVariable(password)},
		Config:          example,
		Check:           resource.TestCheckResourceAttrPair("data.rbd_glance_image.dc1", "image_id", "data.rbd_glance_image.dc2", "image_id"),
	}}})
	for what, by := range map[string]func() []string{"Keystone": keystoneBy, "Keystone on https": securedBy, "Glance": imageBy} {
		agents := by()
		if len(agents) == 0 {
			t.Errorf("%s was not asked", what)
		}
		for _, agent := range agents {
			if !regexp.MustCompile(`^terraform-provider-rbd/test \(\+Terraform 1\.\d+\.\d+\S*\) gophercloud/`).MatchString(agent) {
				t.Errorf("%s was asked by %q", what, agent)
			}
		}
	}
}

// inEnvironment sets variables until back is called, before the cleanups of the
// test, which need them as they were.
func inEnvironment(t *testing.T, variables map[string]string) (back func()) {
	t.Helper()
	before := map[string]string{}
	for name, text := range variables {
		before[name] = os.Getenv(name) // what is empty is as good as not there
		must(t, os.Setenv(name, text)) //nolint:usetesting // as said
	}
	return func() {
		for name, text := range before {
			must(t, os.Setenv(name, text)) //nolint:usetesting // as said
		}
	}
}
