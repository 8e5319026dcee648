// SPDX-License-Identifier: MPL-2.0

package guest

import (
	"maps"
	"slices"
	"strings"
)

// Tree says which file systems a guest's tree of files is made of. The zero value
// leaves that to inspection.
type Tree struct {
	// Root is the device of the root file system as libguestfs names it,
	// "/dev/sda1" or "/dev/vg/lv"; the guest's fstab tells the others.
	Root string
	// Mounts are devices by mount point, "/" among them, in place of Root: no
	// other ones are mounted.
	Mounts map[string]string
}

// RootDevice is the device of the root file system, where that is said.
func (t Tree) RootDevice() string {
	if t.Mounts != nil {
		return t.Mounts["/"]
	}
	return t.Root
}

// MountPoints are those of Mounts, in an order in which they can be mounted.
func (t Tree) MountPoints() []string {
	return slices.SortedFunc(maps.Keys(t.Mounts), func(a, b string) int {
		return strings.Count(strings.TrimRight(a, "/"), "/") - strings.Count(strings.TrimRight(b, "/"), "/")
	})
}
