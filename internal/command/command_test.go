// SPDX-License-Identifier: MPL-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

func sh(script string) Spec { return Spec{Name: "sh", Args: []string{"-c", script}} }

func TestRun(t *testing.T) {
	res, err := Run(t.Context(), Spec{Name: "sh", Args: []string{"-c", "echo $A; echo warning >&2; cat"}, Env: []string{"A=b"}, Stdin: strings.NewReader("in")})
	if err != nil || string(res.Stdout) != "b\nin" || string(res.Stderr) != "warning\n" {
		t.Errorf("%q %q %v", res.Stdout, res.Stderr, err)
	}
}

// A child has no use for the secrets of whoever started the provider.
func TestEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"OS_PASSWORD": "hidden", "TF_VAR_password": "hidden", "CEPH_ARGS": "--key hidden", "AWS_SECRET_ACCESS_KEY": "hidden",
		"LD_PRELOAD": "/hidden.so", "BASH_ENV": "/hidden", "http_proxy": "http://user:hidden@proxy", "LIBGUESTFS_HV": "/shown", "TZ": "Europe/Shown",
	} {
		t.Setenv(name, value)
	}
	res, err := Run(t.Context(), Spec{Name: "env", Env: []string{"GIVEN=shown"}})
	if err != nil {
		t.Fatal(err)
	}
	out := string(res.Stdout)
	if strings.Contains(out, "hidden") {
		t.Errorf("the child has it:\n%s", out)
	}
	for _, want := range []string{"GIVEN=shown\n", "LIBGUESTFS_HV=/shown\n", "TZ=Europe/Shown\n", "LC_ALL=C\n", "PATH=" + os.Getenv("PATH")} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// A secret reaches a child, and has no name that anybody else could open.
func TestSecret(t *testing.T) {
	f, err := Secret("a secret\n")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 { // each that opens it reads it from the start
		res, err := Run(t.Context(), Spec{Name: "cat", Args: []string{FilePath(0)}, Files: []*os.File{f}, Limits: Limits{CPU: time.Minute}})
		if err != nil || string(res.Stdout) != "a secret\n" {
			t.Errorf("%q %v", res.Stdout, err)
		}
	}
	if at, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd())); err != nil || !strings.HasPrefix(at, "/memfd:") {
		t.Errorf("it is %s: %v", at, err)
	}
}

func TestRunErrors(t *testing.T) {
	_, err := Run(t.Context(), sh("echo reason >&2; exit 3"))
	var e *Error
	if !errors.As(err, &e) || e.ExitCode != 3 || !strings.Contains(err.Error(), "reason") {
		t.Errorf("exit status: %v", err)
	}
	_, err = Run(t.Context(), Spec{Name: "no-such-program"})
	if !errors.Is(err, ErrNotInstalled) {
		t.Errorf("missing program: %v", err)
	}
	_, err = Run(t.Context(), sh("kill -USR1 $$"))
	if !errors.As(err, &e) || e.Signal != syscall.SIGUSR1 || e.ExitCode != -1 {
		t.Errorf("signal: %v", err)
	}
	_, err = Run(t.Context(), sh("for i in $(seq 20000); do echo line $i >&2; done; exit 1"))
	if n := len(err.Error()); n > 2*tailBytes || !strings.Contains(err.Error(), "line 20000") {
		t.Errorf("a flood of %d bytes is kept", n)
	}
}

// A child that prints and prints is ended, and nothing of it is kept.
func TestFlood(t *testing.T) {
	t.Parallel()
	res, err := Run(t.Context(), sh("head -c 256M /dev/zero; exit 3"))
	if !errors.Is(err, ErrFlood) || !strings.Contains(err.Error(), "sh failed: the program printed too much: more than 16777216 bytes") || res.Stdout != nil {
		t.Errorf("%d bytes, %v", len(res.Stdout), err)
	}
	if res, err = Run(t.Context(), Spec{Name: "head", Args: []string{"-c", "16777216", "/dev/zero"}}); err != nil || len(res.Stdout) != maxStdout {
		t.Errorf("%d bytes, %v", len(res.Stdout), err)
	}
}

