// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// kvmBootLimit is how long a kernel may take to show its first line under KVM
// in Auto. It takes less than a second even under TCG; a broken KVM stops at
// the firmware for ever.
const kvmBootLimit = 10 * time.Second

// maxSocketDir leaves room for libguestfs's own part of a socket's path, which
// may have 107 bytes.
const maxSocketDir = 107 - len("/libguestfsXXXXXX/guestfsd.sock")

var (
	// errKVM says that a KVM appliance did not boot.
	errKVM = errors.New("no kernel booted under KVM")

	errTimeLimit = errors.New("time limit")
)

// kvm remembers, for all Managers of this process, whether KVM works.
var kvm struct {
	sync.Mutex
	tried, works bool
}

// Request says what an appliance is for.
type Request struct {
	Drives []Drive
	// Env is added to the environment of guestfish and qemu: CEPH_CONF for
	// drives that lie in RBD.
	Env []string
}

// Launch waits for a free slot and starts an appliance without a network.
//
// The session lives no longer than ctx: when that ends, guestfish and qemu are
// ended. The caller must end the session with Close or Abort. Errors: ErrLaunch,
// command.ErrNotInstalled, the context's.
func (m *Manager) Launch(ctx context.Context, req Request) (*Session, error) {
	if len(req.Drives) == 0 {
		return nil, errors.New("no drive for the appliance")
	}
	release, err := m.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	s, err := m.launch(ctx, req, m.Accelerator(ctx))
	if err != nil {
		release()
		return nil, err
	}
	s.release = release
	return s, nil
}

