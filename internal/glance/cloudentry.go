// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"gopkg.in/yaml.v2"
)

// authKinds are the auth_type that we can use, and how they are called here.
// Whatever else it may be, its secrets are for somebody else: a federated password
// is sent to no Keystone.
var authKinds = map[string]string{
	"password": "password", "v3password": "password", "token": "token", "v3token": "token",
	"v3applicationcredential": "applicationcredential",
}

// authKeys are what we read of auth, each with its older names.
var authKeys = map[string][]string{
	"auth_url": {"auth_url"}, "token": {"token", "auth_token"},
	"username": {"username", "user_name"}, "user_id": {"user_id"}, "password": {"password"},
	"application_credential_id": {"application_credential_id"}, "application_credential_name": {"application_credential_name"},
	"application_credential_secret": {"application_credential_secret"},
	"project_name":                  {"project_name", "tenant_name"}, "project_id": {"project_id", "tenant_id"},
	"user_domain_name": {"user_domain_name"}, "user_domain_id": {"user_domain_id"},
	"project_domain_name": {"project_domain_name"}, "project_domain_id": {"project_domain_id"},
	"domain_name": {"domain_name"}, "domain_id": {"domain_id"}, "default_domain": {"default_domain"},
	"system_scope": {"system_scope"}, "trust_id": {"trust_id"},
}

// refusedKeys mean something that we don't do: to leave them out would reach
// another place, or send a secret to it.
var refusedKeys = []string{
	"identity_provider", "protocol", "access_token", "access_token_endpoint", "discovery_endpoint", "identity_provider_url", "passcode",
}

// entry is a cloud as it is in the files, with its profile and its region put in.
type entry struct {
	cloud clouds.Cloud
	// image are what it says of the image service alone.
	imageEndpoint, imageRegion string
}

// entryOf reads a cloud as the openstack command does. What it can't take is
// refused by name; region is the one that is asked for, or empty.
func entryOf(v value, region string) (e entry, err error) {
	if v, err = withRegion(v, region); err != nil {
		return e, err
	}
	auth, err := authOf(v)
	if err != nil {
		return e, err
	}
	e.cloud.AuthInfo = auth
	for _, f := range []struct {
		to   *string
		keys []string
	}{
		{&e.cloud.RegionName, []string{"region_name"}}, {&e.cloud.CACertFile, []string{"cacert"}},
		{&e.cloud.ClientCertFile, []string{"cert"}}, {&e.cloud.ClientKeyFile, []string{"key"}},
		{&e.cloud.Interface, []string{"image_interface", "image_endpoint_type", "endpoint_type", "interface"}},
		{&e.imageEndpoint, []string{"image_endpoint_override", "image_endpoint"}}, {&e.imageRegion, []string{"image_region_name"}},
	} {
		if *f.to, err = v.first(f.keys...); err != nil {
			return e, err
		}
	}
	for _, file := range []*string{&e.cloud.CACertFile, &e.cloud.ClientCertFile, &e.cloud.ClientKeyFile} {
		if rest, ok := strings.CutPrefix(*file, "~/"); ok {
			if home, err := os.UserHomeDir(); err == nil {
				*file = filepath.Join(home, rest)
			}
		}
	}
	if strings.ContainsAny(e.imageEndpoint, "%${}") {
		return e, errors.New("image_endpoint_override with a placeholder in it is not supported: write it out")
	}
	if e.cloud.Verify, err = verifyOf(v); err != nil {
		return e, err
	}
	return e, checkEntry(v, e)
}

// verifyOf tells whether certificates are verified; nil where nothing is said.
func verifyOf(v value) (*bool, error) {
	for _, key := range []string{"insecure", "verify"} {
		text, err := v.get(key)
		if err != nil {
			return nil, err
		}
		yes := slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(text))
		no := slices.Contains([]string{"false", "no", "off", "0"}, strings.ToLower(text))
		switch {
		case text == "", key == "insecure" && no:
		case !yes && !no:
			return nil, fmt.Errorf("%s must be true or false", key)
		case key == "insecure":
			return new(bool), nil
		default:
			return &yes, nil
		}
	}
	return nil, nil //nolint:nilnil // as said
}

