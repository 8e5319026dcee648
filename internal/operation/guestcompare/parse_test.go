// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

func TestParse(t *testing.T) {
	packages := parseDpkg([]byte("Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n more\n\n" +
		"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: b\nStatus: hold ok installed\nVersion: 2:1-1"))
	if want := map[string][]string{"a:all": {"1"}, "b": {"2:1-1"}}; !reflect.DeepEqual(packages, want) {
		t.Error(packages)
	}
	users := parsePasswd([]byte("root:x:0:0:root:/root:/bin/sh\nbad\nu:$6$hash:1:2:Full Name:/h:/s\nroot:x:9:9::/:/\n"))
	if want := map[string]string{"root": "uid 0, gid 0, home /root, shell /bin/sh", "u": "uid 1, gid 2, home /h, shell /s"}; !maps.Equal(users, want) {
		t.Error(users)
	}
	groups := parseGroup([]byte("a:secret:5:y,x\nb:x:6:\n"))
	if want := map[string]string{"a": "gid 5, members x,y", "b": "gid 6"}; !maps.Equal(groups, want) {
		t.Error(groups)
	}
	file := func(p string, kind guest.FileType, target string) guestread.File {
		return guestread.File{Path: p, FileInfo: guest.FileInfo{Type: kind, LinkTarget: target, Size: int64(len(p))}}
	}
	files := []guestread.File{
		file("/boot/vmlinuz-6.1", guest.Regular, ""), file("/boot/initramfs-6.1.img", guest.Regular, ""), file("/boot/vmlinuz-old", guest.Symlink, "x"),
		file("/etc/systemd/system/a.service", guest.Symlink, "/dev/null"), file("/etc/systemd/system/b.service", guest.Symlink, "/lib/systemd/system/c.service"),
		file("/etc/systemd/system/m.target.wants/d.service", guest.Symlink, "x"), file("/etc/systemd/system/n.target.wants/d.service", guest.Symlink, "x"),
		file("/etc/systemd/system/own.service", guest.Regular, ""), file("/etc/systemd/user/m.target.requires/d.service", guest.Symlink, "x"),
		file("/lib/modules/5.10", guest.Directory, ""),
	}
	if got, want := units(files), (map[string]string{"a.service": "masked", "b.service": "is c.service",
		"d.service": "wanted by m.target, wanted by n.target", "d.service (user)": "required by m.target"}); !maps.Equal(got, want) {
		t.Error(got)
	}
	if got, want := kernels(files), (map[string]string{"6.1": "initramfs, kernel", "5.10": "modules"}); !maps.Equal(got, want) {
		t.Error(got)
	}
}

func TestBootParameters(t *testing.T) {
	for path, c := range map[string]struct {
		text string
		want map[string]string
	}{
		"/etc/default/grub":            {"# GRUB_CMDLINE_LINUX=no\nGRUB_CMDLINE_LINUX=\"a b\"\nGRUB_TIMEOUT=1\n", map[string]string{"GRUB_CMDLINE_LINUX": "a b"}},
		"/boot/grub/grub.cfg":          {"\tlinux\t/vmlinuz root=x ro\n  initrd /i\n", map[string]string{"/vmlinuz": "root=x ro"}},
		"/boot/loader/entries/a.conf":  {"title x\noptions root=y  quiet\n", map[string]string{"": "root=y quiet"}},
		"/boot/grub2/grubenv":          {"# GRUB\nkernelopts=ro \n", map[string]string{"kernelopts": "ro"}},
		"/etc/kernel/cmdline":          {"ro\n", map[string]string{"": "ro"}},
		"/boot/extlinux/extlinux.conf": {"LABEL l\n  APPEND ro x\n", map[string]string{"l": "ro x"}},
		"/etc/other":                   {"", nil},
	} {
		parse := bootFile(path)
		if parse == nil {
			if c.want != nil {
				t.Error(path)
			}
			continue
		}
		got := map[string]string{}
		parse(c.text, func(k, v string) { got[k] = v })
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// As dpkg and rpm have it.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		compare func(a, b string) int
		older   string
		newer   string
	}{
		{compareDebian, "1.0~rc1", "1.0"}, {compareDebian, "9", "1:0"}, {compareDebian, "1.2", "1.10"}, {compareDebian, "1.0-1", "1.0-1+b1"},
		{compareDebian, "1.0a", "1.0+"}, {compareDebian, "1.0", "1.0-1"}, {compareDebian, "0.9999999999999999999999", "0.10000000000000000000000"},
		{compareRPM, "1.0~rc1-1", "1.0-1"}, {compareRPM, "1.0-1", "1.0^git1-1"}, {compareRPM, "1.0^git1-1", "1.0.1-1"}, {compareRPM, "1.a-1", "1.1-1"},
		{compareRPM, "2-1.el8", "2-1.el9"}, {compareRPM, "9-9", "1:0-0"}, {compareRPM, "1.0-1", "1.0.1-1"},
	} {
		if a, b := c.compare(c.older, c.newer), c.compare(c.newer, c.older); a >= 0 || b <= 0 {
			t.Errorf("%s, %s: %d, %d", c.older, c.newer, a, b)
		}
	}
	if compareDebian("1.00-1", "1.0-1") != 0 || compareRPM("1_0-1", "1.0-1") != 0 {
		t.Error("equal ones differ")
	}
}

