// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"strings"
	"testing"
)

// The same Glance, however its address is spelled and whoever asks.
func TestIdentityInTheLab(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	noted, err := labClient(t, asMember).Identity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if noted.KeystoneID == "" || noted.ServiceID == "" || noted.Region != "RegionOne" || noted.Zero() {
		t.Errorf("the identity is %+v", noted)
	}
	at := func(endpoint string) Config {
		cfg := labConfig(t, asMember)
		cfg.Endpoint = endpoint
		return cfg
	}
	anotherRegion := labConfig(t, asMember)
	anotherRegion.Region, anotherRegion.Endpoint = "RegionTwo", "http://localhost:1"
	for name, tc := range map[string]struct {
		cfg  Config
		want Reach
	}{
		"admin":                   {labConfig(t, asAdmin), Same},
		"other project":           {labConfig(t, asOther), Same},
		"given":                   {at(noted.Endpoint), Same},
		"with a slash":            {at(noted.Endpoint + "/"), Same},
		"with a version":          {at(noted.Endpoint + "/v2/"), Same},
		"in capitals":             {at(strings.Replace(noted.Endpoint, "http", "HTTP", 1)), Same},
		"by name":                 {at(strings.Replace(noted.Endpoint, "127.0.0.1", "localhost", 1)), Readdressed},
		"another port":            {at("http://127.0.0.1:1"), Readdressed},
		"given, in other regions": {anotherRegion, Another},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := New(tc.cfg).Identity(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if reach := got.From(noted); reach != tc.want {
				t.Errorf("%s compares as %d with %s, want %d", got, reach, noted, tc.want)
			}
			if reach := noted.From(got); reach != tc.want {
				t.Errorf("the other way round it compares as %d, want %d", reach, tc.want)
			}
		})
	}
}

func TestIdentityFrom(t *testing.T) {
	t.Parallel()
	noted := Identity{AuthURL: "https://keystone.one", KeystoneID: "k1", ServiceID: "g1", Region: "north", Endpoint: "https://glance.one"}
	for name, tc := range map[string]struct {
		now  func(*Identity)
		want Reach
	}{
		"same":                        {func(*Identity) {}, Same},
		"default port":                {func(i *Identity) { i.Endpoint, i.AuthURL = "https://Glance.one:443/v2", "https://keystone.one:443/v3/" }, Same},
		"Keystone at another address": {func(i *Identity) { i.AuthURL = "http://10.0.0.1:5000" }, Same},
		"Glance at another address":   {func(i *Identity) { i.Endpoint = "http://10.0.0.1:9292" }, Same},
		"both, of the catalogue": {func(i *Identity) {
			i.AuthURL, i.Endpoint, i.known = "http://a", "http://b", []string{"https://glance.one/"}
		}, Same},
		"both at another address":           {func(i *Identity) { i.AuthURL, i.Endpoint = "http://a", "http://b" }, SameService},
		"another region":                    {func(i *Identity) { i.Region, i.Endpoint = "south", "https://glance.two" }, Another},
		"another region, the same Glance":   {func(i *Identity) { i.Region = "south" }, Same},
		"another service":                   {func(i *Identity) { i.ServiceID, i.Endpoint = "g2", "https://glance.two" }, Another},
		"another Keystone":                  {func(i *Identity) { i.KeystoneID = "k2" }, Another},
		"a Keystone without IDs":            {func(i *Identity) { i.KeystoneID = "" }, Same},
		"another Keystone without IDs":      {func(i *Identity) { i.KeystoneID, i.AuthURL = "", "https://keystone.two" }, Another},
		"given address":                     {func(i *Identity) { i.ServiceID, i.Endpoint = "", "http://localhost:9292" }, Readdressed},
		"given address, no region":          {func(i *Identity) { i.ServiceID, i.Region, i.Endpoint = "", "", "http://localhost:9292" }, Readdressed},
		"given address, another region":     {func(i *Identity) { i.ServiceID, i.Region, i.Endpoint = "", "south", "http://localhost:9292" }, Another},
		"given address, another Keystone":   {func(i *Identity) { i.KeystoneID, i.ServiceID, i.Endpoint = "k2", "", "http://localhost:9292" }, Another},
		"taken out of the catalogue, given": {func(i *Identity) { i.ServiceID = "" }, Same},
	} {
		t.Run(name, func(t *testing.T) {
			now := noted
			tc.now(&now)
			if reach := now.From(noted); reach != tc.want {
				t.Errorf("%+v compares as %d, want %d", now, reach, tc.want)
			}
		})
	}
}

// Nothing of an address that may be a secret is noted.
func TestPlainAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"HTTP://User:Secret@Glance:80/v2/": "http://glance",
		"https://glance:443/image/v2":      "https://glance/image",
		"https://glance:8443//":            "https://glance:8443",
		"http://[::1]:9292/":               "http://[::1]:9292",
		"http://glance/?token=secret":      "http://glance",
		"http://%zz:secret@glance":         "(no address)",
	} {
		if got := plainAddress(address); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
}
