// SPDX-License-Identifier: MPL-2.0

package predestroy

import (
	"strings"
	"testing"
)

func TestToDestroy(t *testing.T) {
	for command, want := range map[string]bool{
		"terraform destroy":                             true,
		"/usr/bin/tofu -chdir=live destroy -target=a.b": true,
		"terraform plan -destroy -out=x":                true,
		"terraform apply --destroy":                     true,
		"terraform apply -destroy=true":                 true,
		"terraform apply -destroy=false":                false,
		"terraform apply -destroy -destroy=0":           false,
		"terraform apply":                               false,
		"terraform apply destroy":                       false,
		"terraform apply -var destroy=1":                false,
		"terraform apply -auto-approve -var=destroy":    false,
		"terraform test":                                false,
		"terraform -version":                            false,
		"terraform":                                     false,
		"":                                              false,
	} {
		if got := toDestroy(strings.Fields(command), func(string) string { return "" }); got != want {
			t.Errorf("%q: %t", command, got)
		}
	}
	for name, want := range map[string]bool{"TF_CLI_ARGS": true, "TF_CLI_ARGS_plan": true, "TF_CLI_ARGS_apply": false} {
		getenv := func(n string) string {
			if n == name {
				return "-no-color -destroy"
			}
			return ""
		}
		if got := toDestroy([]string{"terraform", "plan"}, getenv); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