// checkEntry refuses what we would have to leave out.
func checkEntry(v value, e entry) error {
	interfaces := []string{"", "public", "internal", "admin", "publicURL", "internalURL", "adminURL"}
	if !slices.Contains(interfaces, e.cloud.Interface) {
		return fmt.Errorf("interface %q is not known: want public, internal or admin", e.cloud.Interface)
	}
	for _, only := range []struct {
		key, what string
		ok        func(string) bool
	}{
		{"identity_api_version", "3", func(s string) bool { return s == "3" || strings.HasPrefix(s, "3.") }},
		{"image_api_version", "2", func(s string) bool { return s == "2" || strings.HasPrefix(s, "2.") }},
		{"image_service_type", "image", func(s string) bool { return s == "image" }},
		{"image_service_name", "none", func(string) bool { return false }},
	} {
		text, err := v.get(only.key)
		if err != nil {
			return err
		}
		if text = strings.TrimPrefix(text, "v"); text != "" && !only.ok(text) {
			return fmt.Errorf("%s %q is not supported: want %s", only.key, text, only.what)
		}
	}
	return nil
}

// authOf reads auth, and what of it stands beside it.
func authOf(v value) (*clouds.AuthInfo, error) {
	auth, ok := v.mapping["auth"]
	if !ok || auth.isText() && auth.text == "" {
		return nil, errors.New("it has no auth section")
	}
	if auth.mapping == nil {
		return nil, errors.New("auth is not a mapping")
	}
	given, err := v.first("auth_type", "auth_plugin")
	if err != nil {
		return nil, err
	}
	kind, ok := authKinds[given]
	if !ok && given != "" {
		return nil, fmt.Errorf("auth_type %q is not supported: want password, token or v3applicationcredential; nothing was sent anywhere", given)
	}
	for _, key := range refusedKeys {
		for _, at := range []value{auth, v} {
			if text, err := at.get(key); err != nil || text != "" {
				return nil, fmt.Errorf("%s is not supported; nothing was sent anywhere", key)
			}
		}
	}
	texts := map[string]string{}
	for name, keys := range authKeys {
		for _, at := range []value{v, auth} { // what stands beside it wins
			if texts[name] != "" {
				break
			}
			if texts[name], err = at.first(keys...); err != nil {
				return nil, fmt.Errorf("auth: %w", err)
			}
		}
	}
	region, _ := v.get("region_name")
	texts["auth_url"] = strings.ReplaceAll(texts["auth_url"], "{region_name}", region)
	if strings.ContainsAny(texts["auth_url"], "{}") {
		return nil, errors.New("auth_url with a placeholder in it is not supported: write it out")
	}
	for _, name := range otherKinds(kind) {
		delete(texts, name)
	}
	doc, err := yaml.Marshal(texts)
	if err != nil {
		return nil, err
	}
	var info clouds.AuthInfo
	return &info, yaml.Unmarshal(doc, &info)
}

// otherKinds are the secrets that a kind of authentication does not use.
func otherKinds(kind string) []string {
	switch kind {
	case "password":
		return []string{"token", "application_credential_id", "application_credential_name", "application_credential_secret"}
	case "token":
		return []string{"username", "user_id", "password", "application_credential_id", "application_credential_name", "application_credential_secret"}
	case "applicationcredential":
		return []string{"token", "password"}
	}
	return nil
}

// withRegion puts the values of a region over those of its cloud: the region that
// is asked for, or else the first.
func withRegion(v value, region string) (value, error) {
	regions := v.mapping["regions"].list
	if r := v.mapping["region_name"]; len(regions) == 0 {
		switch {
		case len(r.list) > 0:
			regions = r.list
		case strings.Contains(r.text, ","):
			for name := range strings.SplitSeq(r.text, ",") {
				regions = append(regions, value{text: strings.TrimSpace(name)})
			}
		}
	}
	if len(regions) == 0 {
		if r := v.mapping["regions"]; r.text != "" || r.mapping != nil {
			return v, errors.New("regions is not a list")
		}
		if region != "" {
			return v.over(value{mapping: map[string]value{"region_name": {text: region}}}), nil
		}
		return v, nil
	}
	var names []string
	for _, r := range regions {
		name, values := r.text, value{mapping: map[string]value{}}
		if !r.isText() {
			var err error
			if name, err = r.get("name"); err != nil || name == "" {
				return v, errors.New("a region of regions has no name")
			}
			if given := r.mapping["values"]; given.mapping != nil {
				values = given.normalized()
			}
		}
		if region == "" || name == region {
			values.mapping["region_name"] = value{text: name}
			return v.over(values), nil
		}
		names = append(names, name)
	}
	return v, fmt.Errorf("region %q is none of its regions: %s", region, strings.Join(names, ", "))
}
