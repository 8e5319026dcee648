// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v2"
	"pgregory.net/rapid"
)

// resolveFile resolves the cloud "test" of a clouds.yaml, with other files beside it.
func resolveFile(t *testing.T, text string, beside map[string]string, cfg Config) (*settings, error) {
	t.Helper()
	dir := t.TempDir()
	clearOS(t)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("OS_CLIENT_CONFIG_FILE", filepath.Join(dir, "clouds.yaml"))
	files := map[string]string{"clouds.yaml": text}
	for name, text := range beside {
		files[name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Cloud = "test"
	return cfg.resolve()
}

const passwordAuth = "auth: {auth_url: 'http://k/v3', username: u, password: hunter2, project_name: p, user_domain_name: d, project_domain_name: d}"

// cloudWith is a clouds.yaml whose cloud has more lines.
func cloudWith(lines ...string) string {
	return "clouds:\n  test:\n    " + passwordAuth + "\n    " + strings.Join(lines, "\n    ") + "\n"
}

func TestCloudAsTheCommandReadsIt(t *testing.T) {
	regions := cloudWith("regions: [one, {name: two, values: {image_endpoint_override: 'http://g2', auth: {project_name: q}}}]")
	for what, tc := range map[string]struct {
		text                     string
		cfg                      Config
		region, endpoint, access string
		project                  string
		verify                   bool
	}{
		"first region":              {regions, Config{}, "one", "", "public", "p", true},
		"another region":            {regions, Config{Region: "two"}, "two", "http://g2", "public", "q", true},
		"regions in region_name":    {cloudWith("region_name: 'one,two'"), Config{}, "one", "", "public", "p", true},
		"region_name":               {cloudWith("region_name: one"), Config{Region: "two"}, "two", "", "public", "p", true},
		"image_endpoint_override":   {cloudWith("image_endpoint_override: http://g/v2"), Config{}, "", "http://g/v2", "public", "p", true},
		"endpoint of the provider":  {cloudWith("image_endpoint_override: http://g/v2"), Config{Endpoint: "http://x"}, "", "http://x", "public", "p", true},
		"image_interface":           {cloudWith("interface: public", "image_interface: internal"), Config{}, "", "", "internal", "p", true},
		"endpoint_type":             {cloudWith("endpoint_type: adminURL"), Config{}, "", "", "admin", "p", true},
		"hyphens":                   {cloudWith("image-interface: internal", "region-name: r"), Config{}, "r", "", "internal", "p", true},
		"verify as a text":          {cloudWith("verify: 'False'"), Config{}, "", "", "public", "p", false},
		"insecure":                  {cloudWith("insecure: true", "verify: true"), Config{}, "", "", "public", "p", false},
		"odd values of others":      {cloudWith() + "  other: {verify: 'False', auth: [1], regions: 7, auth_type: v3oidcpassword}\n  worse: x\n", Config{}, "", "", "public", "p", true},
		"project beside auth":       {cloudWith("project_name: q"), Config{}, "", "", "public", "q", true},
		"versions":                  {cloudWith("identity_api_version: 3", "image_api_version: '2'", "auth_type: v3password"), Config{}, "", "", "public", "p", true},
		"numbers are texts as such": {strings.Replace(cloudWith(), "project_name: p", "project_name: 0123", 1), Config{}, "", "", "public", "0123", true},
	} {
		t.Run(what, func(t *testing.T) {
			set, err := resolveFile(t, tc.text, nil, tc.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if set.endpoint.Region != tc.region || set.imageEndpoint != tc.endpoint || string(set.endpoint.Availability) != tc.access || set.auth.ProjectName != tc.project {
				t.Errorf("%+v, endpoint %q, project %q", set.endpoint, set.imageEndpoint, set.auth.ProjectName)
			}
			if got := set.tls == nil || !set.tls.InsecureSkipVerify; got != tc.verify {
				t.Errorf("verifies: %v", got)
			}
		})
	}
}

// What would reach another place, or send a secret to one, is refused by its name
// before anything is sent: resolving sends nothing.
func TestCloudRefusedByName(t *testing.T) {
	for line, want := range map[string]string{
		"auth_type: v3oidcpassword":                   "v3oidcpassword",
		"auth_type: none":                             `"none"`,
		"auth_type: http_basic":                       "http_basic",
		"auth_type: v3kerberos":                       "v3kerberos",
		"auth_type: v2password":                       "v2password",
		"auth-type: v3samlpassword":                   "v3samlpassword",
		"identity_provider: idp":                      "identity_provider",
		"passcode: 123456":                            "passcode",
		"identity_api_version: 2.0":                   "identity_api_version",
		"image_api_version: 1":                        "image_api_version",
		"image_service_name: other":                   "image_service_name",
		"interface: outside":                          `"outside"`,
		"interface: [public, internal]":               "interface",
		"verify: maybe":                               "verify",
		"regions: one":                                "regions",
		"regions: [{values: {}}]":                     "no name",
		"region_name: {a: b}":                         "region_name",
		"image_endpoint_override: 'http://g/%(id)s'":  "image_endpoint_override",
		"profile: vexxhost":                           "vexxhost",
		"cloud: ovh":                                  "ovh",
		"regions: [one, two]\n    region_name: three": "",
	} {
		set, err := resolveFile(t, cloudWith(line), nil, Config{})
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", line, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: %+v", line, set.endpoint)
			continue
		}
		wantError(t, err, ErrConfig, want)
		wantNoSecret(t, err, "hunter2")
	}
	if _, err := resolveFile(t, cloudWith("regions: [one, two]"), nil, Config{Region: "three"}); err == nil || !strings.Contains(err.Error(), "one, two") {
		t.Errorf("a region that is none: %v", err)
	}
}

func TestProfileAndSecrets(t *testing.T) {
	set, err := resolveFile(t, "clouds: {test: {profile: v, auth: {username: u, project_id: p, user_domain_id: d}}}", map[string]string{
		"clouds-public.yaml": "public-clouds: {v: {auth: {auth_url: 'http://v/v3', username: no}, regions: [east, west], interface: internal}}",
		"secure.yaml":        "clouds: {test: {auth: {password: hunter2}}, other: 7}",
	}, Config{Region: "west"})
	if err != nil || set.auth.URL != "http://v/v3" || set.auth.UserName != "u" || set.auth.Password != "hunter2" || set.endpoint.Region != "west" || set.endpoint.Availability != "internal" {
		t.Errorf("%+v, %v", set, err)
	}
	// Only what its auth_type uses is taken.
	set, err = resolveFile(t, cloudWith("auth_type: password", "token: t"), nil, Config{})
	if err != nil || set.auth.Token != "" || set.auth.Password != "hunter2" {
		t.Errorf("%+v, %v", set, err)
	}
}

// Whatever a cloud is made of: what is written is read back, whatever stands in
// the cloud beside it.
func TestCloudWrittenAndRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zA-Z0-9 :#'"~_.-]{0,12}[a-zA-Z0-9]`)
		auth := map[string]any{"auth_url": "http://k/v3"}
		for _, key := range []string{"username", "password", "project_name", "user_domain_name", "project_domain_name"} {
			auth[key] = word.Draw(t, key)
		}
		region := word.Draw(t, "region")
		other := rapid.SampledFrom([]any{nil, 7, "x", []any{1}, map[string]any{"auth": 3, "verify": "maybe"}}).Draw(t, "other")
		doc, err := yaml.Marshal(map[string]any{"clouds": map[string]any{
			"test": map[string]any{"auth": auth, "regions": []any{region, "second"}}, "other": other,
		}})
		if err != nil {
			t.Fatal(err)
		}
		all, err := parseClouds("f", doc, "clouds")
		if err != nil {
			t.Fatal(err)
		}
		e, err := entryOf(all.mapping["test"].normalized(), "")
		if err != nil || e.region != region || e.auth.Password != auth["password"] || e.auth.ProjectName != auth["project_name"] || e.auth.UserName != auth["username"] {
			t.Fatalf("%+v, %v of\n%s", e, err, doc)
		}
	})
}

// FuzzCloud: whatever stands in a file, there is a cloud or an error, and a cloud
// is of a kind that we can use.
func FuzzCloud(f *testing.F) {
	for _, seed := range []string{cloudWith("regions: [one]"), cloudWith("auth_type: v3oidcpassword"), "clouds: {test: {auth: {}}}", "clouds: 7", "- x", "clouds: {test: {regions: [{name: [1]}]}}"} {
		f.Add(seed, "one")
	}
	f.Fuzz(func(t *testing.T, text, region string) {
		all, err := parseClouds("f", []byte(text), "clouds")
		if err != nil {
			return
		}
		e, err := entryOf(all.mapping["test"].normalized(), region)
		if err == nil && region != "" && e.region != region {
			t.Fatalf("%+v", e)
		}
	})
}
