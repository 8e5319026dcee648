// Package boot starts a guest in qemu, on an overlay that is thrown away, and
// waits until it has come up.
package boot

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

var (
	// ErrNotUp says that the guest did not come up in time.
	ErrNotUp = errors.New("the guest did not come up")
	// ErrFailed says that the console shows what must not be there.
	ErrFailed = errors.New("the guest's console shows a failure")
	// ErrEnded says that qemu ended by itself.
	ErrEnded = errors.New("qemu ended before the guest was up")
)

// Program is the emulator.
const Program = "qemu-system-x86_64"

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

// RBD is the image or snapshot to boot, and how to open it.
type RBD struct {
	Pool, Namespace, Image, Snapshot string
	// ConfFile holds all else, the place of the keyring among it.
	ConfFile, User string
}

// Machine is a virtual machine.
type Machine struct {
	Disk RBD
	// Env is added to qemu's environment.
	Env []string
	// Dir is a private directory for what the guest writes, and for sockets.
	Dir string
	// Seed is the path of a second, read-only disk; empty for none.
	Seed string
	// Bus is that of the disks: VirtioBlk, VirtioSCSI or IDE.
	Bus string
	// Accelerator is "kvm" or "tcg".
	Accelerator string
	MemoryMiB   int64
	CPUs        int64
	// Network is NoNetwork, Isolated or Outside.
	Network string
}

// Sign is what tells that the guest is up; at least one of the first two is
// set, and where both are, both must be seen.
type Sign struct {
	// Console matches a line on the serial console, without its end.
	Console *regexp.Regexp
	// SSH matches the banner that the guest's port 22 sends. It needs a network.
	SSH *regexp.Regexp
	// Failure matches a line on the console after which waiting is in vain.
	Failure *regexp.Regexp
}

// Result is what was seen.
type Result struct {
	// Time from the start of qemu until the guest was up, or the end.
	Time time.Duration
	// Line and Banner are what matched.
	Line, Banner string
	// Console is the end of the serial console, without control characters.
	Console string
}

// Run boots the machine and waits for the sign until ctx ends. Nothing is
// written to the disk. qemu has ended when it returns, in any case.
//
// Errors: ErrNotUp, ErrFailed, ErrEnded, command.ErrNotInstalled. The result
// tells the console with an error too.
func (m Machine) Run(ctx context.Context, sign Sign) (Result, error) {
	args, err := m.args(sign.SSH != nil)
	if err != nil {
		return Result{}, err
	}
	start := time.Now()
	con := newConsole(sign)
	p, err := command.Start(ctx, command.Spec{
		Name: Program, Args: args, Dir: m.Dir, Stdout: con, Grace: grace,
		// The overlay of snapshot=on is made there.
		Env: append([]string{"TMPDIR=" + m.Dir}, m.Env...),
	})
	if err != nil {
		return Result{}, err
	}
	defer p.End()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	banners := make(chan string, 1)
	if sign.SSH != nil {
		go m.awaitBanner(waiting, sign.SSH, banners)
	}
	r := Result{}
	r.Line, r.Banner, err = await(ctx, p, con, sign, banners)
	r.Time, r.Console = time.Since(start), con.tail()
	return r, err
}

// await waits for all signs.
func await(ctx context.Context, p *command.Process, con *console, sign Sign, banners <-chan string) (line, banner string, err error) {
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
			return line, banner, fmt.Errorf("%w: %q", ErrFailed, bad)
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
	disk := [][2]string{
		{"if", "none"}, {"id", "disk"}, {"format", "raw"}, {"snapshot", "on"},
		{"file.driver", "rbd"}, {"file.pool", m.Disk.Pool}, {"file.image", m.Disk.Image},
		{"file.conf", m.Disk.ConfFile}, {"file.user", m.Disk.User},
	}
	if m.Disk.Namespace != "" {
		disk = append(disk, [2]string{"file.namespace", m.Disk.Namespace})
	}
	if m.Disk.Snapshot != "" {
		disk = append(disk, [2]string{"file.snapshot", m.Disk.Snapshot})
	}
	args := []string{
		"-machine", "accel=" + m.Accelerator, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-m", strconv.FormatInt(m.MemoryMiB, 10), "-smp", strconv.FormatInt(m.CPUs, 10),
		// A guest without entropy waits for minutes before it has keys.
		"-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
		"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
		"-drive", option(disk...),
	}
	drives := []string{"disk"}
	if m.Seed != "" {
		args = append(args, "-drive", option([][2]string{
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
		args = append(args, "-device", fmt.Sprintf("%s,drive=%s,bootindex=%d", device, d, i))
	}
	switch m.Network {
	case NoNetwork:
		if ssh {
			return nil, errors.New("an ssh banner needs a network")
		}
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
		args = append(args, "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile=")
	default:
		return nil, fmt.Errorf("unknown network %q", m.Network)
	}
	return args, nil
}

func (m Machine) monitor() string { return filepath.Join(m.Dir, "qmp") }

// option writes qemu's KEY=VALUE,… form, in which a comma is doubled.
func option(pairs ...[2]string) string {
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p[0] + "=" + strings.ReplaceAll(p[1], ",", ",,")
	}
	return strings.Join(out, ",")
}
