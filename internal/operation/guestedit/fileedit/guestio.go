// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
)

// examine compares all edits with the guest and returns those outcomes that ask
// for something, in order of their paths.
func examine(r guestinspect.Reader, edits []Edit) ([]outcome, error) {
	var pending []outcome
	if r.RootIsNTFS() {
		if err := checkWindows(edits); err != nil {
			return nil, err
		}
	}
	for _, e := range edits {
		cur, err := load(r, e)
		if err != nil {
			return nil, err
		}
		if e.CopyFrom != "" {
			from, err := r.Read(e.CopyFrom, MaxFile)
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: %s, to copy to %s", ErrMissing, e.CopyFrom, e.Path)
			}
			if err != nil {
				return nil, err
			}
			text := string(from)
			e.Content = &text
		}
		if e.Secret != nil && cur != nil {
			e.Secret.current = cur.Content
		}
		o := e.compare(cur)
		if len(o.Unmet) > 0 {
			pending = append(pending, o)
		}
	}
	slices.SortFunc(pending, func(a, b outcome) int { return strings.Compare(a.Path, b.Path) })
	return pending, nil
}

// checkWindows refuses what can't be on an NTFS.
func checkWindows(edits []Edit) error {
	seen := map[string]string{}
	for _, e := range edits {
		if e.Mode != nil || e.UID != nil || e.GID != nil || e.Link != nil {
			return fmt.Errorf("%s: %w", e.Path, guestfs.ErrNoModes)
		}
		p := strings.ToLower(e.Path)
		if other, ok := seen[p]; ok {
			return fmt.Errorf("%w: %s and %s", ErrSamePath, other, e.Path)
		}
		seen[p] = e.Path
	}
	for _, e := range edits {
		if other, ok := seen[strings.ToLower(e.CopyFrom)]; ok {
			return fmt.Errorf("%w: %s, to copy to %s, and %s, to be edited", ErrSamePath, e.CopyFrom, e.Path, other)
		}
	}
	return nil
}

// reasons says why some of the edits can't be done; nil where all can.
func reasons(pending []outcome) error {
	var errs []error
	for _, o := range pending {
		errs = append(errs, o.Err)
	}
	return errors.Join(errs...)
}

// load reads a file, its content only where that matters.
func load(r guestinspect.Reader, e Edit) (*file, error) {
	info, err := r.Lstat(e.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no file is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", e.Path, err)
	}
	f := &file{FileInfo: info}
	if info.Type != guest.Regular || !e.isWhole() && e.CopyFrom == "" && !e.editsLines() {
		return f, nil
	}
	if f.Content, err = r.Read(e.Path, MaxFile); err != nil {
		return nil, fmt.Errorf("read %s: %w", e.Path, err)
	}
	return f, nil
}

// apply does to the guest what an outcome asks for.
func (o outcome) apply(ctx context.Context, s *guestfs.Session) error {
	switch {
	case o.Absent:
		return s.Remove(ctx, o.Path)
	case o.Make && o.Directory:
		return s.Mkdir(ctx, o.Path, o.Mode, o.UID, o.GID)
	case o.Make:
		return s.Symlink(ctx, *o.Link, o.Path)
	case o.Write:
		return s.Write(ctx, guestfs.Write{Path: o.Path, Content: o.Content, Mode: o.Mode, UID: o.UID, GID: o.GID, Private: o.Secret != nil})
	}
	mode, uid, gid := o.Current.Mode, o.Current.UID, o.Current.GID
	for _, v := range []struct{ to, from *uint32 }{{&mode, o.Mode}, {&uid, o.UID}, {&gid, o.GID}} {
		if v.from != nil {
			*v.to = *v.from
		}
	}
	// The kernel takes set-user-id away when the owner changes.
	if err := s.Chown(ctx, o.Path, uid, gid); err != nil {
		return err
	}
	return s.Chmod(ctx, o.Path, mode)
}
