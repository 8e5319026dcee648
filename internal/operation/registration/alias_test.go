// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
)

// A run that was killed leaves what it had done so far of alias and record.
func TestResumedAlias(t *testing.T) {
	g := newGolden(t)
	ctx := t.Context()
	for n, what := range []string{"noted", "cloned", "snapshotted", "protected", "recorded"} {
		t.Run(what, func(t *testing.T) {
			g.T = t
			id := registrationtest.LeaveCreation(&g, testState, false, n > 3, false)
			alias := "images/alias." + id
			key := registrationtest.Prefix + "glance." + id
			note := acctest.RBD(t, "image-meta", "get", g.Spec, key)
			acctest.RBD(t, "image-meta", "set", g.Spec, key, strings.Replace(note, "{", fmt.Sprintf(`{"alias":%q,`, alias), 1))
			for _, args := range [][]string{
				{"--rbd-default-clone-format", "1", "clone", g.Spec + "@s", alias},
				{"snap", "create", "--no-progress", alias + "@snap"},
				{"snap", "protect", alias + "@snap"},
			}[:min(n, 3)] {
				acctest.RBD(t, args...)
			}
			d := newLife(cloud(asMember), g.Spec+"@s", g.Name)
			d.Protect(registration.ProtectionAlias)
			if err := d.Create(ctx); err != nil {
				t.Fatal(err)
			}
			if d.ID() != id {
				t.Errorf("the ID is %s, that of the killed run was %s", d.ID(), id)
			}
			if err := g.Aliased(); err != nil {
				t.Error(err)
			}
			// And as far as a destroy may have come.
			switch n {
			case 0:
				d.As(cloud(asAdmin))
			case 1:
				registrationtest.DropAlias(t, alias)
			case 2:
				acctest.RBD(t, "snap", "unprotect", alias+"@snap")
			case 3: // of ours, as it had noted
				note := acctest.RBD(t, "image-meta", "get", g.Spec, key)
				acctest.RBD(t, "image-meta", "set", g.Spec, key, strings.Replace(note, `"state":"pending"`, `"state":"deleting"`, 1))
				if err := client(t, asMember).Deactivate(ctx, id); err != nil {
					t.Error(err)
				}
				if _, err := client(t, asMember).DeleteRecord(ctx, id); err != nil {
					t.Error(err)
				}
			}
			if err := errors.Join(d.Delete(ctx), g.Untouched()); err != nil {
				t.Error(err)
			}
		})
	}
}
