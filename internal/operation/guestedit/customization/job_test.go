// SPDX-License-Identifier: MPL-2.0

package customization

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Secrets are in private files, never on the command line; the order is the
// documented one.
func TestArguments(t *testing.T) {
	dir := t.TempDir()
	pkg := filepath.Join(t.TempDir(), "a:b.deb")
	if err := os.WriteFile(pkg, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := Job{
		Mkdir: []string{"/m"}, Packages: []string{pkg}, Install: []string{"x", "y"}, Enable: []string{"e"}, Disable: []string{"d"},
		Run: []string{"script-text"}, Commands: []string{"command-text"}, Delete: []string{"/d"}, Truncate: []string{"/t"},
		CopyIn: [][2]string{{"/from", "/to"}}, Append: [][2]string{{"/f", "l:m"}}, Upload: map[string]string{"/u:v": pkg},
		Keys: map[string][]string{"root": {"key-text"}}, Hostname: "h", Timezone: "UTC", Relabel: true, Network: true,
	}
	t.Setenv("http_proxy", "http://proxy.example.net")
	tool, err := j.tool(dir, "pass word")
	defer closeAll(tool.Files)
	if err != nil || tool.Mark == "" || !slices.Contains(tool.Env, "http_proxy=http://proxy.example.net") {
		t.Fatal(tool, err)
	}
	args := tool.Args
	var options []string
	for _, a := range args {
		if strings.HasPrefix(a, "--") {
			options = append(options, a)
		}
		for _, secret := range []string{"pass word", "script-text", "command-text", "key-text", "a:b.deb"} {
			if strings.Contains(a, secret) {
				t.Errorf("%q is on the command line: %q", secret, a)
			}
		}
	}
	want := "--network --no-logfile --mkdir --copy-in --upload --mkdir --upload --run --run --install --append-line --hostname --timezone " +
		"--root-password --ssh-inject --run --run --run --run --run --run --run --run --delete --truncate --selinux-relabel"
	if got := strings.Join(options, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !slices.Contains(args, "/f:l:m") || !slices.Contains(args, "/from:/to") || !slices.Contains(args, "x,y") {
		t.Error(args)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil || e.Type().IsRegular() && fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), fi.Mode(), err)
		}
		b, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		if strings.Contains(string(b), "pass word") {
			t.Errorf("%s has the password, and outlives a run that is killed", e.Name())
		}
	}
	if i := slices.Index(args, "--root-password"); i < 0 || args[i+1] != "file:/dev/fd/3" {
		t.Error(args)
	}
	b, err := os.ReadFile(fmt.Sprintf("/dev/fd/%d", tool.Files[0].Fd()))
	if err != nil || string(b) != "pass word\n" {
		t.Errorf("the program reads %q, %v", b, err)
	}
	if tool, err := (Job{Hostname: "h"}).tool(t.TempDir(), ""); err != nil || strings.Join(tool.Args, " ") != "--no-network --no-logfile --hostname h" || tool.Env != nil {
		t.Error(tool, err)
	}
}

func TestInputs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write := func(content string, mode os.FileMode) string {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		sum, err := digest(dir)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	a, b, c := write("a", 0o644), write("b", 0o644), write("a", 0o600)
	if a == b || a == c || a != write("a", 0o644) {
		t.Error("the digest does not follow content and mode")
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	one, err1 := digest(filepath.Join(dir, "link"))
	if _, err := (Job{Packages: []string{"/no/such.deb"}}).Inputs(); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrLocal) {
		t.Error(err)
	}
	write("z", 0o644)
	two, err2 := digest(filepath.Join(dir, "link"))
	if err := errors.Join(err1, err2); err != nil || one == two {
		t.Error("a link's target is not followed", err)
	}
}
