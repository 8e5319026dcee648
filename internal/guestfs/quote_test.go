// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string // "" for an error
	}{
		{"run", nil, `run`},
		{"add-drive", []string{"pool/img@snap", "format:raw"}, `add-drive "pool/img@snap" "format:raw"`},
		{"rm", []string{"/a b\"'\\|$`<>!#\n\xff"}, `rm "/a\x20b\x22\x27\x5c\x7c\x24\x60\x3c\x3e\x21\x23\x0a\xff"`},
		{"rm", []string{""}, `rm ""`},
		{"rm", []string{"a\x00"}, ""},
		{"rm", []string{strings.Repeat("\n", maxLine/4)}, ""},
		{"", nil, ""},
		{"-rm", nil, ""},
		{"!id", nil, ""},
		{"<!", []string{"id"}, ""},
		{"a b", nil, ""},
	} {
		got, err := line(c.name, c.args)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s %q: %s, %v", c.name, c.args, got, err)
		}
	}
}

func TestDriveArgs(t *testing.T) {
	for _, d := range []Drive{
		{Path: "/a"},
		{Path: "/a", Format: "vmdk"},
		{Path: "a", Format: "raw"},
		{Path: "p/a:id=x", Format: "raw", RBDUser: "u"},
		{Path: "p/a", Format: "raw", RBDUser: "u:key=x"},
		{Path: "p/a", Format: "raw", RBDUser: "u", NBDSocket: "/s"},
	} {
		if args, err := d.args(); err == nil {
			t.Errorf("%+v: %q", d, args)
		}
	}
	args, err := Drive{Path: "p/ns/a@s", Format: "raw", ReadOnly: true, RBDUser: "glance"}.args()
	if got := strings.Join(args, " "); err != nil || got != "p/ns/a@s format:raw protocol:rbd username:glance readonly:true" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestErrorIn(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"2024-01-01 -1 librbd: something\n": "",
		"*stdin*:3: libguestfs: error: lstatns: /x: No such file or directory\n": "lstatns: /x: No such file or directory",
		"noise *stdin*:3: libguestfs: error: a\nb\n":                             "a\nb",
		"nosuch: unknown command\n":                                              "nosuch: unknown command",
		"error: incorrect number of arguments\nusage: rm path\n":                 "error: incorrect number of arguments\nusage: rm path",
	} {
		if got, failed := errorIn(text); got != want || failed != (want != "") {
			t.Errorf("%q: %q, %v", text, got, failed)
		}
	}
}

func TestConsole(t *testing.T) {
	var dir string
	c := newConsole(func(d string) { dir = d })
	text := "x\n    -chardev socket,path=/tmp/libguestfsABC/guestfsd.sock,id=channel0 \\\nBooting from ROM..[    0.0] Linux version 6\n"
	for i := range len(text) {
		if _, err := c.Write([]byte{text[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if dir != "/tmp/libguestfsABC" || !c.sawKernel() || c.String() != text {
		t.Errorf("%q, %v, %q", dir, c.sawKernel(), c.String())
	}
}
