// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// labDeps work on the lab's cluster.
func labDeps(t *testing.T) Deps {
	t.Helper()
	return Deps{Ceph: rbd.NewCluster(rbd.Config{FSID: acctest.FSID(t)})}
}

// opened is a source that is open for the rest of the test.
func opened(t *testing.T, d Deps, ref Reference) source {
	t.Helper()
	w, err := newWorkspace(t.Context(), d.Ceph, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), w, ref, false)
	if err != nil {
		t.Fatal(err, w.remove())
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if err := w.remove(); err != nil {
			t.Error(err)
		}
	})
	return s
}
