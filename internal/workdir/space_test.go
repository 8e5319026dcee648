// SPDX-License-Identifier: MPL-2.0

package workdir

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestSpace(t *testing.T) {
	dir := t.TempDir()
	if err := CheckSpace(dir, 0); err != nil {
		t.Error(err)
	}
	if err := CheckSpace(dir, 1<<60); !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), "TMPDIR ("+dir+")") {
		t.Errorf("got %v", err)
	}
	if err := CheckSpace(dir+"/none", 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if err := SpaceError(dir, fmt.Errorf("write: %w", full)); !errors.Is(err, ErrNoSpace) || !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	}
	if err := SpaceError(dir, syscall.EIO); errors.Is(err, ErrNoSpace) {
		t.Errorf("got %v", err)
	}
}
