// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

// maxConfig is the largest file that is read for what it says, in bytes.
const maxConfig = 4 << 20

// system compares what the files of a guest say.
func (c *comparison) system() error {
	for _, of := range []struct {
		list *List[Item]
		read func(i int) (map[string]string, error)
	}{
		{&c.out.Users, c.users},
		{&c.out.Groups, c.groups},
		{&c.out.Units, func(i int) (map[string]string, error) { return units(c.sides[i].files), nil }},
		{&c.out.Kernels, func(i int) (map[string]string, error) { return kernels(c.sides[i].files), nil }},
		{&c.out.BootParameters, c.bootParameters},
	} {
		before, err := of.read(0)
		if err != nil {
			return err
		}
		after, err := of.read(1)
		if err != nil {
			return err
		}
		compareMaps(of.list, before, after)
	}
	return c.packages()
}

// compareMaps tells what differs between two maps, in the order of their keys.
func compareMaps(l *List[Item], before, after map[string]string) {
	for _, name := range keysOf(before, after) {
		a, was := before[name]
		b, is := after[name]
		switch {
		case !was:
			addItem(l, Item{name, Added, "", b})
		case !is:
			addItem(l, Item{name, Removed, a, ""})
		case a != b:
			addItem(l, Item{name, Changed, a, b})
		}
	}
}

func keysOf[V any](maps ...map[string]V) []string {
	var all []string
	for _, m := range maps {
		for k := range m {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *comparison) users(i int) (map[string]string, error) {
	b, _, err := c.read(i, "/etc/passwd", maxConfig)
	return parsePasswd(b), err
}

func (c *comparison) groups(i int) (map[string]string, error) {
	b, _, err := c.read(i, "/etc/group", maxConfig)
	return parseGroup(b), err
}

// parsePasswd gives the users of a passwd(5), without the field that may hold a hash
// of a password, and without their full names.
func parsePasswd(b []byte) map[string]string {
	out := map[string]string{}
	for line := range bytes.Lines(b) {
		f := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		if len(f) < 7 || f[0] == "" || f[0][0] == '#' {
			continue
		}
		if _, ok := out[f[0]]; ok { // the first one counts
			continue
		}
		out[f[0]] = "uid " + f[2] + ", gid " + f[3] + ", home " + f[5] + ", shell " + f[6]
	}
	return out
}

// parseGroup gives the groups of a group(5), without passwords.
func parseGroup(b []byte) map[string]string {
	out := map[string]string{}
	for line := range bytes.Lines(b) {
		f := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		if len(f) < 4 || f[0] == "" || f[0][0] == '#' {
			continue
		}
		if _, ok := out[f[0]]; ok {
			continue
		}
		says := "gid " + f[2]
		members := slices.DeleteFunc(strings.Split(f[3], ","), func(m string) bool { return m == "" })
		slices.Sort(members)
		if len(members) > 0 {
			says += ", members " + strings.Join(members, ",")
		}
		out[f[0]] = says
	}
	return out
}

// units are those of systemd that somebody has enabled, masked or given another name,
// by what the links below /etc/systemd say.
func units(files []guestread.File) map[string]string {
	says := map[string][]string{}
	for _, f := range files {
		rest, ok := strings.CutPrefix(f.Path, "/etc/systemd/")
		if !ok {
			continue
		}
		kind, rest, _ := strings.Cut(rest, "/")
		if kind != "system" && kind != "user" {
			continue
		}
		folder, name := path.Split(rest)
		if kind == "user" {
			name += " (user)"
		}
		if what := unitLink(f, strings.TrimSuffix(folder, "/")); what != "" {
			says[name] = append(says[name], what)
		}
	}
	out := map[string]string{}
	for name, all := range says {
		out[name] = strings.Join(all, ", ")
	}
	return out
}

// unitLink says what a file of systemd's folders does; empty where that is not to
// enable, mask or name a unit.
func unitLink(f guestread.File, folder string) string {
	link := f.Type == guest.Symlink
	switch {
	case folder == "" && (link && f.LinkTarget == "/dev/null" || f.Type == guest.Regular && f.Size == 0):
		return "masked"
	case folder == "" && link:
		return "is " + path.Base(f.LinkTarget)
	case link && strings.HasSuffix(folder, ".wants"):
		return "wanted by " + strings.TrimSuffix(folder, ".wants")
	case link && strings.HasSuffix(folder, ".requires"):
		return "required by " + strings.TrimSuffix(folder, ".requires")
	}
	return ""
}

// kernels are those that /boot and the folders of modules hold, by version.
func kernels(files []guestread.File) map[string]string {
	parts := map[string][]string{}
	for _, f := range files {
		dir, name := path.Split(f.Path)
		switch {
		case dir == "/boot/" && f.Type == guest.Regular:
			for _, part := range [][2]string{{"vmlinuz-", "kernel"}, {"vmlinux-", "kernel"}, {"initrd.img-", "initramfs"}, {"initramfs-", "initramfs"}} {
				if v, ok := strings.CutPrefix(name, part[0]); ok {
					v = strings.TrimSuffix(v, ".img")
					parts[v] = append(parts[v], part[1])
				}
			}
		case (dir == "/lib/modules/" || dir == "/usr/lib/modules/") && f.Type == guest.Directory:
			parts[name] = append(parts[name], "modules")
		}
	}
	out := map[string]string{}
	for v, all := range parts {
		slices.Sort(all)
		out[v] = strings.Join(slices.Compact(all), ", ")
	}
	return out
}
