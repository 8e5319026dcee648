// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

var (
	// ErrNotUp says that the guest did not come up in time.
	ErrNotUp = errors.New("the guest did not come up")
	// ErrConsoleFailure says that the console shows what must not be there.
	ErrConsoleFailure = errors.New("the guest's console shows a failure")
	// ErrEnded says that qemu ended by itself.
	ErrEnded = errors.New("qemu ended before the guest was up")
)

// Architectures of the guest, as qemu names them.
const (
	X8664   = "x86_64"
	AArch64 = "aarch64"
)

// HostArchitecture is that of this machine: only guests of it can have KVM.
func HostArchitecture() string {
	switch runtime.GOARCH {
	case "amd64":
		return X8664
	case "arm64":
		return AArch64
	}
	return runtime.GOARCH
}

// grace is how long qemu may take to close its images. After a SIGKILL its
// watch stays on an RBD image for about 30 seconds.
const grace = 20 * time.Second

// Networks of the guest.
const (
	// NoNetwork is no network card at all.
	NoNetwork = "none"
	// Isolated is a card behind which nothing can be reached.
	Isolated = "isolated"
	// Outside has the guest reach what the host can reach, by NAT.
	Outside = "outside"
)

// Buses of the disks.
const (
	VirtioBlk  = "virtio"
	VirtioSCSI = "scsi"
	IDE        = "ide"
)

// Machine is a virtual machine that boots a guest on an overlay.
type Machine struct {
	// Overlay is the path of a qcow2 file on the disk to boot, into which the guest
	// writes. It is thrown away.
	Overlay string
	// Env is added to qemu's environment.
	Env []string
	// Dir is a private directory for sockets.
	Dir string
	// Seed is the path of a second, read-only disk; empty for none.
	Seed string
	// Architecture is X8664 or AArch64.
	Architecture string
	// Firmware is BIOS, which AArch64 does not have, or UEFI.
	Firmware string
	// Bus is that of the disks: VirtioBlk, VirtioSCSI or, but on AArch64, IDE.
	Bus string
	// Accelerator is "kvm" or "tcg".
	Accelerator string
	MemoryMiB   int64
	CPUs        int64
	// Network is NoNetwork, Isolated or Outside.
	Network string
	// Said, where given, is told each line of the console, without control characters.
	// It must not wait.
	Said func(line string)
}

// BootSign is what tells that the guest is up; at least one of the first two is
// set, and where both are, both must be seen.
type BootSign struct {
	// Console matches a line on the serial console, without its end.
	Console *regexp.Regexp
	// SSH matches the banner that the guest's port 22 sends. It needs a network.
	SSH *regexp.Regexp
	// Failure matches a line on the console after which waiting is in vain.
	Failure *regexp.Regexp
}

// BootResult is what was seen.
type BootResult struct {
	// Time from the start of qemu until the guest was up, or the end.
	Time time.Duration
	// Line and Banner are what matched.
	Line, Banner string
	// Console is the end of the serial console, without control characters.
	Console string
}

// Run boots the machine and waits for the sign until ctx ends. qemu has ended when it returns, in any case.
//
// Errors: ErrNotUp, ErrConsoleFailure, ErrEnded, ErrNoFirmware,
// command.ErrNotInstalled. The result tells the console with an error too.
func (m Machine) Run(ctx context.Context, sign BootSign) (BootResult, error) {
	args, err := m.args(sign.SSH != nil)
	if err != nil {
		return BootResult{}, err
	}
	firmware, err := m.firmwareArgs()
	if err != nil {
		return BootResult{}, err
	}
	start := time.Now()
	con := newConsole(sign)
	con.said = m.Said
	p, err := command.Start(ctx, command.Spec{
		Name: "qemu-system-" + m.Architecture, Args: append(args, firmware...), Dir: m.Dir, Stdout: con, Grace: grace, Env: m.Env,
	})
	if err != nil {
		return BootResult{}, err
	}
	defer p.End()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	banners := make(chan string, 1)
	if sign.SSH != nil {
		go m.awaitBanner(waiting, sign.SSH, banners)
	}
	r := BootResult{}
	r.Line, r.Banner, err = await(ctx, p, con, sign, banners)
	r.Time, r.Console = time.Since(start), con.tail()
	return r, err
}

// await waits for all signs.
func await(ctx context.Context, p *command.Process, con *console, sign BootSign, banners <-chan string) (line, banner string, err error) {
	lines := con.found
	if sign.Console == nil {
		lines = nil
	}
	if sign.SSH == nil {
		banners = nil
	}
	for lines != nil || banners != nil {
		select {
		case line = <-lines:
			lines = nil
		case banner = <-banners:
			banners = nil
		case bad := <-con.failed:
			return line, banner, fmt.Errorf("%w: %q", ErrConsoleFailure, bad)
		case <-p.Done():
			// What it said last may be the sign.
			con.flush()
			select {
			case line = <-con.found:
				if banners == nil {
					return line, banner, nil
				}
			default:
			}
			if cause := p.Wait(); ctx.Err() == nil && cause != nil {
				return line, banner, fmt.Errorf("%w: %w", ErrEnded, cause)
			} else if ctx.Err() == nil {
				return line, banner, ErrEnded
			}
			return line, banner, fmt.Errorf("%w: %w", missing(lines != nil, banners != nil), context.Cause(ctx))
		case <-ctx.Done():
			return line, banner, fmt.Errorf("%w: %w", missing(lines != nil, banners != nil), context.Cause(ctx))
		}
	}
	return line, banner, nil
}

