// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

// DefaultMode is the mode of a new file, PrivateMode that of one with a secret.
const (
	DefaultMode = 0o644
	PrivateMode = 0o600
)

// spare is kept free in a guest's file system beyond the new content, in
// bytes: directories and extents grow as well.
const spare = 64 << 10

// Write is a new or changed file.
type Write struct {
	Path    string
	Content []byte
	// Mode (07777), UID and GID are set where they are not nil. A file that
	// exists keeps its own otherwise, a new one gets DefaultMode and root.
	Mode     *uint32
	UID, GID *uint32
	// Private gives a new file PrivateMode in place of DefaultMode.
	Private bool
	// FollowSymlinks writes to the file that the path leads to. Otherwise a
	// symbolic link anywhere in the path is refused.
	FollowSymlinks bool
}

// Write replaces a file's content in one step: the guest never sees half of
// it. A file that exists keeps its mode, owner, extended attributes and with
// them its SELinux label and ACL; a new one gets its directory's SELinux label.
// Other hard links of the file keep the old content. On an NTFS it is written in
// its place, where its access control list stays.
//
// Errors: fs.ErrNotExist (no such directory), guest.ErrPath, ErrSymlink,
// ErrFileType, ErrNotMounted, ErrNoSpace, ErrVerify. After any of them the
// file is what it was, unless it lies on an NTFS.
func (s *Session) Write(ctx context.Context, w Write) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.Path, err = s.spelled(ctx, w.Path); err != nil {
		return err
	}
	target, old, err := s.place(ctx, w.Path, w.FollowSymlinks)
	if err != nil {
		return err
	}
	if target == "/" {
		return fmt.Errorf("%q in the guest: %w: a %s", w.Path, ErrFileType, guest.Directory)
	}
	if old != nil && old.Type != guest.Regular {
		return fmt.Errorf("%q in the guest: %w: a %s", target, ErrFileType, old.Type)
	}
	dir := path.Dir(target)
	if err := s.room(ctx, dir, int64(len(w.Content))); err != nil {
		return err
	}
	if s.onNTFS(target) {
		if err := s.checkNTFS(target, w.Mode, w.UID, w.GID); err != nil {
			return err
		}
		if err := s.writeNTFS(ctx, target, old == nil, w.Content); err != nil {
			return err
		}
		s.remember(target, w.Content)
		return nil
	}
	if err := s.replace(ctx, target, old, w); err != nil {
		return err
	}
	s.remember(target, w.Content)
	return nil
}

// replace writes a file beside target, with all that it is to have, and renames it.
// old is what is there; nil where nothing is.
func (s *Session) replace(ctx context.Context, target string, old *guest.FileInfo, w Write) (err error) {
	dir := path.Dir(target)
	tmp := path.Join(dir, ".terraform-"+strings.ToLower(rand.Text()))
	defer func() {
		if err != nil && !s.ended {
			// Without ctx: its end may be why we are here.
			_, _ = s.run(context.WithoutCancel(ctx), "rm-f", tmp)
		}
	}()
	if err := s.upload(ctx, tmp, w.Content); err != nil {
		return err
	}
	want := guest.FileInfo{Type: guest.Regular, Mode: DefaultMode}
	if w.Private {
		want.Mode = PrivateMode
	}
	if old != nil {
		want.Mode, want.UID, want.GID = old.Mode, old.UID, old.GID
		if _, err := s.run(ctx, "copy-attributes", target, tmp, "all:true"); err != nil {
			return err
		}
	} else if err := s.inheritLabel(ctx, dir, tmp); err != nil {
		return err
	}
	set(&want.Mode, w.Mode)
	set(&want.UID, w.UID)
	set(&want.GID, w.GID)
	want.Size = int64(len(w.Content))
	if err := s.become(ctx, tmp, target, want); err != nil {
		return err
	}
	_, err = s.run(ctx, "rename", tmp, target)
	return err
}

// become gives the file tmp the owner and mode that target is to have, and
// verifies it.
func (s *Session) become(ctx context.Context, tmp, target string, want guest.FileInfo) error {
	got, err := s.lstat(ctx, tmp)
	if err != nil || got == want {
		return err
	}
	// Owner first: the kernel takes set-user-id away when the owner changes.
	if err := s.chown(ctx, tmp, want.UID, want.GID); err != nil {
		return err
	}
	if err := s.chmod(ctx, tmp, want.Mode); err != nil {
		return err
	}
	if got, err = s.lstat(ctx, tmp); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: %q would be %+v, not %+v", ErrVerify, target, got, want)
	}
	return nil
}

