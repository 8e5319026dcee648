// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Do compares the guests of two snapshots. What is wrong with a guest is in the
// result. Similar To: `virt-diff`
//
// Errors: ErrPattern, those of rbd.OpenReader, and that of ctx.
func Do(ctx context.Context, ceph *rbd.Cluster, req Request) (_ Result, err error) {
	patterns := req.Ignore
	if !req.NoDefaults {
		patterns = slices.Concat(DefaultIgnore, req.Ignore)
	}
	ignored, err := matcher(patterns)
	if err != nil {
		return Result{}, err
	}
	var open [2]*rbd.Reader
	for i, spec := range []rbd.Spec{req.Before, req.After} {
		if open[i], err = ceph.OpenReader(ctx, spec); err != nil {
			return Result{}, err
		}
		defer func() { err = errors.Join(err, open[i].Close()) }()
	}
	changed, known, err := rbd.ChangedBetween(ctx, open[0], open[1])
	if err != nil {
		return Result{}, err
	}
	a := &side{disk: &pages{r: open[0], size: open[0].Size()}}
	b := &side{disk: &pages{r: open[1], size: open[1].Size()}}
	if known {
		b.disk.twin, b.disk.changed = a.disk, changed
	}
	c := &comparison{sides: [2]*side{a, b}, known: known, ignored: ignored, out: newResult(req.Limit)}
	if err := c.run(ctx, [2]rbd.Spec{req.Before, req.After}); err != nil {
		return Result{}, err
	}
	return c.out, nil
}

func newResult(limit int) (r Result) {
	for _, l := range r.lists() {
		l.limit = limit
	}
	r.Files.limit, r.Unread.limit = limit, limit
	return r
}

type comparison struct {
	sides   [2]*side
	known   bool
	ignored func(path string) bool
	out     Result
}

func (c *comparison) run(ctx context.Context, specs [2]rbd.Spec) error {
	type done struct {
		i   int
		err error
	}
	ended := make(chan done, 2)
	for i := range c.sides {
		go func() { ended <- done{i, c.sides[i].list(ctx)} }()
	}
	var errs [2]error
	for range 2 {
		d := <-ended
		errs[d.i] = d.err
	}
	for i, err := range errs {
		if err == nil {
			continue
		}
		if e := ofGuest(err); e != nil {
			return e
		}
		c.out.Problem = Escape(fmt.Sprintf("%s: %s", specs[i], err))
		return nil
	}
	if err := c.files(ctx); err != nil {
		return err
	}
	return c.system()
}

// ofGuest is nil where an error is about what is in a guest.
func ofGuest(err error) error {
	for _, is := range []error{guestread.ErrUnsupported, guestread.ErrUnusable, guestread.ErrFileType, guestread.ErrTooLarge} {
		if errors.Is(err, is) {
			return nil
		}
	}
	return err
}

