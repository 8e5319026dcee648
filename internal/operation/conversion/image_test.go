// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"errors"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// A source in RBD that somebody opens or locks while it is read is not unchanged.
func TestImageThatIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	spec := "vms/" + acctest.Name(t)
	imagestest.Make(t, spec, "create", "--size", "1M")
	s := opened(t, labDeps(t), Reference{Image: spec, Format: formatRaw})
	if err := s.unchanged(); err != nil {
		t.Error(err)
	}
	end := acctest.Watch(t, spec)
	if err := s.unchanged(); !errors.Is(err, rbd.ErrInUse) {
		t.Errorf("watched: %v", err)
	}
	end()
	acctest.RBD(t, "lock", "add", spec, "backup")
	if err := s.unchanged(); !errors.Is(err, rbd.ErrInUse) {
		t.Errorf("locked: %v", err)
	}
	lines := strings.Split(acctest.RBD(t, "lock", "ls", spec), "\n")
	acctest.RBD(t, "lock", "rm", spec, "backup", strings.Fields(lines[len(lines)-1])[0])
}