// remember has Close read a file back.
func (s *Session) remember(target string, content []byte) {
	if s.written == nil {
		s.written = map[string]written{}
	}
	s.written[target] = written{int64(len(content)), sha256.Sum256(content)}
}

func set(dst, src *uint32) {
	if src != nil {
		*dst = *src
	}
}

// place finds where a change of a path is to be made, and the file that is
// there: nil where there is none, but its directory.
func (s *Session) place(ctx context.Context, p string, follow bool) (string, *guest.FileInfo, error) {
	if err := s.reachable(ctx, p, follow); err != nil {
		return "", nil, err
	}
	if follow {
		real, err := s.run(ctx, "realpath", p)
		if err == nil {
			p = strings.TrimSuffix(real, "\n")
		} else if dir, e := s.run(ctx, "realpath", path.Dir(p)); e == nil {
			p = path.Join(strings.TrimSuffix(dir, "\n"), path.Base(p))
		}
	}
	names, err := guest.Components(p)
	if err != nil {
		return "", nil, err
	}
	// Also when links were followed: the last part may be one that leads
	// nowhere.
	at := ""
	for i, n := range names {
		at += "/" + n
		if i < len(names)-1 && s.known.dirs[at] {
			continue
		}
		fi, err := s.lstat(ctx, at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && i == len(names)-1:
			return p, nil, nil
		case err != nil:
			return "", nil, err
		case fi.Type == guest.Symlink:
			return "", nil, fmt.Errorf("%q in the guest: %w: %q is one, to %q", p, ErrSymlink, at, fi.LinkTarget)
		case i == len(names)-1:
			return p, &fi, nil
		case fi.Type != guest.Directory:
			return "", nil, fmt.Errorf("%q in the guest: %w: %q is a %s", p, ErrFileType, at, fi.Type)
		}
		s.knowDir(at)
	}
	return "/", nil, nil
}

// room is what a file system has left, at least.
type room struct {
	free, block, inodes int64
	readOnly            bool
}

// room makes sure that n more bytes fit into the file system of dir: a full
// one says no more than "write error", and leaves part of a file.
func (s *Session) room(ctx context.Context, dir string, n int64) error {
	r := s.known.room[dir]
	if r == nil || r.refuse(dir, n) != nil {
		// What was replaced or removed meanwhile may have made room.
		out, err := s.run(ctx, "statvfs", dir)
		if err != nil {
			return err
		}
		r = parseRoom(out)
		if s.known.room == nil {
			s.known.room = map[string]*room{}
		}
		s.known.room[dir] = r
		if err := r.refuse(dir, n); err != nil {
			return err
		}
	}
	// Directories may lie on the same file system.
	for _, r := range s.known.room {
		r.free -= r.blocks(n) + r.block
		r.inodes--
	}
	return nil
}

func parseRoom(statvfs string) *room {
	v := map[string]int64{}
	for l := range strings.Lines(statvfs) {
		key, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		v[key], _ = strconv.ParseInt(value, 10, 64)
	}
	const readOnly = 1 // ST_RDONLY
	r := &room{block: max(v["frsize"], 1), inodes: v["favail"], readOnly: v["flag"]&readOnly != 0}
	r.free = v["bavail"] * r.block
	if v["files"] == 0 { // btrfs has no number of inodes to run out of, and says 0 of 0
		r.inodes = math.MaxInt64
	}
	return r
}

// blocks is what n bytes take.
func (r *room) blocks(n int64) int64 { return (n + r.block - 1) / r.block * r.block }

// refuse is the error where n more bytes do not fit.
func (r *room) refuse(dir string, n int64) error {
	if need := r.blocks(n) + spare; r.free < need {
		return fmt.Errorf("%w: %d bytes are free at %q, %d are needed", ErrNoSpace, r.free, dir, need)
	}
	if r.inodes < 1 {
		return fmt.Errorf("%w: no inode is free at %q", ErrNoSpace, dir)
	}
	return nil
}

// upload writes content to a new file of the guest.
func (s *Session) upload(ctx context.Context, name string, content []byte) error {
	// Without KVM an upload takes tenths of a second, however small. A byte may take
	// four on the command line.
	if 4*(len(content)+len(name)) < maxLine-100 && bytes.IndexByte(content, 0) < 0 {
		_, err := s.run(ctx, "write", name, string(content))
		return err
	}
	// It may be secret: guestfish reads it from this process's memory.
	f, err := command.Secret(string(content))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = s.run(ctx, "upload", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()), name)
	return err
}

