// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// overlay makes a qcow2 file whose header names a backing file, whatever that is.
func overlay(t *testing.T, path, backing, format string, more ...string) string {
	t.Helper()
	args := append([]string{"create", "-u", "-f", "qcow2", "-b", backing, "-F", format}, more...)
	if out, err := exec.Command("qemu-img", append(args, path, "1M")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func TestReadChain(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, f := range []string{at("base.raw"), at("a:b"), filepath.Join(other, "base.raw")} {
		if err := os.WriteFile(f, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(other, "base.raw"), at("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, at("folder")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(other, "way")); err != nil {
		t.Fatal(err)
	}
	middle := overlay(t, at("middle"), "base.raw", "raw")
	for name, tc := range map[string]struct {
		file string
		want []string
		err  error
	}{
		"relative":                {overlay(t, at("1"), "middle", "qcow2"), []string{middle, at("base.raw")}, nil},
		"v2":                      {overlay(t, at("2"), "middle", "qcow2", "-o", "compat=0.10"), []string{middle, at("base.raw")}, nil},
		"absolute":                {overlay(t, at("3"), middle, "qcow2"), []string{middle, at("base.raw")}, nil},
		"detour":                  {overlay(t, at("4"), "./../"+filepath.Base(dir)+"/middle", "qcow2"), []string{middle, at("base.raw")}, nil},
		"by a link":               {filepath.Join(other, "way", "1"), []string{middle, at("base.raw")}, nil},
		"none":                    {at("0"), nil, nil},
		"colon later":             {overlay(t, at("5"), "./a:b", "raw"), []string{at("a:b")}, nil},
		"elsewhere":               {overlay(t, at("6"), filepath.Join(other, "base.raw"), "raw"), nil, ErrChain},
		"shadow":                  {overlay(t, at("7"), "/etc/shadow", "raw"), nil, ErrChain},
		"up":                      {overlay(t, at("8"), "../base.raw", "raw"), nil, ErrChain},
		"link":                    {overlay(t, at("9"), "link", "raw"), nil, ErrChain},
		"linked folder":           {overlay(t, at("10"), "folder/base.raw", "raw"), nil, ErrChain},
		"itself":                  {overlay(t, at("11"), "11", "qcow2"), nil, ErrChain},
		"folder":                  {overlay(t, at("12"), ".", "raw"), nil, ErrChain},
		"missing":                 {overlay(t, at("13"), "nothing", "raw"), nil, ErrChain},
		"nbd":                     {overlay(t, at("14"), "nbd:localhost:1", "raw"), nil, ErrChain},
		"json":                    {overlay(t, at("15"), `json:{"driver":"file","filename":"/etc/shadow"}`, "raw"), nil, ErrChain},
		"vmdk":                    {overlay(t, at("16"), "middle", "vmdk"), nil, ErrChain},
		"not a qcow2":             {overlay(t, at("17"), "base.raw", "qcow2"), nil, ErrFormat},
		"elsewhere, further down": {overlay(t, at("18"), "7", "qcow2"), nil, ErrChain},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "none" {
				if out, err := exec.Command("qemu-img", "create", "-f", "qcow2", tc.file, "1M").CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			chain, err := ReadChain(tc.file)
			if !errors.Is(err, tc.err) {
				t.Fatalf("%v, want %v", err, tc.err)
			}
			var got []string
			for _, b := range chain {
				got = append(got, b.File)
			}
			if strings.Join(got, " ") != strings.Join(tc.want, " ") {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// A backing file without a stated format would have to be probed.
func TestReadChainWithoutFormat(t *testing.T) {
	dir := t.TempDir()
	top := filepath.Join(dir, "top")
	if out, err := exec.Command("qemu-img", "create", "-f", "qcow2", "-o", "compat=0.10", top, "1M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(top)
	if err != nil {
		t.Fatal(err)
	}
	b[15], b[19] = 80, 4
	copy(b[80:], "base")
	for name, data := range map[string][]byte{"top": b, "base": make([]byte, 512)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadChain(filepath.Join(dir, "top")); !errors.Is(err, ErrChain) || !strings.Contains(err.Error(), "does not state") {
		t.Errorf("got %v", err)
	}
}
