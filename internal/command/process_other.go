// SPDX-License-Identifier: MPL-2.0

//go:build !linux

package command

import "syscall"

// No child is ever started here, see Start.

func (Spec) attributes() *syscall.SysProcAttr { return nil }

func (*Process) signal(syscall.Signal) bool { return false }
