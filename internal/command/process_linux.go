// SPDX-License-Identifier: MPL-2.0

package command

import (
	"os"
	"syscall"
)

// attributes have the child in a process group of its own, and killed with this
// process.
func (s Spec) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	s.separate(attr)
	return attr
}

// signal goes to the child's process group; it tells whether there is any.
func (p *Process) signal(sig syscall.Signal) bool {
	return syscall.Kill(-p.cmd.Process.Pid, sig) == nil
}

// separate puts the child into namespaces of its own, which takes a user namespace
// where the user may not make them.
func (s Spec) separate(attr *syscall.SysProcAttr) {
	own := func() {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if s.OwnMounts {
		attr.Unshareflags |= syscall.CLONE_NEWNS
		if os.Geteuid() != 0 {
			own()
		}
	}
	if s.Confined {
		attr.Cloneflags |= syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
		if os.Geteuid() != 0 { // root may not make one in a chroot
			own()
		}
	}
}