func TestLimits(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	spec := sh("head -c 1000000 /dev/zero >" + out)
	spec.Limits = Limits{FileSize: 4096}
	if _, err := Run(t.Context(), spec); err == nil {
		t.Error("a file larger than the limit was written")
	}
	if st, err := os.Stat(out); err != nil || st.Size() > 4096 {
		t.Errorf("%v %v", st, err)
	}
	spec = sh("while :; do :; done")
	spec.Limits = Limits{CPU: time.Second}
	if _, err := Run(t.Context(), spec); err == nil {
		t.Error("the limit of processor time was not reached")
	}
	spec = Spec{Name: "head", Args: []string{"-c", "1", "/dev/zero"}, Limits: Limits{AddressSpace: 1 << 20}}
	if _, err := Run(t.Context(), spec); err == nil {
		t.Error("a program ran in less memory than it needs")
	}
}

// alive tells whether a process is there and no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// gone waits for the end of a process.
func gone(t *testing.T, pid int) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	acctest.Await(t, fmt.Sprintf("process %d is gone", pid), func() bool { return !alive(pid) })
}

// readPid waits for a file with the id of a process.
func readPid(t *testing.T, file string) (pid int) {
	t.Helper()
	acctest.Await(t, "a process id in "+file, func() bool {
		b, err := os.ReadFile(file)
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		}
		return err == nil
	})
	return pid
}

// Whoever is cancelled takes along what it has started, even what ignores the
// first signal.
func TestCancelEndsTheGroup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	spec := sh("trap '' TERM; sleep 1000 & echo $! >" + file + "; wait; wait")
	spec.Grace = 100 * time.Millisecond
	p, err := Start(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	pid := readPid(t, file)
	cancel()
	err = p.Wait()
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("%v", err)
	}
	gone(t, pid)
}

// What a tool has started may end in good order after the tool itself.
func TestEndWaitsForTheGroup(t *testing.T) {
	dir := t.TempDir()
	ready, ended := filepath.Join(dir, "ready"), filepath.Join(dir, "ended")
	p, err := Start(t.Context(), sh(`(trap 'sleep 0.3; : >`+ended+`; exit' TERM; : >`+ready+`; while :; do sleep 0.1; done) >/dev/null 2>&1 & wait`))
	if err != nil {
		t.Fatal(err)
	}
	acctest.Await(t, "the child of the child is ready", func() bool {
		_, err := os.Stat(ready)
		return err == nil
	})
	p.End()
	if _, err := os.Stat(ended); err != nil {
		t.Errorf("the child of the child was killed: %v", err)
	}
}

// A child does not outlive a process that was killed. The process is this test
// program again.
func TestKilledParent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if os.Getenv("COMMAND_TEST_PID") != "" {
		_, _ = Run(context.Background(), sh("echo $$ >"+os.Getenv("COMMAND_TEST_PID")+"; exec sleep 1000"))
		return
	}
	self := exec.Command(os.Args[0], "-test.run=^TestKilledParent$")
	self.Env = append(os.Environ(), "COMMAND_TEST_PID="+file)
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	pid := readPid(t, file)
	_ = self.Process.Kill()
	_ = self.Wait()
	gone(t, pid)
}

// A confined child has no network and no capability, and what another mounts nobody else sees.
func TestNamespaces(t *testing.T) {
	link := func(spec Spec, ns string) string {
		spec.Name, spec.Args = "readlink", []string{"/proc/self/ns/" + ns}
		res, err := Run(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		return string(res.Stdout)
	}
	for ns, spec := range map[string]Spec{"net": {Confined: true}, "ipc": {Confined: true}, "mnt": {OwnMounts: true}} {
		if ours, own := link(Spec{}, ns), link(spec, ns); ours == own {
			t.Errorf("%s: %s", ns, own)
		}
	}
	caps, err := Run(t.Context(), Spec{Name: "grep", Args: []string{"^Cap...:", "/proc/self/status"}, Confined: true})
	if err != nil || strings.Trim(strings.NewReplacer("CapInh:", "", "CapPrm:", "", "CapEff:", "", "CapBnd:", "", "CapAmb:", "").Replace(string(caps.Stdout)), "0\t\n") != "" {
		t.Errorf("%s, %v", caps.Stdout, err)
	}
	res, err := Run(t.Context(), Spec{Name: "grep", Args: []string{"-c", ":", "/proc/net/dev"}, Confined: true})
	if err != nil || string(res.Stdout) != "1\n" { // the loopback interface, which is down
		t.Errorf("%s interfaces, %v", res.Stdout, err)
	}
}
