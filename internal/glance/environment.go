// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"fmt"
	"os"
	"strings"
)

// fromEnvironment makes a cloud of the OS_* variables as the openstack command
// does: OS_PROJECT_NAME is project_name, and so on.
func fromEnvironment() (base, error) {
	b := base{source: "OS_* variables", spell: variable}
	v := value{mapping: map[string]value{"auth": {mapping: map[string]value{}}}}
	for _, variable := range os.Environ() {
		name, text, _ := strings.Cut(variable, "=")
		if key, ok := strings.CutPrefix(name, "OS_"); ok && text != "" && key != "AUTH" {
			v.mapping[strings.ToLower(key)] = value{text: text}
		}
	}
	// openrc files have had this one, too.
	if id := v.mapping["userid"]; v.mapping["user_id"].text == "" && id.text != "" {
		v.mapping["user_id"] = id
	}
	if v.mapping["auth_url"].text == "" {
		what := "a cloud of clouds.yaml is named (argument cloud, or OS_CLOUD)"
		if os.Getenv("OS_CLOUD") != "" {
			what = "argument cloud is given (OS_CLOUD is not used beside credentials)"
		}
		return b, fmt.Errorf("%w: neither %s nor an address of Keystone (argument auth_url, or OS_AUTH_URL)", ErrNotConfigured, what)
	}
	var err error
	if b.entry, err = entryOf(v, ""); err != nil {
		return b, fmt.Errorf("%w: %s: %w", ErrConfig, b.source, err)
	}
	return b, nil
}

// variable is the name of a key of clouds.yaml in the environment.
func variable(key string) string { return "OS_" + strings.ToUpper(key) }

// overridden puts the variables over a cloud of the file that the openstack
// command does.
func (e *entry) overridden() {
	for _, o := range []struct {
		variable string
		to       *string
	}{
		{"OS_INTERFACE", &e.access}, {"OS_CACERT", &e.certificates.ca.file},
		{"OS_CERT", &e.certificates.cert.file}, {"OS_KEY", &e.certificates.key.file},
	} {
		*o.to = firstOf(os.Getenv(o.variable), *o.to)
	}
}
