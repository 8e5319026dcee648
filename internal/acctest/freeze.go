// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// OSD is the process of the lab's OSD.
func OSD(t testing.TB) (pid int) {
	t.Helper()
	return daemon(t, "ceph-osd")
}

func daemon(t testing.TB, name string) (pid int) {
	t.Helper()
	RequireLab(t)
	text, err := os.ReadFile(filepath.Join(os.Getenv("RBD_LAB"), "run", name+".pid"))
	if err == nil {
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// FreezeOSD stops the OSD of the lab, which then answers nobody, until thaw is
// called, or the test ends.
func FreezeOSD(t testing.TB) (thaw func()) {
	t.Helper()
	return freeze(t, "ceph-osd")
}

// FreezeManager is FreezeOSD for the manager.
func FreezeManager(t testing.TB) (thaw func()) {
	t.Helper()
	return freeze(t, "ceph-mgr")
}

func freeze(t testing.TB, name string) (thaw func()) {
	t.Helper()
	pid := daemon(t, name)
	thaw = sync.OnceFunc(func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(thaw)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return thaw
}
