// SPDX-License-Identifier: MPL-2.0

package blockio

import (
	"fmt"
	"testing"
)

func TestExtents(t *testing.T) {
	all := []Extent{{At: 0, Length: 10}, {At: 20, Length: 10}, {At: 40, Length: 100}}
	for what, tc := range map[string]struct {
		got  []Extent
		want string
	}{
		"nothing cut":      {without(all, nil), "[{0 10 false} {20 10 false} {40 100 false}]"},
		"all cut":          {without(all, []Extent{{At: 0, Length: 200}}), "[]"},
		"over a border":    {without(all, []Extent{{At: 5, Length: 17}}), "[{0 5 false} {22 8 false} {40 100 false}]"},
		"several in one":   {without(all, []Extent{{At: 0, Length: 30}, {At: 50, Length: 10}, {At: 100, Length: 1}}), "[{40 10 false} {60 40 false} {101 39 false}]"},
		"one over several": {without(all, []Extent{{At: 9, Length: 40}}), "[{0 9 false} {49 91 false}]"},
		"rounded":          {rounded([]Extent{{At: 5, Length: 1}, {At: 7, Length: 2}, {At: 30, Length: 1}}, 8), "[{0 16 false} {24 8 false}]"},
		"joined":           {Joined([]Extent{{At: 8, Length: 4}, {At: 0, Length: 8}, {At: 20, Length: 1}}), "[{0 12 false} {20 1 false}]"},
		"zeros apart":      {Joined([]Extent{{At: 0, Length: 8}, {At: 8, Length: 8, Zero: true}}), "[{0 8 false} {8 8 true}]"},
		"data counts":      {Joined([]Extent{{At: 0, Length: 8, Zero: true}, {At: 4, Length: 8}}), "[{0 12 false}]"},
		"pieces":           {Pieces([]Extent{{At: PieceBytes - 1, Length: PieceBytes + 2}}), fmt.Sprintf("[{%d 1 false} {%d %d false} {%d 1 false}]", PieceBytes-1, PieceBytes, PieceBytes, 2*PieceBytes)},
	} {
		if got := fmt.Sprint(tc.got); got != tc.want {
			t.Errorf("%s: %s, want %s", what, got, tc.want)
		}
	}
}
