// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// DefaultDirMode is the mode of a new directory.
const DefaultDirMode = 0o755

// Mkdir makes a directory, and those above it that are missing; these are
// root's, with DefaultDirMode. New directories get the SELinux label of the one
// above. Links in the path are refused as by Write. Similar To: `guestfish
// mkdir-p`
//
// Errors: those of Write.
func (s *Session) Mkdir(ctx context.Context, p string, mode, uid, gid *uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.spelled(ctx, p)
	if err != nil {
		return err
	}
	if err := s.reachable(ctx, p, false); err != nil {
		return err
	}
	if s.onNTFS(p) {
		if err := s.checkNTFS(p, mode, uid, gid); err != nil {
			return err
		}
	}
	names, err := guest.Components(p)
	if err != nil {
		return err
	}
	at := "/"
	for _, n := range names {
		dir := at
		if at = path.Join(dir, n); s.known.dirs[at] {
			continue
		}
		fi, err := s.lstat(ctx, at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := s.mkdir(ctx, dir, at); err != nil {
				return err
			}
			s.knowDir(at)
		case err != nil:
			return err
		case fi.Type == guest.Symlink:
			return fmt.Errorf("%q in the guest: %w: %q is one, to %q", p, ErrSymlink, at, fi.LinkTarget)
		case fi.Type != guest.Directory:
			return fmt.Errorf("%q in the guest: %w: %q is a %s", p, ErrFileType, at, fi.Type)
		}
	}
	if s.onNTFS(p) {
		return nil
	}
	is, err := s.lstat(ctx, p)
	if err != nil {
		return err
	}
	set(&is.Mode, mode)
	set(&is.UID, uid)
	set(&is.GID, gid)
	if err := s.chown(ctx, p, is.UID, is.GID); err != nil {
		return err
	}
	return s.chmod(ctx, p, is.Mode)
}

func (s *Session) mkdir(ctx context.Context, dir, name string) error {
	if err := s.room(ctx, dir, 0); err != nil {
		return err
	}
	if _, err := s.run(ctx, "mkdir-mode", name, fmt.Sprintf("0%o", DefaultDirMode)); err != nil {
		return err
	}
	if s.onNTFS(name) {
		return s.handDown(ctx, dir, name, true)
	}
	// The mode is less what the appliance masks.
	if err := s.chmod(ctx, name, DefaultDirMode); err != nil {
		return err
	}
	return s.inheritLabel(ctx, dir, name)
}

// Symlink makes a symbolic link, in one step also where another link or a
// regular file is there; all else is refused with ErrFileType. Links before the
// last part are refused as by Write. Similar To: `guestfish ln-sf`
func (s *Session) Symlink(ctx context.Context, target, p string) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reachable(ctx, p, false); err != nil {
		return err
	}
	if s.onNTFS(p) {
		return fmt.Errorf("%q in the guest: %w", p, ErrNoModes)
	}
	dir := path.Dir(p)
	if p == "/" {
		return fmt.Errorf("%q in the guest: %w: a %s", p, ErrFileType, guest.Directory)
	}
	if _, _, err := s.place(ctx, dir, false); err != nil {
		return err
	}
	fi, err := s.lstat(ctx, p)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && fi.Type != guest.Symlink && fi.Type != guest.Regular:
		return fmt.Errorf("%q in the guest: %w: a %s", p, ErrFileType, fi.Type)
	}
	if err := s.room(ctx, dir, int64(len(target))); err != nil {
		return err
	}
	tmp := path.Join(dir, ".terraform-"+strings.ToLower(rand.Text()))
	defer func() {
		if err != nil && !s.ended {
			_, _ = s.run(context.WithoutCancel(ctx), "rm-f", tmp)
		}
	}()
	if _, err := s.run(ctx, "ln-s", target, tmp); err != nil {
		return err
	}
	if err := s.inheritLabel(ctx, dir, tmp); err != nil {
		return err
	}
	delete(s.written, p)
	_, err = s.run(ctx, "rename", tmp, p)
	return err
}
