// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authKinds are the auth_type that we can use, and how they are called here.
// Whatever else it may be, its secrets are for somebody else: a federated password
// is sent to no Keystone.
var authKinds = map[string]string{
	"password": "password", "v3password": "password", "token": "token", "v3token": "token",
	"v3applicationcredential": "applicationcredential",
}

// keys are what we read of auth, each with its older names.
func (a *Auth) keys() []authKey {
	return []authKey{
		{&a.URL, []string{"auth_url"}}, {&a.Token, []string{"token", "auth_token"}},
		{&a.UserName, []string{"username", "user_name"}}, {&a.UserID, []string{"user_id"}}, {&a.Password, []string{"password"}},
		{&a.ApplicationCredentialID, []string{"application_credential_id"}}, {&a.ApplicationCredentialName, []string{"application_credential_name"}},
		{&a.ApplicationCredentialSecret, []string{"application_credential_secret"}},
		{&a.ProjectName, []string{"project_name", "tenant_name"}}, {&a.ProjectID, []string{"project_id", "tenant_id"}},
		{&a.UserDomainName, []string{"user_domain_name"}}, {&a.UserDomainID, []string{"user_domain_id"}},
		{&a.ProjectDomainName, []string{"project_domain_name"}}, {&a.ProjectDomainID, []string{"project_domain_id"}},
		{&a.DomainName, []string{"domain_name"}}, {&a.DomainID, []string{"domain_id"}},
		{&a.SystemScope, []string{"system_scope"}}, {&a.TrustID, []string{"trust_id"}},
	}
}

type authKey struct {
	to    *string
	names []string
}

// refusedKeys mean something that we don't do: to leave them out would reach
// another place, or send a secret to it.
var refusedKeys = []string{
	"identity_provider", "protocol", "access_token", "access_token_endpoint", "discovery_endpoint", "identity_provider_url", "passcode",
}

// entry is a cloud as it is in the files, with its profile and its region put in.
type entry struct {
	auth Auth
	// access is the interface that is asked for.
	region, access string
	// image are what it says of the image service alone.
	imageEndpoint, imageRegion string
	certificates               certificates
	apiTimeout                 time.Duration
}

// entryOf reads a cloud as the openstack command does. What it can't take is
// refused by name; region is the one that is asked for, or empty.
func entryOf(v value, region string) (e entry, err error) {
	if v, err = withRegion(v, region); err != nil {
		return e, err
	}
	if e.auth, err = authOf(v); err != nil {
		return e, err
	}
	for _, f := range []struct {
		to   *string
		keys []string
	}{
		{&e.region, []string{"region_name"}}, {&e.certificates.ca.file, []string{"cacert"}},
		{&e.certificates.cert.file, []string{"cert"}}, {&e.certificates.key.file, []string{"key"}},
		{&e.access, []string{"image_interface", "image_endpoint_type", "endpoint_type", "interface"}},
		{&e.imageEndpoint, []string{"image_endpoint_override", "image_endpoint"}}, {&e.imageRegion, []string{"image_region_name"}},
	} {
		if *f.to, err = v.first(f.keys...); err != nil {
			return e, err
		}
	}
	if strings.ContainsAny(e.imageEndpoint, "%${}") {
		return e, errors.New("image_endpoint_override with a placeholder in it is not supported: write it out")
	}
	if e.certificates.insecure, err = insecureOf(v); err != nil {
		return e, err
	}
	if e.apiTimeout, err = timeoutOf(v); err != nil {
		return e, err
	}
	return e, checkEntry(v, e)
}

// timeoutOf is how many seconds a request may take; zero where nothing is said.
func timeoutOf(v value) (time.Duration, error) {
	text, err := v.get("api_timeout")
	if err != nil || text == "" {
		return 0, err
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds > 0 && seconds < 1e6) {
		return 0, errors.New("api_timeout must be a number of seconds")
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// insecureOf tells whether certificates are not to be verified.
func insecureOf(v value) (bool, error) {
	for _, key := range []string{"insecure", "verify"} {
		text, err := v.get(key)
		if err != nil {
			return false, err
		}
		yes := slices.Contains([]string{"true", "yes", "on", "1"}, strings.ToLower(text))
		no := slices.Contains([]string{"false", "no", "off", "0"}, strings.ToLower(text))
		switch {
		case text == "", key == "insecure" && no:
		case !yes && !no:
			return false, fmt.Errorf("%s must be true or false", key)
		default:
			return yes == (key == "insecure"), nil
		}
	}
	return false, nil
}

// checkEntry refuses what we would have to leave out.
func checkEntry(v value, e entry) error {
	interfaces := []string{"", "public", "internal", "admin", "publicURL", "internalURL", "adminURL"}
	if !slices.Contains(interfaces, e.access) {
		return fmt.Errorf("interface %q is not known: want public, internal or admin", e.access)
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
func authOf(v value) (a Auth, err error) {
	auth, ok := v.mapping["auth"]
	if !ok || auth.isText() && auth.text == "" {
		return a, errors.New("it has no auth section")
	}
	if auth.mapping == nil {
		return a, errors.New("auth is not a mapping")
	}
	given, err := v.first("auth_type", "auth_plugin")
	if err != nil {
		return a, err
	}
	kind, ok := authKinds[given]
	if !ok && given != "" {
		return a, fmt.Errorf("auth_type %q is not supported: want password, token or v3applicationcredential; nothing was sent anywhere", given)
	}
	for _, key := range refusedKeys {
		for _, at := range []value{auth, v} {
			if text, err := at.get(key); err != nil || text != "" {
				return a, fmt.Errorf("%s is not supported; nothing was sent anywhere", key)
			}
		}
	}
	read := func(keys ...string) (string, error) {
		for _, at := range []value{v, auth} { // what stands beside it wins
			if text, err := at.first(keys...); err != nil || text != "" {
				return text, err
			}
		}
		return "", nil
	}
	for _, key := range a.keys() {
		if *key.to, err = read(key.names...); err != nil {
			return a, fmt.Errorf("auth: %w", err)
		}
	}
	id, err := read("default_domain_id", "default_domain")
	if err != nil {
		return a, fmt.Errorf("auth: %w", err)
	}
	name, err := read("default_domain_name")
	if err != nil {
		return a, fmt.Errorf("auth: %w", err)
	}
	a.defaultDomain(id, name)
	region, _ := v.get("region_name")
	a.URL = strings.ReplaceAll(a.URL, "{region_name}", region)
	if strings.ContainsAny(a.URL, "{}") {
		return a, errors.New("auth_url with a placeholder in it is not supported: write it out")
	}
	a.only(kind)
	return a, nil
}

// defaultDomain is that of user and project where they have none. The token is
// not for it, as it is with domain_id.
func (a *Auth) defaultDomain(id, name string) {
	if a.DomainID != "" || a.DomainName != "" {
		return
	}
	for _, of := range [][2]*string{{&a.UserDomainID, &a.UserDomainName}, {&a.ProjectDomainID, &a.ProjectDomainName}} {
		if *of[0] == "" && *of[1] == "" {
			*of[0], *of[1] = id, name
		}
	}
}

// only leaves the secrets that a kind of authentication uses.
func (a *Auth) only(kind string) {
	if kind != "" && kind != "applicationcredential" {
		a.ApplicationCredentialID, a.ApplicationCredentialName, a.ApplicationCredentialSecret = "", "", ""
	}
	if kind != "" && kind != "token" {
		a.Token = ""
	}
	if kind != "" && kind != "password" {
		a.Password = ""
	}
	if kind == "token" {
		a.UserName, a.UserID = "", ""
	}
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
