// SPDX-License-Identifier: MPL-2.0

// Package crashtest tests the provider as a program of its own, under a real
// command line: what happens when it is killed, when another state is at work, and
// what it lets others see.
package crashtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// binary is the provider, built once for all tests.
var binary = sync.OnceValues(func() (string, error) { return build("CGO_ENABLED=1") })

// builds is the folder that build makes folders in.
var builds string

// build builds the provider with this in the environment, and returns the folder
// that it is in.
func build(env string) (string, error) {
	dir := filepath.Join(builds, env)
	cmd := exec.Command("go", "build", "-tags", "pacific", "-o", filepath.Join(dir, "terraform-provider-rbd"),
		"github.com/terraform-provider-rbd/terraform-provider-rbd")
	cmd.Env = append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return dir, nil
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "provider-")
	if err != nil {
		panic(err)
	}
	builds = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// module is a root module on disk, with the command line that works on it.
type module struct {
	t   *testing.T
	dir string
	cli string
	env []string
}

// newModule has the provider under test.
func newModule(t *testing.T, config string, others ...string) *module {
	t.Helper()
	acctest.RequireLab(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m := newModuleOf(t, bin, others...)
	m.configure(config)
	return m
}

// newModuleOf has the provider in the folder bin as a development override, so that
// nothing is installed. It stands in for others that a state names, too: Terraform
// wants to find those, though it asks them nothing.
func newModuleOf(t *testing.T, bin string, others ...string) *module {
	t.Helper()
	m := &module{t: t, dir: t.TempDir(), cli: os.Getenv("TF_ACC_TERRAFORM_PATH")}
	for _, name := range []string{"terraform", "tofu"} {
		if m.cli == "" {
			m.cli, _ = exec.LookPath(name)
		}
	}
	if m.cli == "" {
		t.Fatal("neither terraform nor tofu is on the PATH; `make test` sees to that")
	}
	rc := filepath.Join(m.dir, "cli.tfrc")
	overrides := fmt.Sprintf("    \"terraform-provider-rbd/rbd\" = %q\n", bin)
	for _, other := range others {
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(bin, "terraform-provider-rbd"), filepath.Join(dir, "terraform-provider-"+filepath.Base(other))); err != nil {
			t.Fatal(err)
		}
		overrides += fmt.Sprintf("    %q = %q\n", other, dir)
	}
	m.write(rc, "provider_installation {\n  dev_overrides {\n"+overrides+"  }\n}\n")
	if err := os.Mkdir(m.temp(), 0o700); err != nil {
		t.Fatal(err)
	}
	m.env = append(os.Environ(), "TMPDIR="+m.temp(), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0")
	return m
}

// temp is where the provider has its temporary folders.
func (m *module) temp() string { return filepath.Join(m.dir, "tmp") }

func (m *module) configure(config string) {
	m.t.Helper()
	m.write(filepath.Join(m.dir, "main.tf"),
		"terraform {\n  required_providers {\n    rbd = {\n      source = \"terraform-provider-rbd/rbd\"\n    }\n  }\n}\n"+config)
}

func (m *module) write(name, content string) {
	m.t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// run is a command line at work, in a process group of its own.
type run struct {
	cmd *exec.Cmd
	out bytes.Buffer
	end chan error
}

func (m *module) start(args ...string) *run {
	m.t.Helper()
	r := &run{cmd: exec.Command(m.cli, append([]string{"-chdir=" + m.dir}, args...)...), end: make(chan error, 1)}
	r.cmd.Env = m.env
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() { r.end <- r.cmd.Wait() }()
	return r
}

func (m *module) do(args ...string) string {
	m.t.Helper()
	r := m.start(args...)
	if err := <-r.end; err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, r.out.String())
	}
	return r.out.String()
}

func (m *module) apply() { m.t.Helper(); m.do("apply", "-auto-approve", "-no-color") }

func (m *module) destroy() { m.t.Helper(); m.do("destroy", "-auto-approve", "-no-color") }

// empty fails where a plan finds anything to do.
func (m *module) empty() {
	m.t.Helper()
	r := m.start("plan", "-detailed-exitcode", "-no-color")
	if err := <-r.end; err != nil {
		m.t.Fatalf("the second plan is not empty: %v\n%s", err, r.out.String())
	}
}

