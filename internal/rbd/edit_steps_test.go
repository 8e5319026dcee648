// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"fmt"
	"slices"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// Who looks why something is not as it was left learns who came after.
func TestStepsOfEdits(t *testing.T) {
	t.Parallel()
	spec, c := testSpec(t), NewCluster(Config{})
	acctest.RBD(t, "create", "--size", "1M", spec.String())
	img, err := c.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	note := func(words ...string) Image {
		t.Helper()
		e, err := c.BeginEdit(t.Context(), spec, img.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if err := e.NoteStep(t.Context(), w); err != nil {
				t.Error(err)
			}
		}
		if err := e.End(); err != nil {
			t.Error(err)
		}
		now, err := c.Image(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	after := func(i Image, word string, want ...string) {
		t.Helper()
		if got := i.StepsAfter(word); !slices.Equal(got, want) {
			t.Errorf("after %s: %q, want %q", word, got, want)
		}
	}
	i := note("edit/1", "sysprep", "growth", "edit/2", "sysprep")
	after(i, "edit/1", "edit/2", "growth", "sysprep")
	after(i, "edit/2", "sysprep")
	after(i, "sysprep")
	after(i, "edit/3")
	i = note("edit/1")
	after(i, "edit/1")
	after(i, "edit/2", "edit/1", "sysprep")
	i.ID = "that of a clone"
	after(i, "edit/2")
	var many []string
	for n := range 3 * ownership.MaxSteps {
		many = append(many, fmt.Sprint("edit/", n))
	}
	i = note(many...)
	if got := ownership.Steps(i.Label("steps"), i.ID); !slices.Equal(got, many[2*ownership.MaxSteps:]) {
		t.Errorf("%d are kept: %q", len(got), got)
	}
	clean(t, c, spec)
}
