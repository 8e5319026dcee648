// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// ErrTool says that a program of libguestfs refused or failed; its text is the
// program's own.
var ErrTool = errors.New("the program failed")

// closing is how long the qemu of a program that was called off may take to close
// its images. After a SIGKILL its watch stays on an RBD image for half a minute.
const closing = 20 * time.Second

// Tool is a program that runs an appliance of its own: virt-customize,
// virt-sysprep. Nothing secret may stand in Args.
type Tool struct {
	Name string
	Args []string
	// Dir is its working directory; this process's when empty.
	Dir string
	// Env is added to its environment, as Request.Env.
	Env []string
	// Files are open in the program too, see command.Spec.
	Files []*os.File
	// Line receives each line that it prints; nil discards them.
	Line func(string)
	// Mark begins what a failed command in the guest has printed, in the guest's
	// log that the program shows when it fails; empty leaves that out.
	Mark string
}

// RunTool waits for a free slot and runs a program until its end, under this
// Manager's limits. Errors: ErrTool, command.ErrNotInstalled, the context's.
func (m *Manager) RunTool(ctx context.Context, t Tool) error {
	release, err := m.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	dir, err := workdir.NewIn(m.cfg.TempDir, "guestfs")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Remove() }()
	// The verbose messages tell where the sockets are, and show the guest's log.
	con := newConsole(func(sockets string) { _ = dir.Adopt(sockets) })
	out := &lineWriter{line: t.Line}
	_, err = command.Run(ctx, command.Spec{
		Name:   t.Name,
		Dir:    t.Dir,
		Files:  t.Files,
		Args:   append([]string{"-v"}, t.Args...),
		Env:    m.environment(Request{Env: t.Env}, m.Accelerator(ctx), dir.Path()),
		Stdout: out, Stderr: con, Grace: closing,
	})
	out.flush()
	var failed *command.Error
	if err == nil || !errors.As(err, &failed) || ctx.Err() != nil || failed.ExitCode < 0 {
		return quiet(err)
	}
	message := toolMessage(t, con.String())
	if strings.Contains(message, "no operating system") {
		return fmt.Errorf("%s: %w: %w", t.Name, ErrTool, ErrNoSystem)
	}
	return fmt.Errorf("%s: %w: %s", t.Name, ErrTool, message)
}

// quiet takes the verbose messages off an error: nobody knows what is in them.
func quiet(err error) error {
	var e *command.Error
	if !errors.As(err, &e) {
		return err
	}
	short := *e
	short.Stderr = ""
	return &short
}

// maxToolMessage bounds what is shown of a guest's log, in bytes.
const maxToolMessage = 4 << 10

// toolMessage is the program's own message, and what the guest's command has
// printed.
func toolMessage(t Tool, text string) string {
	_, message, ok := strings.Cut(text, t.Name+": error: ")
	if !ok { // about its command line
		_, message, ok = strings.Cut(text, t.Name+": ")
		message, _, _ = strings.Cut(message, "\n")
	}
	if !ok {
		if message, ok = errorIn(text); !ok {
			message = "it does not say why"
		}
	}
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n\n")
	message, _, _ = strings.Cut(message, "\nIf reporting bugs")
	if t.Mark == "" {
		return message
	}
	i := strings.LastIndex(text, t.Mark+"\n")
	if i < 0 {
		return message
	}
	log := text[i+len(t.Mark)+1:]
	log, _, _ = strings.Cut(log, t.Name+": error: ")
	var kept []string
	for l := range strings.Lines(log) {
		if !strings.HasPrefix(l, "libguestfs: ") && !strings.HasPrefix(l, "guestfsd: ") && !strings.HasPrefix(l, "commandrvf: ") {
			kept = append(kept, l)
		}
	}
	log = strings.TrimSpace(strings.Join(kept, ""))
	if over := len(log) - maxToolMessage; over > 0 {
		log = "…" + strings.ToValidUTF8(log[over:], "")
	}
	if log == "" {
		return message
	}
	return message + "\n\nIt printed:\n" + log
}

// maxToolLine is how much of a line is passed on, in bytes.
const maxToolLine = 64 << 10

// lineWriter passes on whole lines, the beginning of those that are too long.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte("\n"))
		w.rest = append(w.rest, part[:min(len(part), maxToolLine-len(w.rest))]...)
		if ended {
			w.emit(w.rest)
			w.rest = w.rest[:0]
		}
		rest = after
	}
	return len(b), nil
}

func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.emit(w.rest)
	}
}

func (w *lineWriter) emit(b []byte) {
	if w.line != nil {
		w.line(strings.TrimRight(string(b), "\r"))
	}
}

// Operations lists what virt-sysprep can do, with whether it does so unless it
// is told otherwise. Similar To: `virt-sysprep --list-operations`
func Operations(ctx context.Context) (map[string]bool, error) {
	r, err := command.Run(ctx, command.Spec{Name: "virt-sysprep", Args: []string{"--list-operations"}})
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for l := range strings.Lines(string(r.Stdout)) {
		if f := strings.Fields(l); len(f) > 1 {
			all[f[0]] = f[1] == "*"
		}
	}
	return all, nil
}
