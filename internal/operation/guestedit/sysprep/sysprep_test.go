// SPDX-License-Identifier: MPL-2.0

package sysprep

import "testing"

// What virt-sysprep is asked for decides about the revision, too: it must not
// depend on the order in which a set was written.
func TestArgument(t *testing.T) {
	t.Parallel()
	for want, j := range map[string]Job{
		"defaults,-customize":              {Operations: []string{Defaults}},
		"defaults,customize":               {Operations: []string{customize, Defaults}},
		"defaults,user-account,-customize": {Operations: []string{"user-account", Defaults}},
		"machine-id,ssh-hostkeys":          {Operations: []string{"ssh-hostkeys", "machine-id"}},
		"defaults,-customize,-logfiles":    {Operations: []string{Defaults}, Disabled: []string{"logfiles"}},
		"bash-history,-a,-b":               {Operations: []string{"bash-history"}, Disabled: []string{"b", "a"}},
	} {
		if got := j.argument(); got != want {
			t.Errorf("%+v: got %q, want %q", j, got, want)
		}
	}
}
