// SPDX-License-Identifier: MPL-2.0

package stateid

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// RunID identifies this run of Terraform: it is the same for all processes of
// the provider that one run starts, be it for several configurations of the
// provider or for the plan and the apply, and another one for each run.
func RunID() string { return currentRun() }

// It is the machine as it was started, the process of Terraform, and when that
// began.
var currentRun = sync.OnceValue(func() string {
	parent := strconv.Itoa(os.Getppid())
	machine, err := machineID()
	started, err2 := startTime(parent)
	if err != nil || err2 != nil {
		// Nothing tells this run's processes from those of another.
		return digest([]string{"unknown", rand.Text()})
	}
	return strings.Join([]string{machine, parent, started}, "-")
})

// Running tells whether a run is known to be at work: one on this machine.
// Others are kept apart by the lock of their state.
func Running(id string) bool {
	parts := strings.Split(id, "-")
	if len(parts) != 3 {
		return false
	}
	machine, err := machineID()
	if err != nil || machine != parts[0] {
		return false
	}
	if _, err := strconv.Atoi(parts[1]); err != nil {
		return false
	}
	started, err := startTime(parts[1])
	return err == nil && started == parts[2]
}

// machineID is of this machine, or container, until it is started again.
func machineID() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return digest([]string{host, string(boot)}), err
}

// startTime is the 22nd field of /proc/PID/stat, in ticks since the boot. The
// second field, the name, may have blanks in it. A process that has ended and
// whose parent has not noticed is gone.
func startTime(pid string) (string, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return "", err
	}
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" || string(fields[0]) == "X" {
		return "", os.ErrInvalid
	}
	return string(fields[19]), nil
}
