// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
)

// A copy to a further store is cut off before Glance is asked, and while Glance copies;
// its removal before that. The next run finishes it, and the registered snapshot is
// untouched.
func TestCutOffCopies(t *testing.T) {
	t.Parallel()
	g := newGolden(t)
	files := t.TempDir()
	if err := os.Chmod(files, 0o777); err != nil { // Glance may be another user
		t.Fatal(err)
	}
	server := acctest.StartGlance(t, map[string]string{"enabled_backends": "rbd:rbd, files:file", "files.filesystem_store_datadir": filepath.Join(files, "files")})
	ctx := t.Context()
	copied := func(id string) bool {
		info, err := os.Stat(filepath.Join(files, "files", id))
		return err == nil && info.Size() == 8<<20
	}
	for _, before := range []registration.Step{registration.StepCopy, whileCopying} {
		l := newLife(cloud(asAdmin), g.Spec+"@s", g.Name)
		l.At(cloud(asAdmin), server.Address)
		l.req.Copies = []string{"files"}
		l.kill(t, cloud(asAdmin), opRegister, before)
		left, err := l.Unfinished(ctx)
		if left == "" || err != nil {
			t.Fatalf("killed before %q: nothing is unfinished, %v", before, err)
		}
		if before == registration.StepCopy && copied(left) {
			t.Error("there is a copy before Glance was asked")
		}
		if err := l.Create(ctx); err != nil {
			t.Fatalf("killed before %q: %v", before, err)
		}
		if l.ID() != left || !copied(left) {
			t.Errorf("killed before %q: the record is %s, was %s, copied: %t", before, l.ID(), left, copied(left))
		}
		l.kill(t, cloud(asAdmin), opUncopy, registration.StepRemoveCopy)
		if !copied(left) {
			t.Error("the copy is gone before it was removed")
		}
		if err := errors.Join(l.Uncopy(ctx), g.Intact()); err != nil || copied(left) {
			t.Errorf("the copy is there: %t, %v", copied(left), err)
		}
		if err := errors.Join(l.Delete(ctx), g.Untouched()); err != nil {
			t.Error(err)
		}
	}
}