// rpmHeader is a package as rpm keeps it.
func rpmHeader(name, version string, pad int) []byte {
	tags := []struct {
		tag  uint32
		data string
	}{{rpmName, name}, {rpmVersion, version}, {rpmRelease, "1.el9"}, {rpmArch, "x86_64"}, {5000, strings.Repeat("x", pad)}, {rpmEpoch, "\x00\x00\x00\x02"}}
	var index, data []byte
	for _, x := range tags {
		for _, n := range []uint32{x.tag, 6, uint32(len(data)), 1} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		data = append(data, x.data...)
		if x.tag != rpmEpoch {
			data = append(data, 0)
		}
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(tags)))
	return append(append(binary.BigEndian.AppendUint32(head, uint32(len(data))), index...), data...)
}

// ndb and bdb are databases with one package.
func ndb(header []byte) []byte {
	db := make([]byte, 4096)
	copy(db, "RpmP")
	le.PutUint32(db[12:], 1)
	for i := 32; i < 4096; i += 16 {
		copy(db[i:], "Slot")
	}
	le.PutUint32(db[36:], 7)
	le.PutUint32(db[40:], 4096/16)
	blob := make([]byte, 16)
	copy(blob, "BlbS")
	le.PutUint32(blob[4:], 7)
	le.PutUint32(blob[12:], uint32(len(header)))
	return append(append(db, blob...), header...)
}

func bdb(header []byte) []byte {
	const page = 4096
	n := (len(header) + page - bdbPageHeader - 1) / (page - bdbPageHeader)
	db := make([]byte, (2+n)*page)
	le.PutUint32(db[12:], bdbHashMagic)
	le.PutUint32(db[20:], page)
	db[25] = bdbMetadata
	le.PutUint32(db[32:], uint32(1+n))
	p := db[page:]
	p[25] = bdbHash
	le.PutUint16(p[20:], 2)
	le.PutUint16(p[bdbPageHeader:], 100)
	le.PutUint16(p[bdbPageHeader+2:], 200)
	p[200] = bdbOffPage
	le.PutUint32(p[204:], 2)
	le.PutUint32(p[208:], uint32(len(header)))
	for i := range n {
		p := db[(2+i)*page:]
		p[25] = bdbOverflow
		le.PutUint32(p[16:], uint32(3+i))
		le.PutUint16(p[22:], uint16(copy(p[bdbPageHeader:page], header)))
		header = header[min(len(header), page-bdbPageHeader):]
	}
	return db
}

