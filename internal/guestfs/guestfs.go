// SPDX-License-Identifier: MPL-2.0

// Package guestfs edits and reads the file systems of guests in a libguestfs
// appliance, through guestfish.
//
// What costs is the launch of the appliance (seconds), not what is done in it
// (milliseconds): everything that is to be done to one image belongs in one
// Session.
package guestfs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that callers tell apart. Files that don't exist are fs.ErrNotExist.
var (
	// ErrLaunch says that the appliance did not come up.
	ErrLaunch = errors.New("the libguestfs appliance did not start")
	// ErrFeature says that the appliance lacks what a file system needs; its
	// text names the Debian package.
	ErrFeature = errors.New("not supported by the libguestfs appliance")
	// ErrNoRoot says that no operating system was found.
	ErrNoRoot = errors.New("no operating system found")
	// ErrManyRoots says that several operating systems were found; its text
	// names them.
	ErrManyRoots = errors.New("more than one operating system found")
	// ErrNoSystem says that a tool found no operating system to work on.
	ErrNoSystem = errors.New("it finds no operating system in the image")
	// ErrNoMount says that the appliance can't mount a file system.
	ErrNoMount = errors.New("the appliance can't mount it")
	// ErrNotMounted says that a path lies on a file system of the guest that
	// could not be mounted.
	ErrNotMounted = errors.New("file system of the guest is not mounted")
	// ErrSymlink says that a path leads through a symbolic link, which it names.
	ErrSymlink = errors.New("path leads through a symbolic link")
	// ErrFileType says that something other than the type that is needed, a
	// regular file mostly, is at a path.
	ErrFileType = errors.New("not the needed type of file")
	// ErrNoSpace says that a file system of the guest is too full.
	ErrNoSpace = errors.New("no space left in the guest's file system")
	// ErrReadOnly says that a file system or a subvolume takes no changes.
	ErrReadOnly = errors.New("read-only file system in the guest")
	// ErrUnclean says that a Windows has not been shut down: what it still has to
	// write is not on its NTFS.
	ErrUnclean = errors.New("the NTFS is not cleanly unmounted")
	// ErrNoModes says that modes, owners or symbolic links are asked for where
	// there are none.
	ErrNoModes = errors.New("no modes, owners and symbolic links of Linux on an NTFS")
	// ErrTooLarge says that a file is larger than the caller's limit.
	ErrTooLarge = errors.New("file is too large")
	// ErrTooMany says that a guest has more of something than anybody needs.
	ErrTooMany = errors.New("too many of them in the guest")
	// ErrVerify says that what was read back is not what was written.
	ErrVerify = errors.New("read back something else than was written")
	// ErrEnded says that the session's guestfish has ended.
	ErrEnded = errors.New("the libguestfs session has ended")
)

// Accelerators of qemu.
const (
	// Auto tries KVM where /dev/kvm can be opened, and takes TCG where that
	// does not work.
	Auto = "auto"
	// KVM is hardware virtualisation.
	KVM = "kvm"
	// TCG is qemu's emulation, which works everywhere.
	TCG = "tcg"
)

// DefaultLaunchTimeout allows for a machine that builds the appliance first,
// and runs it under TCG with others beside it.
const DefaultLaunchTimeout = 5 * time.Minute

// Config says how appliances are run. The zero value is usable.
type Config struct {
	// Accelerator is Auto, KVM or TCG; Auto when empty.
	Accelerator string
	// MemoryMiB is the memory of an appliance; libguestfs's choice when zero.
	MemoryMiB int
	// LaunchTimeout bounds the start of an appliance; DefaultLaunchTimeout when
	// zero.
	LaunchTimeout time.Duration
	// Parallel is how many appliances run at once (about 600 MB each); one
	// when zero.
	Parallel int
	// TempDir is where private temporary directories are made; $TMPDIR or
	// /tmp when empty.
	TempDir string
	// MaxOverlay is how much an overlay may take up, in bytes; as much as the image
	// when zero.
	MaxOverlay int64
	// Logf receives what an operator should know; nil discards it.
	Logf func(ctx context.Context, format string, args ...any)
}

// Manager starts sessions and limits how many there are at once.
type Manager struct {
	cfg   Config
	slots chan struct{}
}

// New makes a Manager. It starts nothing.
func New(cfg Config) (*Manager, error) {
	switch cfg.Accelerator {
	case "":
		cfg.Accelerator = Auto
	case Auto, KVM, TCG:
	default:
		return nil, fmt.Errorf("unknown accelerator %q: it is %q, %q or %q", cfg.Accelerator, Auto, KVM, TCG)
	}
	if cfg.LaunchTimeout == 0 {
		cfg.LaunchTimeout = DefaultLaunchTimeout
	}
	if cfg.Logf == nil {
		cfg.Logf = func(context.Context, string, ...any) {}
	}
	return &Manager{cfg: cfg, slots: make(chan struct{}, max(1, cfg.Parallel))}, nil
}

// MaxOverlay is how much an overlay may take up, in bytes; zero where only the size
// of the image limits it.
func (m *Manager) MaxOverlay() int64 { return m.cfg.MaxOverlay }
