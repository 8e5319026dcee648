// SPDX-License-Identifier: MPL-2.0

package export

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// by is a run of the state at hand, which knows of no other.
var by = Owner{Run: rbd.Run{State: "state", ID: "run"}}

// written makes a file as an export leaves it, with what edit makes of its note.
func written(t *testing.T, edit func(*note)) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("old"), 0o400); err != nil {
		t.Fatal(err)
	}
	fi, err := lstat(file)
	if err != nil {
		t.Fatal(err)
	}
	m := note{State: by.Run.State, File: file, Revision: "r", SizeBytes: fi.Size(), Modified: fi.ModTime()}
	edit(&m)
	if err := m.write(file); err != nil {
		t.Fatal(err)
	}
	return file
}

// Only what a run of this state has left unfinished, or what a plan of this
// state replaces, makes way.
func TestReplaceable(t *testing.T) {
	t.Parallel()
	for what, tc := range map[string]struct {
		edit func(*note)
		want error
	}{
		"in a state, or was":       {func(*note) {}, ErrNotInState},
		"killed":                   {func(m *note) { m.Run = "1" }, nil},
		"this run":                 {func(m *note) { m.Run = by.Run.ID }, ErrThisRun},
		"planned to be replaced":   {func(m *note) { m.Replaced = true }, nil},
		"another state":            {func(m *note) { m.State = "other" }, ErrOtherState},
		"another state, killed":    {func(m *note) { m.State, m.Run = "other", "1" }, ErrOtherState},
		"another state, same run":  {func(m *note) { m.State, m.Run = "other", by.Run.ID }, ErrOtherState},
		"another state, replaced":  {func(m *note) { m.State, m.Replaced = "other", true }, ErrOtherState},
		"a copy of another":        {func(m *note) { m.Run, m.File = "1", "/else" }, ErrFileExists},
		"written to since, killed": {func(m *note) { m.Run, m.SizeBytes = "1", 4 }, ErrFileExists},
	} {
		t.Run(what, func(t *testing.T) {
			file := written(t, tc.edit)
			p, err := newPending(file, by)
			if tc.want != nil {
				if !errors.Is(err, tc.want) || names(t, filepath.Dir(file)) != "f" {
					t.Errorf("%v, in the folder: %s", err, names(t, filepath.Dir(file)))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.publish(0o444, "r"); err != nil {
				t.Fatal(err)
			}
			if err := p.discard(t.Context()); err != nil || names(t, filepath.Dir(file)) != "f" {
				t.Errorf("%v, in the folder: %s", err, names(t, filepath.Dir(file)))
			}
			if b, err := os.ReadFile(file); err != nil || len(b) > 0 {
				t.Errorf("it was not replaced: %q, %v", b, err)
			}
			if m, _, ok := by.readOwn(file); !ok || m.Run != by.Run.ID || m.Replaced {
				t.Errorf("noted as %+v", m)
			}
		})
	}
}

// What came in the place of the file that was to make way stays, also where it
// came in the last moment.
func TestReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(file string) error{
		"another": func(file string) error {
			return errors.Join(os.Remove(file), os.WriteFile(file, []byte("mine"), 0o600))
		},
		"written": func(file string) error {
			return errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, []byte("mine"), 0o600))
		},
	} {
		for when, place := range map[string]func(*pending) error{"before": (*pending).place, "at the last moment": (*pending).exchange} {
			t.Run(what+" "+when, func(t *testing.T) {
				file := written(t, func(m *note) { m.Replaced = true })
				p, err := newPending(file, by)
				if err != nil {
					t.Fatal(err)
				}
				if err := change(file); err != nil {
					t.Fatal(err)
				}
				if err := place(p); !errors.Is(err, ErrFileExists) {
					t.Error(err)
				}
				if err := p.discard(t.Context()); err != nil || content(t, filepath.Dir(file)) != "f=mine\n" {
					t.Errorf("%v, left: %s", err, content(t, filepath.Dir(file)))
				}
			})
		}
	}
}

// Where the file system knows no renaming that replaces nothing, a link does it.
func TestLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, name := range []string{from, to} {
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := link(from, to); !errors.Is(err, ErrFileExists) {
		t.Error(err)
	}
	if err := errors.Join(os.Remove(to), link(from, to)); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(to); string(b) != from {
		t.Errorf("%s, %v", b, err)
	}
	if err := link(from, "/proc/self/link"); err == nil || errors.Is(err, ErrFileExists) {
		t.Error(err)
	}
}

// The state has a file from the end of the run on, or from the next refresh.
func TestNoteIsSettled(t *testing.T) {
	t.Parallel()
	file := written(t, func(m *note) { m.Run = by.Run.ID })
	if err := by.Settle(file); err != nil {
		t.Fatal(err)
	}
	if _, err := by.replaceable(file); !errors.Is(err, ErrNotInState) {
		t.Errorf("settled: %v", err)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o400 {
		t.Errorf("its mode has changed: %v, %v", fi.Mode(), err)
	}
	for what, edit := range map[string]func(*note){
		"another run": func(m *note) { m.Run = "1" }, "another state": func(m *note) { m.State, m.Run = "other", by.Run.ID },
	} {
		file := written(t, edit)
		was, _, _ := readNote(file)
		if err := by.Settle(file); err != nil {
			t.Error(err)
		}
		if now, _, _ := readNote(file); now != was {
			t.Errorf("%s: %+v, it was %+v", what, now, was)
		}
	}
	for what, edit := range map[string]func(*note){
		"killed": func(m *note) { m.Run = "1" }, "replaced": func(m *note) { m.Replaced = true },
		"of a state that was moved": func(m *note) { m.State = "other" }, "imported": func(m *note) { m.File = "/else" },
	} {
		file := written(t, edit)
		fi, err := lstat(file)
		if err == nil {
			err = by.claim(file, "", fi)
		}
		if err != nil {
			t.Error(err)
		}
		if _, err := by.replaceable(file); !errors.Is(err, ErrNotInState) {
			t.Errorf("%s, refreshed: %v", what, err)
		}
		if err := by.NoteReplaced(file); err != nil {
			t.Error(err)
		}
		if _, err := by.replaceable(file); err != nil {
			t.Errorf("%s, planned to be replaced: %v", what, err)
		}
	}
	if !errors.Is(ErrOtherState, ErrFileExists) || errors.Is(ErrFileExists, rbd.ErrExists) {
		t.Error("the errors are not told apart")
	}
}
