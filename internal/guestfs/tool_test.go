// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a failed command in the guest printed is shown, but nothing else of what
// a verbose program writes.
func TestToolMessage(t *testing.T) {
	const text = "libguestfs: trace secret\ncommandrvf: sh -c echo mark-1\nmark-1\nold\nmark-1\nguestfsd: <= x\nsaid: no\n" +
		"virt-customize: error: run-1: command exited with an error\n\nIf reporting bugs, run it again\nlibguestfs: closing\n"
	for mark, want := range map[string]string{
		"":       "run-1: command exited with an error",
		"mark-1": "run-1: command exited with an error\n\nIt printed:\nsaid: no",
		"mark-2": "run-1: command exited with an error",
	} {
		if got := toolMessage(Tool{Name: "virt-customize", Mark: mark}, text); got != want {
			t.Errorf("%q: %q", mark, got)
		}
	}
	if got := toolMessage(Tool{Name: "virt-sysprep"}, "libguestfs: error: no kernel\nmore"); !strings.Contains(got, "no kernel") {
		t.Error(got)
	}
	if got := toolMessage(Tool{Name: "virt-sysprep"}, "noise"); got != "it does not say why" {
		t.Error(got)
	}
}

// A program that is called off ends with its appliance, and leaves its slot and
// no files.
func TestRunToolIsCalledOff(t *testing.T) {
	tmp := t.TempDir()
	disk := filepath.Join(t.TempDir(), "disk.qcow2")
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", disk, "16M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m, err := New(Config{Accelerator: TCG, TempDir: tmp})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err = m.RunTool(ctx, Tool{
		Name: "virt-customize", Args: []string{"--format", "qcow2", "-a", disk, "--no-network"},
		Line: func(l string) {
			if strings.Contains(l, "Examining") {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	left, _ := filepath.Glob(filepath.Join(tmp, "*", "*"))
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	release, err := m.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	release()
	err = m.RunTool(context.Background(), Tool{Name: "virt-customize", Args: []string{"--no-such-option"}})
	if !errors.Is(err, ErrTool) || !strings.Contains(err.Error(), "no-such-option") {
		t.Error(err)
	}
	if _, err := os.Stat(disk); err != nil {
		t.Error(err)
	}
}

// A line without an end is cut, and those after it are passed on.
func TestLinesOfATool(t *testing.T) {
	t.Parallel()
	var got []string
	w := &lineWriter{line: func(l string) { got = append(got, l) }}
	long := strings.Repeat("a", 3*maxToolLine)
	for _, part := range []string{"one\r\ntw", "o\n\n", long, long, "b\nthree\n" + long + "\nfo", "ur"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Error(n, err)
		}
		if cap(w.rest) > 2*maxToolLine {
			t.Errorf("%d bytes are kept", cap(w.rest))
		}
	}
	w.flush()
	if want := []string{"one", "two", "", long[:maxToolLine], "three", long[:maxToolLine], "four"}; !slices.Equal(got, want) {
		t.Errorf("%d lines: %.40q", len(got), got)
	}
}

func TestOperations(t *testing.T) {
	all, err := Operations(context.Background())
	if err != nil || !all["machine-id"] || all["user-account"] {
		t.Errorf("%v, %v", all, err)
	}
	if _, ok := all["user-account"]; !ok {
		t.Error("an operation that is off by default is not listed")
	}
}
