// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// Lstat describes the file at path itself, also where it is a symbolic link.
// Links before the last part are followed within the guest. Errors:
// fs.ErrNotExist, guest.ErrPath, ErrNotMounted. Similar To: `guestfish lstatns`
func (s *Session) Lstat(ctx context.Context, path string) (guest.FileInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, err := s.spelled(ctx, path)
	if err != nil {
		return guest.FileInfo{}, err
	}
	if err := s.reachable(ctx, path, false); err != nil {
		return guest.FileInfo{}, err
	}
	return s.lstat(ctx, path)
}

// Stat describes the file that path leads to, links followed within the guest.
// Errors are those of Lstat. Similar To: `guestfish statns`
func (s *Session) Stat(ctx context.Context, path string) (guest.FileInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, err := s.spelled(ctx, path)
	if err != nil {
		return guest.FileInfo{}, err
	}
	return s.followed(ctx, path)
}

func (s *Session) followed(ctx context.Context, path string) (guest.FileInfo, error) {
	if _, err := guest.Components(path); err != nil {
		return guest.FileInfo{}, err
	}
	plain, err := s.plain(ctx, path)
	if err == nil && plain {
		if err = s.mounted(path); err == nil {
			// Mostly there is no link to follow.
			var fi guest.FileInfo
			if fi, err = s.lstat(ctx, path); err == nil && fi.Type != guest.Symlink {
				return fi, nil
			}
		}
	}
	if err == nil {
		err = s.reachable(ctx, path, true)
	}
	if err != nil {
		return guest.FileInfo{}, err
	}
	return s.stat(ctx, "statns", path)
}

// lstat is Lstat for a path that is known to be reachable.
func (s *Session) lstat(ctx context.Context, path string) (guest.FileInfo, error) {
	fi, err := s.stat(ctx, "lstatns", path)
	if err != nil || fi.Type != guest.Symlink {
		return fi, err
	}
	target, err := s.run(ctx, "readlink", path)
	if err != nil {
		return guest.FileInfo{}, err
	}
	fi.LinkTarget = strings.TrimSuffix(target, "\n")
	return fi, nil
}

func (s *Session) stat(ctx context.Context, command, path string) (guest.FileInfo, error) {
	out, err := s.run(ctx, command, path)
	if err != nil {
		return guest.FileInfo{}, notExist(path, err)
	}
	return parseStat(out)
}

// notExist makes an fs.ErrNotExist of the appliance's ENOENT or ENOTDIR.
func notExist(path string, err error) error {
	var e *Error
	if errors.As(err, &e) && (e.errnoIs("No such file or directory") || e.errnoIs("Not a directory")) {
		return fmt.Errorf("%q in the guest: %w", path, fs.ErrNotExist)
	}
	return err
}

func parseStat(text string) (guest.FileInfo, error) {
	fields := map[string]int64{}
	for l := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return guest.FileInfo{}, fmt.Errorf("parse guestfish's stat %q: %w", l, err)
		}
		fields[key] = n
	}
	for _, key := range []string{"st_mode", "st_uid", "st_gid", "st_size"} {
		if _, ok := fields[key]; !ok {
			return guest.FileInfo{}, fmt.Errorf("no %s in guestfish's stat", key)
		}
	}
	mode := uint32(fields["st_mode"]) //nolint:gosec // 32 bits in the kernel
	return guest.FileInfo{
		Type: guest.TypeOfMode(mode),
		Mode: mode & 0o7777,
		UID:  uint32(fields["st_uid"]), //nolint:gosec // 32 bits in the kernel
		GID:  uint32(fields["st_gid"]), //nolint:gosec // 32 bits in the kernel
		Size: fields["st_size"],
	}, nil
}

// reachable refuses what is no path, and what lies on a file system that is
// not mounted, be it by way of links; those of the last part only count where
// they are followed.
func (s *Session) reachable(ctx context.Context, path string, follow bool) error {
	names, err := guest.Components(path)
	if err != nil || len(s.missing) == 0 {
		return err
	}
	if err := s.mounted(path); err != nil {
		return err
	}
	if !follow {
		if plain, err := s.plain(ctx, path); err != nil || plain {
			return err
		}
	}
	n := len(names)
	if !follow {
		n--
	}
	// Where a part does not exist, the parts before it decide.
	for ; n > 0; n-- {
		real, err := s.run(ctx, "realpath", "/"+strings.Join(names[:n], "/"))
		var refused *Error
		if errors.As(err, &refused) {
			continue
		}
		if err != nil {
			return err
		}
		return s.mounted(strings.Join(append([]string{strings.TrimSuffix(real, "\n")}, names[n:]...), "/"))
	}
	return nil
}

// plain says whether nothing but directories leads to a path, and no link.
func (s *Session) plain(ctx context.Context, p string) (bool, error) {
	names, err := guest.Components(path.Dir(p))
	if err != nil {
		return false, err
	}
	at := ""
	for _, n := range names {
		if at += "/" + n; s.known.dirs[at] {
			continue
		}
		fi, err := s.lstat(ctx, at)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil || fi.Type != guest.Directory {
			return false, err
		}
		s.knowDir(at)
	}
	return true, nil
}

// knowDir remembers a directory with nothing but directories before it. None of
// them is removed or replaced by the session itself.
func (s *Session) knowDir(p string) {
	if s.known.dirs == nil {
		s.known.dirs = map[string]bool{}
	}
	s.known.dirs[p] = true
}

func (s *Session) mounted(path string) error {
	for _, m := range s.missing {
		if guest.Below(path, m.Path) {
			return fmt.Errorf("%w: %q is on %s at %s: %s", ErrNotMounted, path, m.Spec, m.Path, m.Reason)
		}
	}
	return nil
}

// Read returns the content of the regular file that path leads to. Errors are
// those of Lstat, ErrFileType, and ErrTooLarge where the file has more than
// max bytes. Similar To: `guestfish pread`
func (s *Session) Read(ctx context.Context, path string, max int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(ctx, path, max)
}

func (s *Session) read(ctx context.Context, path string, max int64) ([]byte, error) {
	path, err := s.spelled(ctx, path)
	if err != nil {
		return nil, err
	}
	fi, err := s.followed(ctx, path)
	if err != nil {
		return nil, err
	}
	if fi.Type != guest.Regular {
		return nil, fmt.Errorf("%q in the guest: %w: a %s", path, ErrFileType, fi.Type)
	}
	if fi.Size > max {
		return nil, fmt.Errorf("%q in the guest: %w: %d bytes, the limit is %d", path, ErrTooLarge, fi.Size, max)
	}
	data, err := s.content(ctx, path, fi.Size)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != fi.Size {
		return nil, fmt.Errorf("%q in the guest: %w: %d of %d bytes", path, ErrVerify, len(data), fi.Size)
	}
	return data, nil
}

// maxPart is how much of a file is asked for at once, in bytes; an answer of the
// appliance has less than 4 MiB.
const maxPart = 1 << 20

// content is the beginning of a file, up to n bytes. Not by a download: without
// KVM that takes tenths of a second, however small the file is.
func (s *Session) content(ctx context.Context, path string, n int64) ([]byte, error) {
	data := make([]byte, 0, min(n, maxPart))
	for at := int64(0); at < n; at = int64(len(data)) {
		want := min(n-at, maxPart)
		part, err := s.run(ctx, "pread", path, strconv.FormatInt(want, 10), strconv.FormatInt(at, 10))
		if err != nil {
			return nil, notExist(path, err)
		}
		data = append(data, part...)
		if int64(len(part)) < want {
			break
		}
	}
	return data, nil
}
