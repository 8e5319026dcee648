package export

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func start(t *testing.T, target, content string) *pending {
	t.Helper()
	p, err := newPending(target)
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
	dir := t.TempDir()
	target := filepath.Join(dir, "f")
	p := start(t, target, "new")
	if _, err := newPending(target); !errors.Is(err, errBusy) {
		t.Errorf("a second writer: %v", err)
	}
	fi, err := p.publish(0o644)
	if err != nil || fi.Size() != 3 || fi.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", fi, err)
	}
	if err := p.discard(t.Context()); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(target); string(b) != "new" || names(t, dir) != "f" {
		t.Errorf("%q, %v, in the folder: %s", b, err, names(t, dir))
	}
	if _, err := newPending(target); !errors.Is(err, errFileExists) {
		t.Errorf("over a file: %v", err)
	}
}

// Whoever comes first has the name.
func TestPendingNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "f")
	p := start(t, target, "new")
	if err := os.WriteFile(target, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.publish(0o600); !errors.Is(err, errFileExists) {
		t.Error(err)
	}
	if err := p.discard(t.Context()); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(target); string(b) != "mine" || names(t, dir) != "f" {
		t.Errorf("%q, in the folder: %s", b, names(t, dir))
	}
}

// What a crash has left is taken over, and nothing else.
func TestPendingLeftover(t *testing.T) {
	for what, tc := range map[string]struct {
		make func(dir string) error
		want error
	}{
		"empty":   {func(dir string) error { return os.Mkdir(dir, 0o700) }, nil},
		"cut off": {func(dir string) error { return makeFolder(dir, 0o700, contentName, lockName) }, nil},
		"foreign": {func(dir string) error { return makeFolder(dir, 0o700, contentName, "letter") }, errNotOurs},
		"open":    {func(dir string) error { return makeFolder(dir, 0o755, contentName) }, errNotOurs},
		"a file":  {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, errNotOurs},
		"a link":  {func(dir string) error { return os.Symlink(filepath.Dir(dir), dir) }, errNotOurs},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			target := filepath.Join(dir, "f")
			if err := tc.make(target + pendingSuffix); err != nil {
				t.Fatal(err)
			}
			p, err := newPending(target)
			if !errors.Is(err, tc.want) || tc.want != nil {
				if !errors.Is(err, tc.want) || names(t, dir) != "f"+pendingSuffix {
					t.Errorf("%v, in the folder: %s", err, names(t, dir))
				}
				return
			}
			if err := p.discard(t.Context()); err != nil || names(t, dir) != "" {
				t.Errorf("%v, in the folder: %s", err, names(t, dir))
			}
		})
	}
}

func makeFolder(dir string, mode fs.FileMode, files ...string) error {
	err := os.Mkdir(dir, mode)
	for _, f := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, f), []byte("x"), 0o600))
	}
	return err
}

func TestCheckSpace(t *testing.T) {
	dir := t.TempDir()
	if err := checkSpace(dir, 1); err != nil {
		t.Error(err)
	}
	if err := checkSpace(dir, math.MaxInt64>>1); !errors.Is(err, errNoSpace) {
		t.Error(err)
	}
}

func TestSplitID(t *testing.T) {
	for id, want := range map[string][2]string{
		"/a,vms/i@s":        {"/a", "vms/i@s"},
		"/a,b/c,vms/n/i@s":  {"/a,b/c", "vms/n/i@s"},
		"/a,vms/i,j@s":      {"/a", "vms/i,j@s"},
		"/a b=,,vms/i@s,s,": {"/a b=,", "vms/i@s,s,"},
		"/a,vms/i":          {},
		",vms/i@s":          {},
		"vms/i@s":           {},
		"":                  {},
	} {
		file, snapshot, err := splitID(id)
		if file != want[0] || snapshot != want[1] || (err == nil) != (want[0] != "") {
			t.Errorf("%q: %q, %q, %v", id, file, snapshot, err)
		}
	}
}
