// SPDX-License-Identifier: MPL-2.0

// Package command is the one runner of child processes.
//
// A child runs in a process group of its own, so that it and everything it
// started can be ended together, and it is killed by the kernel when this
// process dies: a qemu-img or guestfish that outlives the provider would go on
// writing to an image that the next run believes to be free.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

// ErrNotInstalled is matched by the error of a command whose program is not on
// the PATH.
var ErrNotInstalled = errors.New("program is not installed")

// DefaultGrace is how long a child that was asked to end (SIGTERM) may take
// before it is killed.
const DefaultGrace = 5 * time.Second

// ErrFlood says that a child printed more than Result can hold.
var ErrFlood = errors.New("the program printed too much")

// maxStdout bounds Result.Stdout, in bytes. What qemu-img says of an image with a
// thousand snapshots is less.
const maxStdout = 16 << 20

// tailBytes bounds what is kept of a child's standard error for its Error.
const tailBytes = 16 << 10

// Limits bounds what a child may use; zero means no limit. They are set with
// prlimit(1), before the program starts.
type Limits struct {
	// AddressSpace is the most virtual memory in bytes (RLIMIT_AS).
	AddressSpace uint64
	// CPU is the most processor time (RLIMIT_CPU), rounded up to seconds.
	CPU time.Duration
	// FileSize is the largest file the child may write, in bytes (RLIMIT_FSIZE).
	FileSize uint64
}

// Spec describes a child process. Nothing secret may stand in Args: every user
// of the machine can read them.
type Spec struct {
	Name string
	Args []string
	// Env is added to what a child gets of this process's environment, see
	// inherited. LC_ALL is always C.
	Env []string
	Dir string
	// Files are open in the child too, as /dev/fd/3 and so on: for what is secret,
	// see Secret.
	Files []*os.File

	Stdin io.Reader
	// Stdout receives the standard output as it comes; nil collects it in
	// Result.Stdout, up to 16 MiB.
	Stdout io.Writer
	// Stderr receives the standard error as it comes, besides the part that is
	// kept for the Error.
	Stderr io.Writer

	Limits Limits
	// OwnMounts gives the child a mount namespace of its own: what it mounts is gone
	// with it, however it ends. Others reach that through /proc/PID/root.
	OwnMounts bool
	// Confined takes from the child the network and every right beyond those of its
	// user, for tools that read what nobody vouches for.
	Confined bool
	// Grace is the time between SIGTERM and SIGKILL; DefaultGrace when zero.
	Grace time.Duration
}

// Result is what a child that ended well has left.
type Result struct {
	Stdout []byte
	Stderr []byte
}

// Error says how a child failed. It wraps ErrNotInstalled where the program is
// missing, and the context's error where the child was ended because of it.
type Error struct {
	Name string
	// ExitCode is -1 where the child was ended by a signal or did not start.
	ExitCode int
	Signal   syscall.Signal
	// Stderr is the end of what the child wrote to its standard error.
	Stderr string
	Err    error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Name)
	switch {
	case errors.Is(e.Err, ErrNotInstalled):
		b.WriteString(" is not installed")
	case errors.Is(e.Err, context.DeadlineExceeded):
		b.WriteString(" was ended: time limit reached")
	case errors.Is(e.Err, context.Canceled):
		b.WriteString(" was ended: cancelled")
	case e.Signal != 0:
		fmt.Fprintf(&b, " was ended by signal %q", e.Signal)
	case e.ExitCode >= 0:
		fmt.Fprintf(&b, " failed with exit status %d", e.ExitCode)
	default:
		fmt.Fprintf(&b, " failed: %v", e.Err)
	}
	if s := strings.TrimSpace(e.Stderr); s != "" {
		b.WriteString(": ")
		b.WriteString(s)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Run starts the child and waits for it. The error is an *Error, with ErrFlood where
// a child was ended that printed too much.
func Run(ctx context.Context, spec Spec) (Result, error) {
	flooding, end := context.WithCancel(ctx)
	defer end()
	out := capped{over: end}
	if spec.Stdout == nil {
		spec.Stdout = &out
	}
	p, err := Start(flooding, spec)
	if err != nil {
		return Result{}, err
	}
	if err = p.Wait(); flooding.Err() != nil && ctx.Err() == nil {
		return Result{}, &Error{Name: spec.Name, ExitCode: -1, Err: fmt.Errorf("%w: more than %d bytes", ErrFlood, maxStdout)}
	}
	return Result{Stdout: out.buf.Bytes(), Stderr: p.stderr.Bytes()}, err
}

// Process is a running child.
type Process struct {
	spec   Spec
	cmd    *exec.Cmd
	stderr *tail
	done   chan struct{}
	err    error

	endOnce sync.Once
	mu      sync.Mutex
	ctxErr  error     // why the child was ended by us, if it was
	limit   time.Time // until when it may end in good order, once it was asked to
}

// Start starts the child. When ctx ends, the child's process group gets
// SIGTERM and, after the grace time, SIGKILL.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, &Error{Name: spec.Name, ExitCode: -1, Err: err}
	}
	if err := hostfile.Check(); err != nil {
		return nil, &Error{Name: spec.Name, ExitCode: -1, Err: err}
	}
	path, err := exec.LookPath(spec.Name)
	if err != nil {
		return nil, &Error{Name: spec.Name, ExitCode: -1, Err: fmt.Errorf("%w: %w", ErrNotInstalled, err)}
	}
	name, args := withLimits(path, spec)
	if spec.Confined {
		name, args = withoutRights(name, args)
	}
	p := &Process{spec: spec, stderr: &tail{next: spec.Stderr}, done: make(chan struct{})}
	p.cmd = exec.Command(name, args...)
	p.cmd.Env = append(append(inherited(), "LC_ALL=C"), spec.Env...)
	p.cmd.ExtraFiles = spec.Files
	p.cmd.Dir = spec.Dir
	p.cmd.Stdin = spec.Stdin
	p.cmd.Stdout = spec.Stdout
	p.cmd.Stderr = p.stderr
	// Descendants that keep the pipes open must not hold up Wait for ever.
	p.cmd.WaitDelay = 10 * time.Second
	p.cmd.SysProcAttr = spec.attributes()

	started := make(chan error, 1)
	go func() {
		// The kernel sends the parent-death signal when the thread that
		// started the child ends, not the process: keep that thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		if err := p.cmd.Start(); err != nil {
			p.err = err
			started <- err
			return
		}
		started <- nil
		p.err = p.cmd.Wait()
		p.settle()
		// What the child itself started in its group must not outlive it.
		p.signal(syscall.SIGKILL)
	}()
	if err := <-started; err != nil {
		return nil, &Error{Name: spec.Name, ExitCode: -1, Err: err}
	}
	go func() {
		select {
		case <-ctx.Done():
			p.end(ctx.Err())
		case <-p.done:
		}
	}()
	return p, nil
}

