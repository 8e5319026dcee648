// SPDX-License-Identifier: MPL-2.0

package export

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func start(t *testing.T, target, content string) *pending {
	t.Helper()
	p, err := newPending(target, by)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.discard(t.Context()) })
	if _, err := p.file.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return p
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestPending(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "f")
	p := start(t, target, "new")
	if _, err := newPending(target, by); !errors.Is(err, ErrBusy) {
		t.Errorf("a second writer: %v", err)
	}
	fi, err := p.publish(0o644, "r")
	if err != nil || fi.Size() != 3 || fi.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", fi, err)
	}
	if err := p.discard(t.Context()); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(target); string(b) != "new" || names(t, dir) != "f" {
		t.Errorf("%q, %v, in the folder: %s", b, err, names(t, dir))
	}
	if _, err := newPending(target, by); !errors.Is(err, ErrThisRun) {
		t.Errorf("over a file: %v", err)
	}
}

// Whoever comes first has the name.
func TestPendingNeverOverwrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "f")
	p := start(t, target, "new")
	if err := os.WriteFile(target, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.publish(0o600, "r"); !errors.Is(err, ErrFileExists) {
		t.Error(err)
	}
	if err := p.discard(t.Context()); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(target); string(b) != "mine" || names(t, dir) != "f" {
		t.Errorf("%q, in the folder: %s", b, names(t, dir))
	}
}

// What a crash of this state has left is taken over, and nothing else.
func TestPendingLeftover(t *testing.T) {
	t.Parallel()
	owner := func(state string) string { return fmt.Sprintf(`{"State":%q,"ID":"1"}`, state) }
	for what, tc := range map[string]struct {
		make func(dir string) error
		want error
		left bool
	}{
		"empty":              {make: folder(nil)},
		"cut off":            {make: folder(files{contentName: "x", lockName: owner(by.Run.State)}), left: true},
		"of another state":   {make: folder(files{contentName: "x", lockName: owner("other")}), want: ErrOtherFolder},
		"of another, begun":  {make: folder(files{lockName: owner("other")}), want: ErrOtherFolder},
		"of nobody, no data": {make: folder(files{contentName: "", lockName: ""})},
		"of nobody":          {make: folder(files{contentName: "x", lockName: "x"}), want: ErrNotOurs},
		"without a lock":     {make: folder(files{contentName: "x"}), want: ErrNotOurs},
		"foreign":            {make: folder(files{contentName: "x", "letter": "x"}), want: ErrNotOurs},
		"open":               {make: func(dir string) error { return errors.Join(folder(nil)(dir), os.Chmod(dir, 0o755)) }, want: ErrNotOurs},
		"a file":             {make: func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, want: ErrNotOurs},
		"a link":             {make: func(dir string) error { return os.Symlink(filepath.Dir(dir), dir) }, want: ErrNotOurs},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			target := filepath.Join(dir, "f")
			if err := tc.make(target + pendingSuffix); err != nil {
				t.Fatal(err)
			}
			before := content(t, target+pendingSuffix)
			if left, err := checkFolderOf(target, by.Run); left != tc.left || !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("the plan: %v, %v", left, err)
			}
			p, err := newPending(target, by)
			if tc.want != nil {
				if !errors.Is(err, tc.want) || content(t, target+pendingSuffix) != before {
					t.Errorf("%v, in the folder: %s, before: %s", err, content(t, target+pendingSuffix), before)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(target+pendingSuffix, lockName)); !strings.Contains(string(b), by.Run.State) || !strings.Contains(string(b), by.Run.ID) {
				t.Errorf("the lock does not say whose it is: %s, %v", b, err)
			}
			if err := p.discard(t.Context()); err != nil || names(t, dir) != "" {
				t.Errorf("%v, in the folder: %s", err, names(t, dir))
			}
		})
	}
}

// content is all that is in a folder.
func content(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, f := range found {
		b, _ := os.ReadFile(f)
		out += filepath.Base(f) + "=" + string(b) + "\n"
	}
	return out
}

type files map[string]string

func folder(all files) func(dir string) error {
	return func(dir string) error {
		err := os.Mkdir(dir, 0o700)
		for name, text := range all {
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		return err
	}
}

func TestCheckSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := checkSpace(dir, 1); err != nil {
		t.Error(err)
	}
	if err := checkSpace(dir, math.MaxInt64>>1); !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
}
