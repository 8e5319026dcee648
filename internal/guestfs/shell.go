// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// maxAnswer bounds what a command may print, in bytes.
const maxAnswer = 16 << 20

// Error is a command that the appliance refused.
type Error struct {
	Command string
	// Message is libguestfs's own, it ends with strerror(3) where there was an
	// errno.
	Message string

	output string // everything that stood on the standard error
}

func (e *Error) Error() string { return fmt.Sprintf("guestfish %s: %s", e.Command, e.Message) }

// errnoIs says whether the appliance's errno was the one whose strerror(3) in
// the C locale is text. guestfish tells it in no other way; libguestfs always
// puts it last, so that no file name can be taken for it.
func (e *Error) errnoIs(text string) bool { return strings.HasSuffix(e.Message, ": "+text) }

// shell is a guestfish that reads its commands from a pipe. It serves one
// command at a time.
type shell struct {
	proc  *command.Process
	stdin *os.File
	out   *stream
	errs  *console
	token string
	count int
}

// startShell starts guestfish; it lives until ctx ends, or it is told to end.
// onSocket is called with the directory of the appliance's socket once that is
// known.
func startShell(ctx context.Context, env []string, onSocket func(dir string)) (*shell, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &shell{
		stdin: w,
		out:   newStream(maxAnswer, false),
		errs:  newConsole(onSocket),
		// What a guest holds must not be able to pass for the end of an answer.
		token: "end-" + rand.Text(),
	}
	s.proc, err = command.Start(ctx, command.Spec{
		Name:   "guestfish",
		Args:   []string{"--no-progress-bars"},
		Env:    env,
		Stdin:  r,
		Stdout: s.out,
		Stderr: s.errs,
	})
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	return s, nil
}

// run runs one command and returns what it printed. The error is an *Error
// where the command failed; after any other one the shell is of no more use.
func (s *shell) run(ctx context.Context, name string, args ...string) (string, error) {
	l, err := line(name, args)
	if err != nil {
		return "", err
	}
	s.count++
	end := fmt.Sprintf("%s-%d", s.token, s.count)
	// `-` has guestfish go on after an error. The markers follow on both
	// outputs: the second line is a command that does not exist.
	if _, err := fmt.Fprintf(s.stdin, "-%s\n-echo %s\n-%s\n", l, end, end); err != nil {
		return "", s.ended(name, err)
	}
	out, err := s.out.until(ctx, s.proc.Done(), []byte(end+"\n"))
	if err != nil {
		return "", s.ended(name, err)
	}
	errs, err := s.errs.until(ctx, s.proc.Done(), []byte(end+": unknown command\n"))
	if err != nil {
		return "", s.ended(name, err)
	}
	if msg, failed := errorIn(string(errs)); failed {
		return "", &Error{Command: name, Message: msg, output: string(errs)}
	}
	return string(out), nil
}

// errorIn finds the error in what a command wrote to the standard error, where
// warnings, and messages of librbd in qemu, may stand as well.
func errorIn(text string) (string, bool) {
	const mark = "libguestfs: error: "
	if _, msg, ok := strings.Cut(text, mark); ok {
		return strings.TrimSpace(msg), true
	}
	// guestfish's own, about the command line.
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "error: ") || strings.HasPrefix(l, "guestfish: ") || strings.HasSuffix(l, ": unknown command\n") {
			return strings.TrimSpace(text), true
		}
	}
	return "", false
}

// ended says why the shell can't go on; a child that is gone says so better
// than the pipe that broke.
func (s *shell) ended(name string, err error) error {
	if errors.Is(err, syscall.EPIPE) {
		<-s.proc.Done()
	}
	select {
	case <-s.proc.Done():
		if e := s.proc.Wait(); e != nil {
			return fmt.Errorf("guestfish %s: %w: %w", name, ErrEnded, shorten(e))
		}
	default:
	}
	return fmt.Errorf("guestfish %s: %w", name, err)
}

// shorten leaves a child's last words in its error: before them may stand the
// whole console of the appliance.
func shorten(err error) error {
	const lastWords = 600
	var e *command.Error
	if !errors.As(err, &e) || len(e.Stderr) <= lastWords {
		return err
	}
	short := *e
	short.Stderr = "…" + short.Stderr[len(short.Stderr)-lastWords:]
	return &short
}

// quit runs the last commands, without `-`, so that the first one that fails
// makes guestfish's exit status, and waits for its end. It returns the error
// of the command, or how guestfish ended.
func (s *shell) quit(ctx context.Context, commands ...string) error {
	_, err := fmt.Fprintf(s.stdin, "%s\n", strings.Join(commands, "\n"))
	if cerr := s.stdin.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return s.ended("quit", err)
	}
	select {
	case <-s.proc.Done():
	case <-ctx.Done():
		s.kill()
		return fmt.Errorf("end the libguestfs session: %w", ctx.Err())
	}
	if err := s.proc.Wait(); err != nil {
		if msg, failed := errorIn(s.errs.String()); failed {
			return &Error{Command: strings.Join(commands, ", "), Message: msg}
		}
		return shorten(err)
	}
	return nil
}

// kill ends guestfish and its qemu at once.
func (s *shell) kill() {
	select {
	case <-s.proc.Done(): // its process id may be another's by now
	default:
		s.proc.End()
	}
	_ = s.stdin.Close()
}
