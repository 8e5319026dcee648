// SPDX-License-Identifier: MPL-2.0

package durationtype

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{"0s": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "720h": 720 * time.Hour, "1.5h": 90 * time.Minute} {
		if got, err := Parse(s); err != nil || got != want {
			t.Errorf("%q: %s %v, want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", " ", "30d", "-5m", "5", "1w", "m", "99999999999h", " 5m", "5m\n", "5m\x00"} {
		if got, err := Parse(s); err == nil {
			t.Errorf("%q is taken, for %s", s, got)
		}
	}
}

func TestSemanticEquals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{{"60m", "1h", true}, {"1h", "1h", true}, {"1h", "2h", false}} {
		if got, diags := New(tc.a).StringSemanticEquals(t.Context(), New(tc.b)); got != tc.want || diags.HasError() {
			t.Errorf("%s and %s: %t %v", tc.a, tc.b, got, diags)
		}
	}
}
