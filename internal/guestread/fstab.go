// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// MountAll mounts what the guest's fstab mounts and this package reads, by UUID,
// by label, or by the name of a logical volume. What is not mounted stays so, and is
// told where somebody comes to it. Who lists all files wants it.
//
// Errors: those of the disk.
func (g *Guest) MountAll() (err error) {
	defer recovered(&err)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.mounts) == 0 {
		return nil
	}
	all, err := candidates(g.disk)
	if err != nil {
		return unlessUnsupported(err)
	}
	paths := slices.SortedFunc(maps.Keys(g.mounts), func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	for _, p := range paths {
		spec := g.mounts[p].Spec
		if i := slices.IndexFunc(all, func(c candidate) bool { return c.is(spec) }); i >= 0 {
			if another := slices.ContainsFunc(all[i+1:], func(c candidate) bool { return c.is(spec) }); another {
				continue // two of one label: who knows which
			}
			fsys, err := all[i].open()
			if err = unlessUnsupported(err); err != nil {
				return err
			}
			if fsys == nil || isBind(g.mounts[p].Options) {
				continue
			}
			g.mounted[p], g.devices[p] = fsys, all[i].name
			delete(g.mounts, p)
		}
	}
	return nil
}

// isBind says whether a line of fstab mounts a part of something, or a folder.
func isBind(options []string) bool {
	return slices.ContainsFunc(options, func(o string) bool { return o == "bind" || o == "rbind" || strings.HasPrefix(o, "subvol") })
}

// is says whether a device is what a line of fstab names.
func (c candidate) is(spec string) bool {
	if kind, value, ok := strings.Cut(spec, "="); ok {
		uuid, label := c.names()
		return kind == "UUID" && uuid != "" && strings.EqualFold(uuid, value) || kind == "LABEL" && label != "" && label == value
	}
	return c.vol != nil && (spec == c.name || spec == c.alias)
}

// names are the UUID and the label of a candidate's file system; empty where it is none
// that this package reads.
func (c candidate) names() (uuid, label string) {
	d := c.device()
	if d == nil {
		return "", ""
	}
	head, err := d.bytes(0, min(2*1024, d.size))
	if err != nil || len(head) < 2*1024 {
		return "", ""
	}
	var raw, name []byte
	switch {
	case string(head[:4]) == "XFSB":
		raw, name = head[32:48], head[108:120]
	case string(head[1024+56:1024+58]) == "\x53\xef":
		raw, name = head[1024+104:1024+120], head[1024+120:1024+136]
	default:
		return "", ""
	}
	x := hex.EncodeToString(raw)
	label, _, _ = strings.Cut(string(name), "\x00")
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:], label
}
