// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package laststack_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	_ "github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/laststack"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/laststack/breaking"
)

// howVariable tells this binary, run once more, how to end.
const howVariable = "LASTSTACK_TEST_HOW"

var ends = map[string]func(){
	"abort in a thread": func() { breaking.InThread(syscall.SIGABRT) },
	"abort in a call":   func() { breaking.Here(syscall.SIGABRT) },
	"fault in a thread": func() { breaking.InThread(syscall.SIGSEGV) },
	"fault in a call":   func() { breaking.Here(syscall.SIGSEGV) },
	"panic":             func() { var none *int; *none++ },
	"abort from outside": func() {
		if err := exec.Command("sh", "-c", "kill -ABRT $PPID").Run(); err == nil {
			select {}
		}
	},
}

func TestMain(m *testing.M) {
	if end := ends[os.Getenv(howVariable)]; end != nil {
		end()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The stack is printed once, and the process ends as it does without.
func TestLastStack(t *testing.T) {
	for how := range ends {
		t.Run(how, func(t *testing.T) {
			out, state := endedBy(t, how)
			if of, gos := map[string]string{"panic": "panic: runtime error: invalid memory address", "abort from outside": "SIGABRT: abort"}[how]; gos {
				if strings.Contains(out, "librados") || !strings.Contains(out, of) || state.ExitStatus() != 2 {
					t.Errorf("what is none of theirs is told as theirs: %#x\n%s", state, out)
				}
				return
			}
			signal := syscall.SIGABRT
			if strings.HasPrefix(how, "fault") {
				signal = syscall.SIGSEGV
			}
			if strings.HasSuffix(how, "call") { // Go tells of its goroutines, and ends the process itself
				if state.ExitStatus() != 2 || !strings.Contains(out, "signal arrived during cgo execution") {
					t.Errorf("ended with %#x:\n%s", state, out)
				}
			} else if !state.Signaled() || state.Signal() != signal {
				t.Errorf("ended with %#x, not by %v", state, signal)
			}
			first, frames, _ := strings.Cut(out, "\n")
			if !strings.HasPrefix(first, "fatal error: ") || !strings.Contains(frames, "libc.so.6") {
				t.Errorf("no stack:\n%s", out)
			}
			if n := strings.Count(out, "the stack of its thread"); n != 1 {
				t.Errorf("said %d times:\n%s", n, out)
			}
		})
	}
}

func endedBy(t *testing.T, how string) (string, syscall.WaitStatus) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Dir = t.TempDir() // for a core
	cmd.Env = append(os.Environ(), howVariable+"="+how)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		t.Fatalf("did not fail: %v\n%s", err, out)
	}
	state, _ := ended.Sys().(syscall.WaitStatus)
	return string(out), state
}
