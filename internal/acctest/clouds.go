// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// RunOnClouds is for the TestMain of a package that works with Glance: it runs
// the tests on the cloud of the environment, and beside it in a process of their
// own on the lab's second cloud, whose Ceph, Keystone and Glance are newer. What
// the second run said comes after the first.
//
// The second cloud is in the folder RBD_LAB_SECOND, or else it is the instance
// dc2 of the lab. In a shell that has the environment of the second, the tests
// run there alone.
//
// onSecond, where one is given, is a pattern of the tests that run there unless
// RBD_LONG_TESTS is set, as `make test-all` does.
func RunOnClouds(m interface{ Run() int }, onSecond ...string) (code int) {
	flag.Parse()
	first := os.Getenv("RBD_LAB")
	second := os.Getenv("RBD_LAB_SECOND")
	if second == "" {
		second = filepath.Join(filepath.Dir(first), "dc2")
	}
	if first == "" || first == second {
		return m.Run()
	}
	env, err := environment(second)
	if err != nil {
		fmt.Fprintf(os.Stderr, "these tests need a second cloud: run `lab/lab up --name %s --release trixie`, or just `make lab-up`: %v\n", filepath.Base(second), err)
		return 1
	}
	_ = os.Setenv(otherCloud, second)
	env = append(env, otherCloud+"="+first)
	var output bytes.Buffer
	args := forSecond(os.Args[1:])
	if run := flag.Lookup("test.run"); run.Value.String() == "" && os.Getenv("RBD_LONG_TESTS") == "" {
		for _, pattern := range onSecond {
			args = append(args, "-test.run="+pattern)
		}
	}
	other := exec.Command(os.Args[0], args...) //nolint:gosec // ourselves
	other.Env = append(os.Environ(), env...)
	other.Stdout, other.Stderr = &output, &output
	other.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := other.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code = m.Run()
	err = other.Wait()
	_, _ = fmt.Fprintf(os.Stdout, "--- the same on the cloud %s:\n%s", filepath.Base(second), output.Bytes())
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		code = max(code, 1)
	}
	return code
}

// otherCloud is the environment variable with the folder of the cloud that the
// tests of RunOnClouds run on beside this one.
const otherCloud = "RBD_LAB_OTHER"

// OtherCloud is another Keystone and Glance than those of the environment: the
// file that names it, and its name there.
func OtherCloud(t testing.TB) (file, name string) {
	t.Helper()
	dir := os.Getenv(otherCloud)
	if dir == "" {
		t.Fatalf("%s is not set: the tests run on one cloud alone", otherCloud)
	}
	return filepath.Join(dir, "clouds.yaml"), filepath.Base(dir)
}

// environment is what `lab env` exports for the instance in a folder.
func environment(dir string) ([]string, error) {
	var errs []error
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		errs = append(errs, err)
		return strings.TrimSpace(string(text))
	}
	read("clouds.yaml") // an instance with Ceph alone has none
	env := []string{
		"RBD_LAB=" + dir, "RBD_LAB_SECOND=" + dir,
		"RBD_LAB_FSID=" + read("fsid"),
		"CEPH_CONF=" + filepath.Join(dir, "ceph.conf"),
		"OS_CLIENT_CONFIG_FILE=" + filepath.Join(dir, "clouds.yaml"), "OS_CLOUD=" + filepath.Base(dir),
	}
	return env, errors.Join(errs...)
}

// forSecond leaves out the flags that name files of the first run.
func forSecond(args []string) (out []string) {
	for _, a := range args {
		name, _, _ := strings.Cut(a, "=")
		switch strings.TrimLeft(name, "-") {
		case "test.testlogfile", "test.coverprofile", "test.gocoverdir", "test.outputdir",
			"test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace":
		default:
			out = append(out, a)
		}
	}
	return out
}