// readBack reads what was written from the disk again: the kernel tells a
// write that failed later on to nobody but fsync(2), and libguestfs has none.
// Without the cache the appliance is slow, so it is done once, at the end.
func (s *Session) readBack(ctx context.Context) error {
	if len(s.written) == 0 {
		return nil
	}
	for _, c := range [][]string{{"sync"}, {"drop-caches", "3"}} {
		if _, err := s.run(ctx, c[0], c[1:]...); err != nil {
			return err
		}
	}
	for p, want := range s.written {
		// One byte more than it must have.
		got, err := s.content(ctx, p, want.size+1)
		if err != nil {
			return err
		}
		if int64(len(got)) != want.size || sha256.Sum256(got) != want.sha256 {
			return fmt.Errorf("%w: %q", ErrVerify, p)
		}
	}
	return nil
}

// selinuxLabel is the extended attribute that holds a file's SELinux label.
const selinuxLabel = "security.selinux"

// inheritLabel gives a new file its directory's SELinux label, where that has
// one. It is what the guest's kernel does unless a policy says otherwise; the
// appliance's, with no policy loaded, leaves the label out.
func (s *Session) inheritLabel(ctx context.Context, dir, name string) error {
	label, err := s.label(ctx, dir)
	if err == nil && label != "" {
		_, err = s.run(ctx, "lsetxattr", selinuxLabel, label, strconv.Itoa(len(label)), name)
	}
	return err
}

// label is a directory's SELinux label, "" where it has none.
func (s *Session) label(ctx context.Context, dir string) (label string, err error) {
	if label, ok := s.known.labels[dir]; ok {
		return label, nil
	}
	attrs, err := s.run(ctx, "lgetxattrs", dir)
	if err == nil && strings.Contains(attrs, "attrname: "+selinuxLabel+"\n") {
		label, err = s.run(ctx, "lgetxattr", dir, selinuxLabel)
	}
	if err != nil {
		return "", err
	}
	if s.known.labels == nil {
		s.known.labels = map[string]string{}
	}
	s.known.labels[dir] = strings.TrimRight(label, "\x00\n")
	return s.known.labels[dir], nil
}

// Remove removes a file, or a symbolic link itself; directories are refused
// with ErrFileType, and links before the last part with ErrSymlink. Similar To:
// `guestfish rm`
func (s *Session) Remove(ctx context.Context, p string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.spelled(ctx, p)
	if err != nil {
		return err
	}
	if err := s.reachable(ctx, p, false); err != nil {
		return err
	}
	if p == "/" {
		return fmt.Errorf("%q in the guest: %w: a %s", p, ErrFileType, guest.Directory)
	}
	if _, _, err := s.place(ctx, path.Dir(p), false); err != nil {
		return err
	}
	fi, err := s.lstat(ctx, p)
	if err != nil {
		return err
	}
	if fi.Type == guest.Directory {
		return fmt.Errorf("%q in the guest: %w: a %s", p, ErrFileType, fi.Type)
	}
	delete(s.written, p)
	_, err = s.run(ctx, "rm", p)
	return err
}

// Chmod sets the mode (07777) of a file or directory. Links are refused as by
// Write. Similar To: `guestfish chmod`
func (s *Session) Chmod(ctx context.Context, p string, mode uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.existing(ctx, p); err != nil {
		return err
	}
	return s.chmod(ctx, p, mode)
}

// Chown sets the owner and group of a file or directory. Links are refused as
// by Write. The kernel takes the set-user-id and set-group-id bits away from a
// file, so a Chmod belongs after it. Similar To: `guestfish chown`
func (s *Session) Chown(ctx context.Context, p string, uid, gid uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.existing(ctx, p); err != nil {
		return err
	}
	return s.chown(ctx, p, uid, gid)
}

func (s *Session) existing(ctx context.Context, p string) error {
	if s.onNTFS(p) {
		return fmt.Errorf("%q in the guest: %w", p, ErrNoModes)
	}
	_, fi, err := s.place(ctx, p, false)
	if err == nil && fi == nil && p != "/" {
		return fmt.Errorf("%q in the guest: %w", p, fs.ErrNotExist)
	}
	return err
}

func (s *Session) chmod(ctx context.Context, p string, mode uint32) error {
	_, err := s.run(ctx, "chmod", fmt.Sprintf("0%o", mode), p)
	return err
}

func (s *Session) chown(ctx context.Context, p string, uid, gid uint32) error {
	_, err := s.run(ctx, "chown", strconv.FormatUint(uint64(uid), 10), strconv.FormatUint(uint64(gid), 10), p)
	return err
}