// The three databases that rpm had. The one of SQLite is written by Python's.
func TestRPM(t *testing.T) {
	dir := t.TempDir()
	var all []byte
	for i := range 300 {
		h := rpmHeader("p"+string(rune('a'+i%26))+strings.Repeat("x", i/26), "1", i*100)
		all = append(append(all, binary.BigEndian.AppendUint32(nil, uint32(len(h)))...), h...)
	}
	if err := os.WriteFile(filepath.Join(dir, "in"), all, 0o600); err != nil {
		t.Fatal(err)
	}
	py := `import sqlite3,sys,struct
b=open(sys.argv[1]+"/in","rb").read(); c=sqlite3.connect(sys.argv[1]+"/db")
c.execute("create table 'Name' (key TEXT)")
c.execute("create table if not exists 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
while b:
    n=struct.unpack(">I",b[:4])[0]; c.execute("insert into Packages(blob) values (?)",(b[4:4+n],)); b=b[4+n:]
c.commit()`
	if out, err := exec.Command("/usr/bin/python3", "-c", py, dir).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	db, err := os.ReadFile(filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseRPM(db, readSQLite)
	if err != nil || len(got) != 300 || len(got["pa.x86_64"]) != 1 || got["pa.x86_64"][0] != "2:1-1.el9" {
		t.Error(len(got), got["pa.x86_64"], err)
	}
	header := rpmHeader("bash", "5", 10_000)
	for i, c := range []struct {
		db   []byte
		read func([]byte, func([]byte) error) error
	}{{ndb(header), readNDB}, {bdb(header), readBDB}} {
		got, err := parseRPM(c.db, c.read)
		if err != nil || len(got) != 1 || len(got["bash.x86_64"]) != 1 || got["bash.x86_64"][0] != "2:5-1.el9" {
			t.Error(i, got, err)
		}
		if _, err := parseRPM(c.db[:5000], c.read); !errors.Is(err, errDatabase) {
			t.Error(i, err)
		}
	}
}

func TestIgnore(t *testing.T) {
	ignored, err := matcher([]string{"/var/log", "/etc/*-", "**/__pycache__", "/a/**/z", "/ü?", "/x.y"})
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{
		"/var/log": true, "/var/log/a\nb": true, "/var/logs": false, "/etc/passwd-": true, "/etc/a/b-": false, "/__pycache__/x": true,
		"/usr/lib/__pycache__": true, "/a/z": true, "/a/b/c/z": true, "/az": false, "/üx": true, "/ü": false, "/x.y": true, "/xzy": false, "/etc/\xff-": true,
	} {
		if ignored(p) != want {
			t.Errorf("%q", p)
		}
	}
	for _, p := range []string{"", "/", "var", "/a/", "/a\x00", "/" + strings.Repeat("x", 2000)} {
		if err := CheckPattern(p); !errors.Is(err, ErrPattern) {
			t.Errorf("%q: %v", p, err)
		}
	}
	if _, err := matcher(DefaultIgnore); err != nil {
		t.Error(err)
	}
}

func TestEscape(t *testing.T) {
	for s, want := range map[string]string{
		"/a b/ü": "/a b/ü", "a\nb\x00": `a\x0ab\x00`, "\xffx": `\xffx`, `\x0a`: `\\x0a`, "a\u202eb": `a\xe2\x80\xaeb`, "\x1b[2J": `\x1b[2J`,
	} {
		if got := Escape(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
	if n := len(Escape(strings.Repeat("\xff", 1<<20))); n > maxText+10 {
		t.Error(n)
	}
}

// What is told stays within its bounds, and what a guest calls a thing is nothing but
// code.
func TestMarkdown(t *testing.T) {
	r := newResult(3)
	for i := range 10 {
		addItem(&r.Packages, Item{strings.Repeat("p", i+1), Upgraded, "1", "2"})
	}
	r.Files.add(File{Path: "/a`b``c", Change: Changed, Differs: []string{"content", "mode"}, Before: &FileState{Mode: 0o644}, After: &FileState{Mode: 0o4755}}, Changed, 1)
	text := r.Markdown("p/a@1", "p/a@2")
	for _, want := range []string{"#### Packages: 10 upgraded\n\n- upgraded `p`: `1` → `2`\n", "- … and 7 more\n",
		"#### Files: 1 changed\n\n- changed ```/a`b``c```: content, mode 0644 → 4755\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	big := newResult(1 << 20)
	for range 700 {
		for _, l := range big.lists() {
			addItem(l, Item{strings.Repeat("x", 5000), Changed, strings.Repeat("y", 5000), strings.Repeat("z", 5000)})
		}
	}
	if n := len(big.Markdown("a", "b")); n > 60_000 {
		t.Error(n)
	}
	if big.Packages.bytes > maxListBytes || big.Packages.Total != 700 {
		t.Error(big.Packages.bytes, big.Packages.Total)
	}
	if got := (Result{}).Markdown("a", "b"); !strings.Contains(got, "Nothing differs") {
		t.Error(got)
	}
}

// Whatever a guest's files hold, it is parsed soon, and told within the bounds.
func FuzzParse(f *testing.F) {
	header := rpmHeader("bash", "5", 10)
	for _, seed := range [][]byte{ndb(header), bdb(header), header, []byte("Package: a\nStatus: install ok installed\nVersion: 1:2~3-4\n"), []byte("a:b:c:d:e:f:g\n"), []byte("SQLite format 3\x00\x10\x00")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range rpmDatabases {
			_, _ = parseRPM(b, kind.read)
		}
		r := newResult(100)
		compareMaps(&r.Users, parsePasswd(b), nil)
		compareMaps(&r.Groups, parseGroup(b), nil)
		for _, of := range parseDpkg(b) {
			if c := compareDebian(of[0], of[0]) + compareRPM(of[0], of[0]); c != 0 {
				t.Errorf("%q is not itself", of[0])
			}
		}
		for _, parse := range []func(string, func(string, string)){grubDefaults, grubConfig, loaderEntry, grubEnv, extlinux} {
			m := map[string]string{}
			parse(string(b), func(k, v string) { put(m, k, v) })
			compareMaps(&r.BootParameters, m, nil)
		}
		if text := r.Markdown("a", "b"); len(text) > 60_000 || bytes.ContainsAny([]byte(strings.ReplaceAll(text, "\n", "")), "\x00\x1b\r") {
			t.Errorf("%q", text)
		}
	})
}