// settle waits for the rest of a process group that was asked to end. Tools end
// at once, but a qemu that they have started closes its images first; killed
// meanwhile it leaves a watch on an RBD image for half a minute.
func (p *Process) settle() {
	p.mu.Lock()
	limit := p.limit
	p.mu.Unlock()
	for time.Now().Before(limit) && p.signal(0) {
		time.Sleep(10 * time.Millisecond) // nothing tells the end of a group
	}
}

// End asks the child to end (SIGTERM to its process group), kills it after the
// grace time and waits for it.
func (p *Process) End() { p.end(nil) }

func (p *Process) end(cause error) {
	p.endOnce.Do(func() {
		grace := p.spec.Grace
		if grace == 0 {
			grace = DefaultGrace
		}
		p.mu.Lock()
		p.ctxErr, p.limit = cause, time.Now().Add(grace)
		p.mu.Unlock()
		p.signal(syscall.SIGTERM)
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-p.done:
		case <-t.C:
			p.signal(syscall.SIGKILL)
		}
	})
	<-p.done
}

// PID is the child's.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the child's end and says how it ended.
func (p *Process) Wait() error {
	<-p.done
	if p.err == nil {
		return nil
	}
	e := &Error{Name: p.spec.Name, ExitCode: -1, Stderr: string(p.stderr.Bytes()), Err: p.err}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		e.ExitCode = exit.ExitCode()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			e.Signal = ws.Signal()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctxErr != nil {
		e.Err = p.ctxErr
	}
	return e
}

func withLimits(path string, spec Spec) (string, []string) {
	var lim []string
	if n := spec.Limits.AddressSpace; n > 0 {
		lim = append(lim, "--as="+strconv.FormatUint(n, 10))
	}
	if d := spec.Limits.CPU; d > 0 {
		lim = append(lim, "--cpu="+strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
	}
	if n := spec.Limits.FileSize; n > 0 {
		lim = append(lim, "--fsize="+strconv.FormatUint(n, 10))
	}
	if len(lim) == 0 {
		return path, spec.Args
	}
	lim = append(lim, "--core=0", "--", path)
	return "prlimit", append(lim, spec.Args...)
}

// withoutRights is the command without any capability, also where it is root's.
func withoutRights(name string, args []string) (string, []string) {
	return "setpriv", append([]string{"--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--", name}, args...)
}

// capped is a buffer with an end. It takes no more than it may hold, and calls
// over then.
type capped struct {
	buf  bytes.Buffer // not embedded: its ReadFrom knows no end
	over func()
}

func (c *capped) Write(b []byte) (int, error) {
	if c.buf.Len()+len(b) > maxStdout {
		c.over()
		return len(b), nil
	}
	return c.buf.Write(b)
}

// tail keeps the last bytes written to it, and passes everything on.
type tail struct {
	mu   sync.Mutex
	buf  []byte
	next io.Writer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	t.mu.Unlock()
	if t.next != nil {
		return t.next.Write(b)
	}
	return len(b), nil
}

func (t *tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf)
}
