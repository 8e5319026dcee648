// SPDX-License-Identifier: MPL-2.0

package glancelocation_test

import (
	"context"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/glancelocation"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
)

// The plan says that it goes on with what a killed run for the same state has
// left, and nothing of what another state's was making.
func TestUnfinishedRegistrationIsPlanned(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	for state, ours := range map[string]bool{stateid.ID(): true, "of another state": false} {
		id := registrationtest.LeaveCreation(&g.Golden, state, true, true, false)
		resumed, said := glancelocation.Plan(t.Context(), acctest.FSID(t), client(t, asMember), g.Spec+"@s", g.Name)
		if ours && (resumed != id || !strings.Contains(said, id)) {
			t.Errorf("the plan takes up %q: %s", resumed, said)
		}
		if !ours && (resumed != "" || strings.Contains(said, "taken up")) {
			t.Errorf("the plan takes up %q of another state: %s", resumed, said)
		}
		if _, err := client(t, asMember).DeleteRecord(context.Background(), id); err != nil {
			t.Error(err)
		}
		acctest.RBD(t, "rm", "--no-progress", "images/guard."+id)
		acctest.RBD(t, "image-meta", "rm", g.Spec, prefix+"glance."+id)
	}
}
