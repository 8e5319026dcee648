// SPDX-License-Identifier: MPL-2.0

package workdir

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("WORKDIR_TEST_CHILD") != "" {
		// Say where the directory is, and hold it until killed.
		d, err := New("child")
		if err != nil {
			os.Exit(1)
		}
		if err := d.Adopt(os.Getenv("WORKDIR_TEST_CHILD")); err != nil {
			os.Exit(1)
		}
		os.Stdout.WriteString(d.Path() + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestRemove(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d, err := New("x")
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(d.Path()); err != nil || fi.Mode() != fs.ModeDir|0o700 {
		t.Fatalf("%v, %v", fi, err)
	}
	if err := os.WriteFile(filepath.Join(d.Path(), "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(d.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the directory is still there")
	}
}

func TestKilledProcessIsSwept(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	cmd := exec.Command(os.Args[0])
	adopted := t.TempDir()
	cmd.Env = append(os.Environ(), "WORKDIR_TEST_CHILD="+adopted)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	left := strings.TrimSpace(line)

	mine, err := New("x")
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Remove()
	if _, err := os.Stat(left); err != nil {
		t.Fatalf("the directory of a living process was swept: %v", err)
	}

	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	other, err := New("x")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Remove()
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the directory of a killed process was left")
	}
	if _, err := os.Stat(adopted); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the directory that a killed process had adopted was left")
	}
	if _, err := os.Stat(mine.Path()); err != nil {
		t.Fatalf("a process swept its own directory: %v", err)
	}
}

// What a killed process has left goes as soon as another one looks, even one
// that needs no directory itself; and nothing is made for that.
func TestSweep(t *testing.T) {
	tmp := t.TempDir()
	Sweep(tmp)
	if entries, err := os.ReadDir(tmp); err != nil || len(entries) != 0 {
		t.Errorf("a sweep left %v, %v", entries, err)
	}
	mine, err := NewIn(tmp, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Remove()
	left := filepath.Join(filepath.Dir(mine.Path()), "of-a-killed-process")
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	Sweep("")
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the directory of a killed process was left")
	}
	if _, err := os.Stat(mine.Path()); err != nil {
		t.Errorf("the directory of a living process was swept: %v", err)
	}
}

func TestMany(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				d, err := New("x")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(d.Path()); err != nil {
					t.Error(err)
				}
				if err := d.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestUnsafe(t *testing.T) {
	name := "terraform-provider-rbd-" + strconv.Itoa(os.Getuid())
	for what, prepare := range map[string]func(tmp string) error{
		"open to others": func(tmp string) error {
			if err := os.Mkdir(filepath.Join(tmp, name), 0o700); err != nil {
				return err
			}
			return os.Chmod(filepath.Join(tmp, name), 0o755)
		},
		"symbolic link": func(tmp string) error { return os.Symlink(tmp, filepath.Join(tmp, name)) },
		"file":          func(tmp string) error { return os.WriteFile(filepath.Join(tmp, name), nil, 0o700) },
	} {
		t.Run(what, func(t *testing.T) {
			tmp := t.TempDir()
			if err := prepare(tmp); err != nil {
				t.Fatal(err)
			}
			if _, err := NewIn(tmp, "x"); !errors.Is(err, ErrUnsafe) {
				t.Fatalf("got %v", err)
			}
		})
	}
}
