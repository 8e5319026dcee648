// SPDX-License-Identifier: MPL-2.0

package report

import (
	"errors"
	"fmt"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// What a package says about an error goes before what is said in general, and
// nothing of it reaches another package.
func TestKindsHaveAdviceOfTheirOwn(t *testing.T) {
	t.Parallel()
	mine := errors.New("the bowl is empty")
	bowl := NewKind("bowl", []Advice{{mine, "Fill it."}, {rbd.ErrBusy, "Wait for the cat."}}, []Advice{{mine, "Buy another."}})
	other := NewKind("basket")
	for _, tc := range []struct {
		name string
		kind Kind
		err  error
		want string
	}{
		{"own", bowl, fmt.Errorf("feed: %w", mine), "Feed: the bowl is empty.\n\nFill it."},
		{"own before common", bowl, rbd.ErrBusy, sentence(rbd.ErrBusy.Error()) + "\n\nWait for the cat."},
		{"common", bowl, rbd.ErrNotInTrash, sentence(rbd.ErrNotInTrash.Error()) + "\n\nLook for it with `rbd trash ls`."},
		{"of another", other, mine, "The bowl is empty."},
		{"none", bowl, errors.New("no"), "No."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.kind.Detail(tc.err); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if got, want := bowl.Unable("fill", "a"), `Unable to fill bowl "a"`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An error that two entries are for gets the first's text only: the second would
// never be read.
func TestCommonAdviceHasNoShadow(t *testing.T) {
	t.Parallel()
	for i, late := range common {
		for _, early := range common[:i] {
			if errors.Is(late.Is, early.Is) {
				t.Errorf("advice for %q is hidden by that for %q", late.Is, early.Is)
			}
		}
	}
}
