// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// Session is a running appliance. Its methods may be called from several
// goroutines, they run one after the other.
//
// A session whose command does not come back because the command's context has
// ended is aborted: the appliance can't be told to stop.
type Session struct {
	drives  []Drive
	dir     *workdir.Dir
	release func()

	mu      sync.Mutex
	shell   *shell
	ended   bool
	kinds   map[string]string // of the file systems that are mounted, by mount point
	missing []MissingMount
	written map[string]written // what Close is to find on the disk
	known   known
}

// written is the content of a file that Write wrote.
type written struct {
	size   int64
	sha256 [sha256.Size]byte
}

// known is what need not be asked again: without KVM an answer takes from
// milliseconds to tenths of a second. What the session itself does keeps it
// true, a command of the caller's may do anything.
type known struct {
	dirs   map[string]bool   // directories with no link in their path, on what is mounted
	labels map[string]string // of directories, "" where there is none
	room   map[string]*room  // by directory
}

// Run runs one libguestfs command, see guestfish(1), and returns what it
// printed. Optional arguments are written `name:value`. The error is an *Error
// where the command failed, after which the session goes on; ErrEnded and the
// context's error end it.
func (s *Session) Run(ctx context.Context, name string, args ...string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.written) // the command may change any of it
	s.known = known{}
	return s.run(ctx, name, args...)
}

func (s *Session) run(ctx context.Context, name string, args ...string) (string, error) {
	if s.ended {
		return "", fmt.Errorf("guestfish %s: %w", name, ErrEnded)
	}
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("guestfish %s: %w", name, err)
	}
	out, err := s.shell.run(ctx, name, args...)
	var refused *Error
	if !errors.As(err, &refused) && (errors.Is(err, ErrEnded) || errors.Is(err, errFlood) || err != nil && ctx.Err() != nil) {
		s.abort()
	}
	if refused != nil && refused.errnoIs("Read-only file system") {
		err = fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return out, err
}

// packages are the Debian packages that bring an appliance its features.
var packages = map[string]string{
	"hfsplus":  "libguestfs-hfsplus",
	"jfs":      "libguestfs-jfs",
	"nilfs2":   "libguestfs-nilfs",
	ntfs3g:     "ntfs-3g",
	"reiserfs": "libguestfs-reiserfs",
	"xfs":      "libguestfs-xfs",
	"zfs":      "libguestfs-zfs",
}

// Available makes sure that the appliance has the given features, in
// guestfs(3)'s words: "xfs", "lvm2", "gdisk". The error is ErrFeature with the
// package to install. Similar To: `guestfish available`
func (s *Session) Available(ctx context.Context, features ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.available(ctx, features...)
}

func (s *Session) available(ctx context.Context, features ...string) error {
	for _, f := range features {
		out, err := s.run(ctx, "feature-available", f)
		var refused *Error // an appliance that never heard of it
		if err != nil && !errors.As(err, &refused) {
			return err
		}
		if strings.TrimSpace(out) == "true" {
			continue
		}
		if p := packages[f]; p != "" {
			return fmt.Errorf("%w: %q (install the package %s)", ErrFeature, f, p)
		}
		return fmt.Errorf("%w: %q", ErrFeature, f)
	}
	return nil
}

// Sync writes everything to the drives. Similar To: `guestfish sync`
func (s *Session) Sync(ctx context.Context) error {
	_, err := s.Run(ctx, "sync")
	return err
}

// Close writes everything to the drives, reads back what Write wrote since the
// last Run, unmounts the file systems and shuts the appliance down. Its error
// (ErrVerify for example) matters: what was changed may then be lost or half
// written. The session is over in any case.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrEnded
	}
	err := s.readBack(ctx)
	if err == nil {
		err = s.shell.quit(ctx, "sync", "umount-all", "shutdown")
	}
	s.abort()
	if err != nil {
		return fmt.Errorf("close the libguestfs session: %w", err)
	}
	return nil
}

// Abort ends the appliance without writing anything more; what was changed may
// be half written. It does nothing to a session that is over, so that it can
// be deferred.
func (s *Session) Abort() {
	// Not under the lock, so that a running command is cut off.
	s.shell.kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abort()
}

func (s *Session) abort() {
	if s.ended {
		return
	}
	s.ended = true
	s.shell.kill()
	_ = s.dir.Remove()
	if s.release != nil {
		s.release()
	}
}
