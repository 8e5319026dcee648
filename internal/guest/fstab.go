// SPDX-License-Identifier: MPL-2.0

package guest

import (
	"path"
	"slices"
	"strings"
)

// FstabPath is where a Linux guest lists its file systems.
const FstabPath = "/etc/fstab"

// MaxFstab bounds what is read of an fstab, in bytes.
const MaxFstab = 1 << 20

// FstabEntry is a line of fstab(5).
type FstabEntry struct {
	// Spec is the first field, as it stands: a device, `UUID=…`, `LABEL=…`,
	// a network location.
	Spec    string
	Path    string
	Type    string
	Options []string
}

// noStorage are the types of file systems that exist only while a guest runs.
// What an image holds at their mount points is all there is to read or edit.
var noStorage = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
	"efivarfs", "fusectl", "hugetlbfs", "mqueue", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs",
	"selinuxfs", "sysfs", "tmpfs", "tracefs",
}

// ParseFstab returns the lines that put stored files, local or on the network,
// at a path, shortest path first, so that mounting them in this order works.
// Swap and file systems without storage are left out. A line that can't be
// understood is left out as well, as mount(8) does.
func ParseFstab(text []byte) []FstabEntry {
	var entries []FstabEntry
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.HasPrefix(f[0], "#") {
			continue
		}
		e := FstabEntry{Spec: unescape(f[0]), Path: unescape(f[1])}
		if len(f) > 2 {
			e.Type = f[2]
		}
		if len(f) > 3 {
			e.Options = strings.Split(f[3], ",")
		}
		if !strings.HasPrefix(e.Path, "/") || e.Type == "swap" || slices.Contains(noStorage, e.Type) {
			continue
		}
		e.Path = path.Clean(e.Path)
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b FstabEntry) int {
		return strings.Count(a.Path, "/") - strings.Count(b.Path, "/") + rootFirst(a.Path) - rootFirst(b.Path)
	})
	return entries
}

func rootFirst(p string) int {
	if p == "/" {
		return -1
	}
	return 0
}

// unescape undoes the octal escapes that fstab(5) has for white space, and the
// quotes that util-linux allows around the value of a tag.
func unescape(s string) string {
	s = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace(s)
	if tag, value, ok := strings.Cut(s, "="); ok && len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		return tag + "=" + value[1:len(value)-1]
	}
	return s
}
