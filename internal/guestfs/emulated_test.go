// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

func TestDebianLike(t *testing.T) {
	for text, want := range map[string]bool{
		"NAME=\"Debian GNU/Linux\"\nID=debian\n":   true,
		"ID=ubuntu\nID_LIKE=debian\n":              true,
		"ID=\"mint\"\nID_LIKE=\"ubuntu debian\"\n": true,
		"ID=\"rhel\"\nID_LIKE=\"fedora\"\n":        false,
		"NAME=debian\nID=fedora\n":                 false,
		"":                                         false,
	} {
		if got := debianLike(bufio.NewScanner(strings.NewReader(text))); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// noPlainCPU has an appliance not start on a plain processor. expect, after one that has
// started, makes sure that this was tried, once.
func noPlainCPU(t *testing.T) (expect func()) {
	t.Helper()
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wrapper, tried := filepath.Join(dir, "qemu"), filepath.Join(dir, "tried")
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in *-kernel*-cpu\\ %s*) echo >>%s; exit 1;; esac\nexec %s \"$@\"\n", plainCPU, tried, qemu)
	acctest.Script(t, wrapper, script)
	t.Setenv("LIBGUESTFS_HV", wrapper)
	failed := plainCPUFails.Swap(false)
	t.Cleanup(func() { plainCPUFails.Store(failed) })
	return func() {
		t.Helper()
		if lines, err := os.ReadFile(tried); takesPlainCPU() && (err != nil || len(lines) != 1 || plainCPUWorks()) {
			t.Errorf("tried %d times, %v", len(lines), err)
		}
	}
}
