// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Holder is an operation of this provider that has an image reserved, in this
// process or in another one on whatever machine.
type Holder struct {
	What string
	Host string
	PID  int

	start   string // of the process, as /proc has it
	machine string // the boot of the machine, and the namespace of the PID
	raw     string // the lock's cookie
	client  string
}

func (h Holder) String() string {
	if h.PID == 0 {
		return h.What
	}
	return fmt.Sprintf("%s (process %d on %s)", h.What, h.PID, h.Host)
}

// thisMachine tells process ids apart: they are unique in one namespace of one
// boot of a machine.
var thisMachine = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(boot) < 8 {
		return ""
	}
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return string(boot[:8]) + "." + strings.Trim(strings.TrimPrefix(ns, "pid:"), "[]")
})

// startOf is when a process was started, in ticks since the boot; empty where
// there is none.
func startOf(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The name before may hold anything, a bracket too.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

func newHolder(what string) Holder {
	host, _ := os.Hostname()
	host, _, _ = strings.Cut(host, ".")
	return Holder{What: what, Host: host[:min(len(host), 32)], PID: os.Getpid(), start: startOf(os.Getpid()), machine: thisMachine()}
}

// cookie is short: librados lists those of all holders in one buffer of 1 KiB.
func (h Holder) cookie() string {
	return strings.Join([]string{strings.ReplaceAll(h.What, "/", "-"), h.Host, strconv.Itoa(h.PID), h.start, h.machine, rand.Text()[:8]}, "/")
}

func parseHolder(cookie, client string) Holder {
	h := Holder{What: "another version of this provider", raw: cookie, client: client}
	f := strings.Split(cookie, "/")
	if len(f) != 6 {
		return h
	}
	pid, err := strconv.Atoi(f[2])
	if err != nil || pid <= 0 {
		return h
	}
	h.What, h.Host, h.PID, h.start, h.machine = f[0], f[1], pid, f[3], f[4]
	return h
}

// gone tells whether the holder's process is known to have ended. Of other
// machines nothing is known.
func (h Holder) gone() bool {
	return h.machine != "" && h.machine == thisMachine() && h.start != "" && startOf(h.PID) != h.start
}
