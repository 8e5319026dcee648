// SPDX-License-Identifier: MPL-2.0

// Package guestcompare tells what differs between the guests of two snapshots:
// packages, files, users, units, kernels and boot parameters. It reads ext2 to ext4
// and XFS itself, without an appliance.
//
// Everything in a guest is a stranger's: it is bounded while it is read and before it
// is told, and told with escapes.
package guestcompare

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Request says what to compare.
type Request struct {
	Before, After rbd.Spec
	// Ignore are patterns of paths besides DefaultIgnore, which NoDefaults leaves out.
	Ignore     []string
	NoDefaults bool
	// Limit is how many items of each list are told.
	Limit int
}

// Change is what has become of something.
type Change string

// The changes.
const (
	Added      Change = "added"
	Removed    Change = "removed"
	Changed    Change = "changed"
	Upgraded   Change = "upgraded"
	Downgraded Change = "downgraded"
)

// Item is a package, user, group, unit, kernel or boot parameter that differs. Before
// and After are empty where it is not there.
type Item struct {
	Name          string
	Change        Change
	Before, After string
}

// File is a file that differs.
type File struct {
	Path   string
	Change Change
	// Differs are those of content, mode, owner, target and type that do, of a file that
	// is there before and after.
	Differs       []string
	Before, After *FileState // nil where it is not there
}

// FileState is what a file is. Size is that of a regular file; Target is where a link
// leads to, or the number of a device.
type FileState struct {
	Type     string
	Mode     uint32
	UID, GID uint32
	Size     int64
	Target   string
}

// Unread is a path that was not compared, with all below it.
type Unread struct{ Path, Reason string }

// Result is what differs. All texts in it are escaped and bounded.
type Result struct {
	// Problem says why nothing could be compared; empty where that is not so.
	Problem                                                 string
	Packages, Users, Groups, Units, Kernels, BootParameters List[Item]
	Files                                                   List[File]
	Unread                                                  List[Unread]
}

// Bounds of what is told of one list, and of one text, in bytes.
const (
	maxListBytes = 2 << 20
	maxText      = 4 << 10
)

// List holds the first of what was found, and counts all of it.
type List[T any] struct {
	Items  []T
	Total  int
	Counts map[Change]int

	limit, bytes int
}

// add keeps an item where there is room.
func (l *List[T]) add(item T, change Change, size int) {
	l.Total++
	if l.Counts == nil {
		l.Counts = map[Change]int{}
	}
	l.Counts[change]++
	// The first that does not fit is the last: what is told has no holes.
	if len(l.Items) < l.Total-1 || len(l.Items) >= l.limit || l.bytes+size > maxListBytes {
		return
	}
	l.bytes += size
	l.Items = append(l.Items, item)
}

// addItem keeps an item, escaped.
func addItem(l *List[Item], i Item) {
	i.Name, i.Before, i.After = Escape(i.Name), Escape(i.Before), Escape(i.After)
	l.add(i, i.Change, len(i.Name)+len(i.Before)+len(i.After)+64)
}

// Identical says whether nothing was found.
func (r Result) Identical() bool {
	n := r.Files.Total + r.Unread.Total
	for _, l := range r.lists() {
		n += l.Total
	}
	return n == 0 && r.Problem == ""
}

func (r *Result) lists() []*List[Item] {
	return []*List[Item]{&r.Packages, &r.Users, &r.Groups, &r.Units, &r.Kernels, &r.BootParameters}
}