// list opens a guest and lists its files.
func (s *side) list(ctx context.Context) (err error) {
	if s.guest, err = guestread.Open(s.disk, s.disk.size, guestread.Options{}); err != nil {
		return err
	}
	if err := s.guest.MountAll(); err != nil {
		return err
	}
	if s.files, s.unread, err = s.guest.Files(ctx); err != nil {
		return err
	}
	slices.SortFunc(s.files, func(a, b guestread.File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// difference is a file that may differ: content says so in the end.
type difference struct {
	file    File
	content *pair
}

func (c *comparison) files(ctx context.Context) error {
	unread := map[string]bool{}
	for _, s := range c.sides {
		for _, u := range s.unread {
			if !unread[u.Path] && !c.ignored(u.Path) {
				c.unread(u.Path, u.Reason)
			}
			unread[u.Path] = true
		}
	}
	hidden := func(p string) bool {
		for ; len(unread) > 0; p = path.Dir(p) {
			if unread[p] {
				return true
			}
			if p == "/" {
				break
			}
		}
		return false
	}
	contents := newContents(c.sides[0], c.sides[1], c.known)
	var found []difference
	for _, both := range merged(c.sides[0].files, c.sides[1].files) {
		p := both.path()
		if c.ignored(p) || hidden(p) {
			continue
		}
		d, err := both.differs(ctx, contents)
		if err != nil {
			return err
		}
		if d != nil {
			found = append(found, *d)
		}
		if len(contents.batch) == 0 { // all of it is known
			found = c.settleAll(found)
		}
	}
	if err := contents.flush(ctx); err != nil {
		return err
	}
	c.settleAll(found)
	return nil
}

func (c *comparison) settleAll(found []difference) []difference {
	for _, d := range found {
		c.settle(d)
	}
	return found[:0]
}

// settle tells a difference, now that the content is known.
func (c *comparison) settle(d difference) {
	if d.content != nil && d.content.err != nil {
		c.unread(d.file.Path, d.content.err.Error())
	} else if d.content != nil && d.content.differs {
		d.file.Differs = append([]string{"content"}, d.file.Differs...)
	}
	if d.file.Change == Changed && len(d.file.Differs) == 0 {
		return
	}
	f := d.file
	size := 256
	f.Path = Escape(f.Path)
	for _, s := range []*FileState{f.Before, f.After} {
		if s != nil {
			s.Target = Escape(s.Target)
			size += len(s.Target) + 64
		}
	}
	c.out.Files.add(f, f.Change, size+len(f.Path))
}

func (c *comparison) unread(p, reason string) {
	u := Unread{Escape(p), Escape(reason)}
	c.out.Unread.add(u, "", len(u.Path)+len(u.Reason)+64)
}

// twoFiles are a file before and after; nil where it is not there.
type twoFiles [2]*guestread.File

func (t twoFiles) path() string {
	if t[0] != nil {
		return t[0].Path
	}
	return t[1].Path
}

// merged pairs two lists that are in order.
func merged(a, b []guestread.File) []twoFiles {
	out := make([]twoFiles, 0, max(len(a), len(b)))
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case j == len(b) || i < len(a) && a[i].Path < b[j].Path:
			out = append(out, twoFiles{&a[i], nil})
			i++
		case i == len(a) || a[i].Path > b[j].Path:
			out = append(out, twoFiles{nil, &b[j]})
			j++
		default:
			out = append(out, twoFiles{&a[i], &b[j]})
			i, j = i+1, j+1
		}
	}
	return out
}

// differs is nil where two files are the same for sure.
func (t twoFiles) differs(ctx context.Context, c *contents) (*difference, error) {
	a, b := t[0], t[1]
	switch {
	case a == nil:
		return &difference{file: File{Path: b.Path, Change: Added, After: stateOf(*b)}}, nil
	case b == nil:
		return &difference{file: File{Path: a.Path, Change: Removed, Before: stateOf(*a)}}, nil
	}
	d := &difference{file: File{Path: a.Path, Change: Changed, Differs: differing(a, b)}}
	if a.Type == guest.Regular && b.Type == guest.Regular && a.Size == b.Size && a.Size > 0 {
		p, err := c.add(ctx, *a, *b)
		if err != nil {
			return nil, err
		}
		d.content = p
	}
	if len(d.file.Differs) == 0 && (d.content == nil || d.content.proved()) {
		return nil, nil //nolint:nilnil // most files are the same
	}
	d.file.Before, d.file.After = stateOf(*a), stateOf(*b)
	return d, nil
}

// proved says whether a pair is known to be the same without being read.
func (p *pair) proved() bool {
	return p.err == nil && !p.differs && len(p.extents[0])+len(p.extents[1]) == 0
}

// differing names what differs besides the content of files of one size.
func differing(a, b *guestread.File) (out []string) {
	if a.Type == guest.Regular && b.Type == guest.Regular && a.Size != b.Size {
		out = append(out, "content")
	}
	if a.Mode != b.Mode && a.Type != guest.Symlink && b.Type != guest.Symlink {
		out = append(out, "mode")
	}
	if a.UID != b.UID || a.GID != b.GID {
		out = append(out, "owner")
	}
	switch {
	case a.Type != b.Type:
		out = append(out, "type")
	case a.LinkTarget != b.LinkTarget || a.Device != b.Device:
		out = append(out, "target")
	}
	return out
}

func stateOf(f guestread.File) *FileState {
	s := &FileState{Type: string(f.Type), Mode: f.Mode, UID: f.UID, GID: f.GID, Size: -1, Target: f.LinkTarget + f.Device}
	if f.Type == guest.Regular {
		s.Size = f.Size
	}
	return s
}

// read is a file of a guest for what it says; missing where it is not there.
func (c *comparison) read(i int, p string, limit int64) (b []byte, ok bool, err error) {
	b, err = c.sides[i].guest.Read(p, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err == nil:
		return b, true, nil
	}
	if e := ofGuest(err); e != nil {
		return nil, false, e
	}
	c.unread(p, err.Error())
	return nil, false, nil
}
