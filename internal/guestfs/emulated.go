// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bufio"
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// kernelOptions make an appliance start sooner, and name its disks in their order.
// Disks are found in threads of their own: where one may be stopped for another,
// as on a busy machine, they get each other's names. libguestfs sees through that,
// but not for subvolumes of btrfs. What an appliance prints about itself at the
// end of a verbose start is of no use here. Where every instruction is emulated,
// no other guest's secrets can leak by speculation, and the kernel's defence
// against that is paid for at each system call. Nothing in an appliance has a policy
// for AppArmor, TOMOYO, IMA or the audit: without them a tenth of its start is saved.
func kernelOptions(accel string) string {
	options := []string{"preempt=none", "guestfs_boot_analysis=1", "lsm=capability", "audit=0"}
	if accel == TCG {
		options = append(options, "mitigations=off")
	}
	if own := os.Getenv("LIBGUESTFS_APPEND"); own != "" {
		options = append(options, own)
	}
	return strings.Join(options, " ")
}

// plainCPU is the processor of an emulated appliance that runs nothing of the
// guest. libguestfs asks for all that qemu can emulate, and then each change of
// the process saves and restores the vector registers, by emulation.
const plainCPU = "qemu64"

// plainCPUFails is set where an appliance started with another processor only.
var plainCPUFails atomic.Bool

func plainCPUWorks() bool { return takesPlainCPU() && !plainCPUFails.Load() }

// launch starts an appliance; one that does not start on a plain processor gets
// libguestfs's choice.
func (m *Manager) launch(ctx context.Context, req Request, accel string) (*Session, error) {
	s, err := m.start(ctx, req, accel, 0)
	if err == nil || accel != TCG || !plainCPUWorks() || !errors.Is(err, ErrLaunch) || errors.Is(err, errTimeLimit) || ctx.Err() != nil {
		return s, err
	}
	plainCPUFails.Store(true)
	s, other := m.start(ctx, req, accel, 0)
	if other != nil {
		plainCPUFails.Store(false) // it was not that
		return nil, err
	}
	return s, nil
}

// takesPlainCPU tells whether the programs of this machine, which an appliance is
// made of, run on the oldest x86-64 processor. Those of Debian and of what is
// made of it do; other distributions are built for newer ones.
var takesPlainCPU = sync.OnceValue(func() bool {
	if runtime.GOARCH != "amd64" {
		return false
	}
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return false
	}
	defer f.Close()
	return debianLike(bufio.NewScanner(f))
})

func debianLike(lines *bufio.Scanner) bool {
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		if name != "ID" && name != "ID_LIKE" {
			continue
		}
		for id := range strings.FieldsSeq(strings.Trim(value, `"'`)) {
			if id == "debian" {
				return true
			}
		}
	}
	return false
}