// when waits until cond holds, or the run ends first.
func (m *module) when(r *run, what string, cond func() bool) {
	m.t.Helper()
	acctest.Await(m.t, what, func() bool {
		select {
		case err := <-r.end:
			m.t.Fatalf("it ended before %s: %v\n%s", what, err, r.out.String())
		default:
		}
		return cond()
	})
}

// kill ends the command line and the provider with SIGKILL, as when the machine
// runs out of memory. What the provider has started must end by itself.
func (m *module) kill(r *run) {
	m.t.Helper()
	// The provider is in the command line's process group; its tools are not.
	if err := syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		m.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := <-r.end; !errors.As(err, &exit) || exit.ExitCode() != -1 {
		m.t.Fatalf("it was not killed: %v\n%s", err, r.out.String())
	}
}

// interrupt is Ctrl-C.
func (m *module) interrupt(r *run) string {
	m.t.Helper()
	if err := syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT); err != nil {
		m.t.Fatal(err)
	}
	if err := <-r.end; err == nil {
		m.t.Fatalf("it succeeded though it was interrupted\n%s", r.out.String())
	}
	return r.out.String()
}

// leftNothing expects none of the provider's temporary folders and processes.
func (m *module) leftNothing() {
	m.t.Helper()
	for _, pattern := range []string{"terraform-provider-rbd-*/*", "libguestfs*"} {
		if left, _ := filepath.Glob(filepath.Join(m.temp(), pattern)); len(left) > 0 {
			m.t.Errorf("temporary folders are left: %v", left)
		}
	}
	if left := processes(m.t, m.temp()); len(left) > 0 {
		m.t.Errorf("processes are left: %q", left)
	}
}

// elders are the processes that were there before any test: the lab's and the
// kernel's, most of all. None is looked at again while it lives, as tests look for
// processes many times a second.
var elders = struct {
	sync.Mutex
	pids map[string]bool
}{pids: listed()}

// listed are the processes of this machine.
func listed() map[string]bool {
	pids := map[string]bool{}
	dir, err := os.Open("/proc")
	if err != nil {
		return pids
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if name[0] >= '0' && name[0] <= '9' {
			pids[name] = true
		}
	}
	return pids
}

// younger are the processes that have begun since the tests began.
func younger() []string {
	now := listed()
	elders.Lock()
	defer elders.Unlock()
	for pid := range elders.pids {
		if !now[pid] {
			delete(elders.pids, pid) // its number may be given again
		}
	}
	var out []string
	for pid := range now {
		if !elders.pids[pid] {
			out = append(out, pid)
		}
	}
	return out
}

// processes are the command lines of tests on this machine that have all of the
// words.
func processes(t *testing.T, words ...string) []string {
	t.Helper()
	var out []string
next:
	for _, pid := range younger() {
		b, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if err != nil {
			continue // it has ended
		}
		for _, w := range words {
			if !bytes.Contains(b, []byte(w)) {
				continue next
			}
		}
		out = append(out, strings.ReplaceAll(string(b), "\x00", " "))
	}
	return out
}

// commandLines are those of a run and of all that it has started, whatever became
// of its parent: it has the module's folder for temporary files.
func (m *module) commandLines(r *run) (out []string) {
	m.t.Helper()
	temp := []byte("TMPDIR=" + m.temp())
	ours := map[string]bool{strconv.Itoa(r.cmd.Process.Pid): true}
	pids := younger()
	slices.SortFunc(pids, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }) // parents first
	for _, pid := range pids {
		line, err := os.ReadFile("/proc/" + pid + "/cmdline")
		stat, err2 := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || err2 != nil {
			continue // it has ended
		}
		env, _ := os.ReadFile("/proc/" + pid + "/environ")
		// The name of the program, in brackets, may have any characters.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if ours[pid] = ours[pid] || ours[string(fields[1])] || bytes.Contains(env, temp); ours[pid] {
			out = append(out, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return out
}

// noProcess waits until none has the words; the test's own time limit ends it.
func noProcess(ctx context.Context, t *testing.T, words ...string) {
	t.Helper()
	acctest.Await(t, "no process with "+strings.Join(words, " "), func() bool {
		left := processes(t, words...)
		if ctx.Err() != nil {
			t.Fatalf("still there: %q", left)
		}
		return len(left) == 0
	})
}
