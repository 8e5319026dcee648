// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Second is the lab's second cluster, for what goes from one to another.
type Second struct {
	Conf string // path of its ceph.conf
	FSID string
	// Env is what makes a command speak to it.
	Env []string
}

// RequireSecond fails the test where there is no second cluster.
func RequireSecond(t testing.TB) Second {
	t.Helper()
	RequireLab(t)
	dir := filepath.Join(filepath.Dir(os.Getenv("RBD_LAB")), "dc2")
	s := Second{Conf: filepath.Join(dir, "ceph.conf")}
	s.Env = []string{"CEPH_CONF=" + s.Conf}
	fsid, err := os.ReadFile(filepath.Join(dir, "fsid"))
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "rbd", "ls", "images")
		cmd.Env = append(os.Environ(), s.Env...)
		err = cmd.Run()
	}
	if err != nil {
		t.Fatalf("this test needs a second cluster, `lab/lab up --only-ceph --name dc2`, which `make testacc` starts: %v", err)
	}
	s.FSID = strings.TrimSpace(string(fsid))
	return s
}