// Acquire waits for a free slot, for a virtual machine that is not started
// here; the caller must release it.
func (m *Manager) Acquire(ctx context.Context) (release func(), err error) {
	select {
	case m.slots <- struct{}{}:
		return func() { <-m.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free libguestfs appliance: %w", ctx.Err())
	}
}

// Accelerator is KVM or TCG: what is configured, or what was found to work.
func (m *Manager) Accelerator(ctx context.Context) string {
	switch {
	case m.cfg.Accelerator != Auto:
		return m.cfg.Accelerator
	case strings.Contains(os.Getenv("LIBGUESTFS_BACKEND_SETTINGS"), "force_tcg"):
		return TCG // whoever set that for libguestfs has decided already
	case kvmUsable() && m.kvmWorks(ctx):
		return KVM
	}
	return TCG
}

// kvmWorks finds out whether an appliance boots under KVM, once for this
// process. It does so with an empty disk: a qemu that KVM has crash would leave
// its watch on an RBD image, which then looks as if it were in use.
func (m *Manager) kvmWorks(ctx context.Context) bool {
	kvm.Lock()
	defer kvm.Unlock()
	if !kvm.tried {
		s, err := m.start(ctx, Request{}, KVM, kvmBootLimit)
		switch {
		case err == nil:
			s.Abort()
			kvm.works = true
		case !errors.Is(err, errKVM):
			return true // that says nothing about KVM; the launch itself will tell
		default:
			m.cfg.Logf(ctx, "KVM does not work here, libguestfs appliances run under TCG, which is slower: %v", err)
		}
		kvm.tried = true
	}
	return kvm.works
}

// kvmUsable says whether this user may open /dev/kvm.
func kvmUsable() bool {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// start starts an appliance with the given accelerator; without drives it gets
// an empty one. A bootLimit other than
// zero bounds the time from the start of qemu to the first line of the kernel;
// the error is then errKVM.
func (m *Manager) start(ctx context.Context, req Request, accel string, bootLimit time.Duration) (_ *Session, err error) {
	dir, err := workdir.NewIn(m.cfg.TempDir, "guestfs")
	if err != nil {
		return nil, err
	}
	sh, err := startShell(ctx, m.environment(req, accel, dir.Path()), func(sockets string) { _ = dir.Adopt(sockets) })
	if err != nil {
		_ = dir.Remove()
		return nil, err
	}
	s := &Session{shell: sh, dir: dir, drives: req.Drives}
	defer func() {
		if err != nil {
			s.Abort()
		}
	}()

	ctx, cancel := context.WithTimeoutCause(ctx, m.cfg.LaunchTimeout, fmt.Errorf("%w of %s reached", errTimeLimit, m.cfg.LaunchTimeout))
	defer cancel()
	// The console is what tells a hung boot early, and what explains one that
	// fails.
	if _, err := sh.run(ctx, "set-verbose", "true"); err != nil {
		return nil, launchError(ctx, sh, accel, err)
	}
	for _, d := range req.Drives {
		args, err := d.args()
		if err != nil {
			return nil, err
		}
		if _, err := sh.run(ctx, "add-drive", args...); err != nil {
			return nil, fmt.Errorf("add drive %q: %w", d.Path, reason(err))
		}
	}
	if len(req.Drives) == 0 {
		if _, err := sh.run(ctx, "add-drive-scratch", "1048576"); err != nil {
			return nil, fmt.Errorf("add an empty drive: %w", reason(err))
		}
	}
	if accel == TCG && plainCPUWorks() {
		if _, err := sh.run(ctx, "config", "-cpu", plainCPU); err != nil {
			return nil, fmt.Errorf("choose the processor: %w", reason(err))
		}
	}
	if bootLimit > 0 {
		launched := make(chan struct{})
		defer close(launched)
		go func() {
			if !sh.errs.awaitKernel(launched, bootLimit) {
				sh.kill()
			}
		}()
	}
	for _, c := range [][]string{{"run"}, {"set-verbose", "false"}} {
		if _, err := sh.run(ctx, c[0], c[1:]...); err != nil {
			return nil, launchError(ctx, sh, accel, err)
		}
	}
	return s, nil
}

// launchError tells why the appliance did not come up.
func launchError(ctx context.Context, sh *shell, accel string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w under %s: %w", ErrLaunch, accel, context.Cause(ctx))
	}
	err = reason(err)
	if accel == KVM && !sh.errs.sawKernel() {
		return fmt.Errorf("%w: %w: %w", ErrLaunch, errKVM, err)
	}
	return fmt.Errorf("%w under %s: %w", ErrLaunch, accel, err)
}

// reason is what a user needs of the error of a verbose command: what qemu
// itself said, which is where it tells that an image can't be opened, or the
// first line of libguestfs's message.
func reason(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	var found []string
	for l := range strings.Lines(e.output) {
		program, _, ok := strings.Cut(l, ": ")
		isQemu := strings.HasPrefix(program, "qemu-system-") || program == "qemu-img"
		if ok && isQemu && !strings.Contains(l, "warning: ") && len(found) < 4 {
			found = append(found, strings.TrimSpace(l))
		}
	}
	if len(found) > 0 {
		return errors.New(strings.Join(found, "; "))
	}
	first, _, _ := strings.Cut(e.Message, "\n")
	return &Error{Command: e.Command, Message: first}
}

func (m *Manager) environment(req Request, accel, dir string) []string {
	env := []string{
		"LIBGUESTFS_BACKEND=direct",
		"LIBGUESTFS_BACKEND_SETTINGS=force_" + accel,
		"LIBGUESTFS_TMPDIR=" + dir,
		"LIBGUESTFS_DEBUG=0",
		"LIBGUESTFS_TRACE=0",
		"LIBGUESTFS_APPEND=" + kernelOptions(accel),
	}
	// Its sockets go here too, where the path is short enough for one; for root
	// libguestfs insists on /tmp.
	if len(dir) < maxSocketDir {
		env = append(env, "XDG_RUNTIME_DIR="+dir)
	}
	if m.cfg.MemoryMiB > 0 {
		env = append(env, "LIBGUESTFS_MEMSIZE="+strconv.Itoa(m.cfg.MemoryMiB))
	}
	return append(env, req.Env...)
}
