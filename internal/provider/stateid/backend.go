// SPDX-License-Identifier: MPL-2.0

package stateid

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// backend is where a state is kept, as `terraform init` has noted it.
type backend struct {
	Type   string         `json:"type"`
	Config map[string]any `json:"config"`
}

// locations are the values of a backend's configuration that say where its
// states are, and the environment variables that stand in for them. Anything
// else is how to get there, such as a user or a profile, which may be another
// one for each runner.
var locations = map[string][]location{
	"azurerm": {{name: "storage_account_name"}, {name: "container_name"}, {name: "key"}},
	"cloud": {
		{"hostname", "TF_CLOUD_HOSTNAME"}, {"organization", "TF_CLOUD_ORGANIZATION"}, {name: "workspaces"},
	},
	"consul": {{"address", "CONSUL_HTTP_ADDR"}, {name: "datacenter"}, {name: "path"}},
	"cos":    {{name: "region"}, {name: "bucket"}, {name: "prefix"}, {name: "key"}},
	"gcs":    {{name: "bucket"}, {name: "prefix"}},
	"http":   {{"address", "TF_HTTP_ADDRESS"}},
	"kubernetes": {
		{"host", "KUBE_HOST"}, {"config_context", "KUBE_CTX"}, {"namespace", "KUBE_NAMESPACE"}, {name: "secret_suffix"},
	},
	"oci": {{name: "region"}, {name: "namespace"}, {name: "bucket"}, {name: "workspace_key_prefix"}, {name: "key"}},
	"oss": {{name: "region"}, {"endpoint", "ALICLOUD_OSS_ENDPOINT"}, {name: "bucket"}, {name: "prefix"}, {name: "key"}},
	"pg":  {{"conn_str", "PG_CONN_STR"}, {"schema_name", "PG_SCHEMA_NAME"}, {"", "PGHOST"}, {"", "PGPORT"}, {"", "PGDATABASE"}},
	"remote": {
		{"hostname", "TF_CLOUD_HOSTNAME"}, {"organization", "TF_CLOUD_ORGANIZATION"}, {name: "workspaces"},
	},
	"s3": {
		{"endpoint", "AWS_S3_ENDPOINT"}, {"endpoints", "AWS_ENDPOINT_URL_S3"}, {name: "bucket"},
		{name: "workspace_key_prefix"}, {name: "key"},
	},
}

type location struct{ name, env string }

// location says where the states are, as NAME=VALUE; empty where that is not
// known.
func (b backend) location(getenv func(string) string) []string {
	known, ok := locations[b.Type]
	if !ok {
		known = b.plain()
	}
	var out []string
	for _, l := range known {
		value := b.value(l.name)
		if value == "" && l.env != "" {
			value = getenv(l.env)
		}
		if value != "" {
			out = append(out, l.name+l.env+"="+withoutPassword(value))
		}
	}
	return out
}

// value is one of the configuration as text; empty where it is null.
func (b backend) value(name string) string {
	switch v := b.Config[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(raw)
	}
}

// secret are parts of names whose values are no location, in a backend that is
// not known here.
var secret = []string{"key", "token", "password", "passwd", "secret", "credential", "cert", "private", "auth", "user"}

// plain are the values of an unknown backend that may be a location.
func (b backend) plain() []location {
	var out []location
	for name := range b.Config {
		lower := strings.ToLower(name)
		if !slices.ContainsFunc(secret, func(part string) bool { return strings.Contains(lower, part) }) {
			out = append(out, location{name: name})
		}
	}
	slices.SortFunc(out, func(a, b location) int { return strings.Compare(a.name, b.name) })
	return out
}

// withoutPassword leaves the user and the password out of an address or of a
// connection string of PostgreSQL, since both may change, and a password has
// no place even in a hash.
func withoutPassword(value string) string {
	if u, err := url.Parse(value); err == nil && u.Host != "" {
		query := u.Query()
		for _, name := range []string{"user", "password", "sslpassword"} {
			query.Del(name)
		}
		u.User, u.RawQuery = nil, query.Encode()
		return u.String()
	}
	fields := strings.Fields(value)
	kept := slices.DeleteFunc(slices.Clone(fields), func(f string) bool {
		return strings.HasPrefix(f, "user=") || strings.HasPrefix(f, "password=") || strings.HasPrefix(f, "sslpassword=")
	})
	if len(kept) < len(fields) {
		return strings.Join(kept, " ")
	}
	return value
}
