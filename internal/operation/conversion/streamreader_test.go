// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// What will not fit into TMPDIR is not begun.
func TestMaterializeWithoutSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &streamReader{Reader: strings.NewReader("x"), sizeBytes: 1 << 60}
	if _, err := s.materialize(t.Context(), dir, func(uint64, uint64) {}); !errors.Is(err, workdir.ErrNoSpace) || !strings.Contains(err.Error(), "TMPDIR ("+dir+")") {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(dir + "/source"); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v", info, err)
	}
}
