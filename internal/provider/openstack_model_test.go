// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// Each argument gets to the field of its name.
func TestOpenStackArguments(t *testing.T) {
	m := &openstackModel{Insecure: types.BoolValue(true)}
	given := map[string]bool{}
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		if text, ok := v.Field(i).Addr().Interface().(*types.String); ok {
			name := v.Type().Field(i).Tag.Get("tfsdk")
			*text, given[name] = types.StringValue(name), true
		}
	}
	cfg := m.config("")
	got := map[string]bool{}
	for prefix, v := range map[string]reflect.Value{"": reflect.ValueOf(cfg), "auth_": reflect.ValueOf(cfg.Auth)} {
		for i := range v.NumField() {
			if v.Field(i).Kind() != reflect.String || v.Field(i).String() == "" {
				continue
			}
			// CACertFile is cacert_file, UserDomainID is user_domain_id, and URL of Auth is auth_url.
			name := strings.Replace(v.Type().Field(i).Name, "CACert", "Cacert", 1)
			name = strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "${1}_$2"))
			if name == "url" {
				name = prefix + name
			}
			if v.Field(i).String() != name {
				t.Errorf("%s has what is given as %s", name, v.Field(i))
			}
			got[name] = true
		}
	}
	if !reflect.DeepEqual(got, given) {
		t.Errorf("got %v of %v", got, given)
	}
	if cfg.Insecure == nil || !*cfg.Insecure {
		t.Error("insecure is lost")
	}
	var none *openstackModel
	if cfg := none.config("us"); cfg.UserAgent != "us" || cfg.Auth != (glance.Auth{}) || cfg.Insecure != nil {
		t.Errorf("%+v", cfg)
	}
}

// What a header can't have in it is not in the user agent.
func TestUserAgent(t *testing.T) {
	for want, versions := range map[string][2]string{
		"terraform-provider-rbd/0.1.0 (+Terraform 1.14.0-dev)": {"0.1.0", "1.14.0-dev"},
		"terraform-provider-rbd/dev":                           {"dev", ""},
		"terraform-provider-rbd/0.1__ (+Terraform 1__x_)":      {"0.1\r\n", "1)\x00x\u00e4"},
	} {
		if got := userAgent(versions[0], versions[1]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
