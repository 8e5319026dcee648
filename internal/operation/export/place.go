// SPDX-License-Identifier: MPL-2.0

package export

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

// ErrNoPlace says that a file can't get its name so that no other can be lost.
var ErrNoPlace = errors.New("the file system can neither rename a file without replacing another nor make a link")

// place gives the file its name, and never takes the place of a file but that
// which is to make way.
//
// Errors: ErrFileExists, ErrNoPlace.
func (p *pending) place() error {
	if p.over != nil {
		if _, err := os.Lstat(p.target); err == nil {
			if !sameFile(p.target, p.over) {
				return placed(p.target, fs.ErrExist)
			}
			return p.exchange()
		}
	}
	err := hostfile.RenameToFree(p.content, p.target)
	if unknownRename(err) {
		return link(p.content, p.target)
	}
	return placed(p.target, err)
}

// unknownRename tells that a kernel or a file system, such as NFS, knows no
// renaming but the one that replaces.
func unknownRename(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOTSUP)
}

// link never takes the place of a file either. The other name goes with the
// folder.
func link(from, to string) error {
	err := os.Link(from, to)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) {
		return fmt.Errorf("%s: %w (%w)", to, ErrNoPlace, err)
	}
	return placed(to, err)
}

func placed(target string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", target, ErrFileExists)
	}
	if err != nil {
		return fmt.Errorf("give %s its name: %w", target, err)
	}
	return nil
}

// exchange puts the file in the place of the one that is to make way, which goes
// with the folder. What came in its place since it was inspected is put back.
func (p *pending) exchange() error {
	err := hostfile.Swap(p.content, p.target)
	if unknownRename(err) { // there is no better way
		return placed(p.target, os.Rename(p.content, p.target))
	}
	if err != nil || sameFile(p.content, p.over) {
		return placed(p.target, err)
	}
	if err := hostfile.Swap(p.content, p.target); err != nil {
		kept := filepath.Join(filepath.Dir(p.content), "kept") // which nobody removes
		return errors.Join(fmt.Errorf("%s: %w; it is %s now, since it could not be put back: %w", p.target, ErrFileExists, kept, err),
			os.Rename(p.content, kept))
	}
	return placed(p.target, fs.ErrExist)
}
