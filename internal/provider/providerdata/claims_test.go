// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"errors"
	"testing"
)

func TestClaim(t *testing.T) {
	type ask struct {
		name, had string
		again     bool
	}
	for what, test := range map[string]struct {
		first, second ask
		twice         bool
	}{
		"two names":                         {ask{"a", "", false}, ask{"b", "", false}, false},
		"two new ones":                      {ask{"a", "", false}, ask{"a", "", false}, true},
		"a new one beside one that is kept": {ask{"a", "1", false}, ask{"a", "", false}, true},
		"the same the other way round":      {ask{"a", "", false}, ask{"a", "1", false}, true},
		"one that is replaced":              {ask{"a", "1", false}, ask{"a", "1", true}, false},
		"two that have one thing":           {ask{"a", "1", false}, ask{"a", "1", false}, true},
		"one that is replaced beside a new": {ask{"a", "1", true}, ask{"a", "", false}, true},
		"two that are replaced":             {ask{"a", "1", true}, ask{"a", "2", false}, true},
		"a swap of names, the first half":   {ask{"a", "1", false}, ask{"b", "2", false}, false},
	} {
		var p Planned
		if err := p.Claim(test.first.name, test.first.had, test.first.again); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := p.Claim(test.second.name, test.second.had, test.second.again); errors.Is(err, ErrTwice) != test.twice {
			t.Errorf("%s: %v, want twice %v", what, err, test.twice)
		}
	}
}
