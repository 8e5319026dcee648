// SPDX-License-Identifier: MPL-2.0

package stateid

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

func TestRunning(t *testing.T) {
	if id := RunID(); id != RunID() || !Running(id) {
		t.Errorf("this run, %q, is not at work", id)
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	pid := strconv.Itoa(other.Process.Pid)
	machine, err := machineID()
	if err != nil {
		t.Fatal(err)
	}
	started, err := startTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Join([]string{machine, pid, started}, "-")
	if !Running(id) {
		t.Errorf("%q is not at work", id)
	}
	for _, id := range []string{"", "x", "a-b-c", machine + "-" + pid + "-1", "other-" + pid + "-" + started, machine + "-../self-" + started} {
		if Running(id) {
			t.Errorf("%q is at work", id)
		}
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	if Running(id) {
		t.Error("a run that was killed is at work")
	}
}
