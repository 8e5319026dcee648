// SPDX-License-Identifier: MPL-2.0

package filelock

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestTry(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if _, err := Try(file, os.O_RDONLY, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
	for name, flags := range map[string]int{file: os.O_RDWR | os.O_CREATE, dir: os.O_RDONLY | syscall.O_DIRECTORY} {
		held, err := Try(name, flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Try(name, flags, 0o600); !errors.Is(err, syscall.EWOULDBLOCK) {
			t.Errorf("%s, locked: %v", name, err)
		}
		if err := held.Close(); err != nil {
			t.Error(err)
		}
		again, err := Try(name, flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_ = again.Close()
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Try(link, os.O_RDONLY, 0); err == nil {
		t.Error("a link was locked")
	}
}

// What took the place of a file is not what was locked.
func TestLockOfWhatWasRemoved(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, change := range []func() error{func() error { return os.Remove(name) }, func() error { return os.WriteFile(name, nil, 0o600) }} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := lock(f, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
}