func missing(console, ssh bool) error {
	var what []string
	if console {
		what = append(what, "no line of its console matches")
	}
	if ssh {
		what = append(what, "no ssh banner came that matches")
	}
	return fmt.Errorf("%w: %s", ErrNotUp, strings.Join(what, ", "))
}

// args is qemu's command line. Nothing secret is in it.
func (m Machine) args(ssh bool) ([]string, error) {
	drives, err := m.driveArgs()
	if err != nil {
		return nil, err
	}
	network, err := m.networkArgs(ssh)
	if err != nil {
		return nil, err
	}
	machine, err := m.machineArgs()
	if err != nil {
		return nil, err
	}
	return slices.Concat(machine, []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-m", strconv.FormatInt(m.MemoryMiB, 10), "-smp", strconv.FormatInt(m.CPUs, 10),
		// A guest without entropy waits for minutes before it has keys.
		"-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
	}, drives, network), nil
}

// machineArgs are those of the machine's type and processor.
func (m Machine) machineArgs() ([]string, error) {
	accel := ",accel=" + m.Accelerator
	switch m.Architecture + " " + m.Firmware {
	case X8664 + " " + BIOS:
		return []string{"-machine", "pc" + accel}, nil
	case X8664 + " " + UEFI: // the type that every distribution's firmware is for
		return []string{"-machine", "q35" + accel}, nil
	case AArch64 + " " + UEFI:
		if m.Bus == IDE {
			return nil, errors.New("there is no bus ide on aarch64")
		}
		cpu := "max"
		if m.Accelerator == "tcg" {
			// The architecture's own algorithm takes a good part of an emulated boot.
			cpu += ",pauth-impdef=on"
		}
		// The default interrupt controller has eight processors.
		return []string{"-machine", "virt,gic-version=max" + accel, "-cpu", cpu}, nil
	}
	return nil, fmt.Errorf("unknown machine %q with firmware %q", m.Architecture, m.Firmware)
}

// driveArgs are those of the disks, in the order of booting.
func (m Machine) driveArgs() ([]string, error) {
	args := []string{"-drive", options([][2]string{
		{"if", "none"}, {"id", "disk"}, {"format", "qcow2"}, {"cache", "unsafe"},
		{"file.driver", "file"}, {"file.filename", m.Overlay},
	}...)}
	drives := []string{"disk"}
	if m.Seed != "" {
		args = append(args, "-drive", options([][2]string{
			{"if", "none"}, {"id", "seed"}, {"format", "raw"}, {"readonly", "on"},
			{"file.driver", "file"}, {"file.filename", m.Seed},
		}...))
		drives = append(drives, "seed")
	}
	if m.Bus == VirtioSCSI {
		args = append(args, "-device", "virtio-scsi-pci")
	}
	for i, d := range drives {
		device, ok := map[string]string{VirtioBlk: "virtio-blk-pci", VirtioSCSI: "scsi-hd", IDE: "ide-hd"}[m.Bus]
		if !ok {
			return nil, fmt.Errorf("unknown bus %q", m.Bus)
		}
		if d == "seed" && m.Bus == IDE {
			device = "ide-cd" // a hard disk there can't be read-only
		}
		if m.Bus == IDE && m.Firmware == UEFI {
			device += ",bus=ide." + strconv.Itoa(i) // SATA: a bus for each
		}
		args = append(args, "-device", fmt.Sprintf("%s,drive=%s,bootindex=%d", device, d, i))
	}
	return args, nil
}

// networkArgs are those of the network card; ssh asks for a way to port 22.
func (m Machine) networkArgs(ssh bool) (args []string, err error) {
	switch m.Network {
	case NoNetwork:
		if ssh {
			return nil, errors.New("an ssh banner needs a network")
		}
		return nil, nil
	case Isolated, Outside:
		net := "user,id=net"
		if m.Network == Isolated {
			net += ",restrict=on"
		}
		if ssh {
			// The kernel chooses the port.
			net += ",hostfwd=tcp:127.0.0.1:0-:22"
			args = append(args, "-qmp", "unix:"+m.monitor()+",server=on,wait=off")
		}
		return append(args, "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile="), nil
	}
	return nil, fmt.Errorf("unknown network %q", m.Network)
}

func (m Machine) monitor() string { return filepath.Join(m.Dir, "qmp") }
