// SPDX-License-Identifier: MPL-2.0

package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// noteName is the extended attribute that a file has from its writing on.
const noteName = "user.terraform-provider-rbd.export"

// note says for which state a file was written, and of what. Terraform may have
// a replacement written before it has the old file removed; either must tell
// which of the two is there.
type note struct {
	State string `json:"state"`
	// Run is the one that wrote the file, until a state is known to have it.
	Run string `json:"run,omitempty"`
	// Replaced tells that a plan replaces the file, which the state had when that
	// was made: applying such a plan, nothing else tells it from a file that was
	// taken out of the state.
	Replaced bool   `json:"replaced,omitempty"`
	File     string `json:"file"` // a copy of it elsewhere is somebody's
	Revision string `json:"revision"`
	// SizeBytes and Modified are those of the file when it was written.
	SizeBytes int64     `json:"size_bytes"`
	Modified  time.Time `json:"modified"`
}

// Owner is on whose behalf files are written.
type Owner struct {
	Run rbd.Run
	// Running tells whether a run is known to be still at work; nil knows of none.
	Running func(id string) bool
}

var (
	// ErrOtherState says that a run of another state wrote the file.
	ErrOtherState = fmt.Errorf("%w: a run of another state wrote it", ErrFileExists)
	// ErrNotInState says that the state had the file.
	ErrNotInState = fmt.Errorf("%w: this state had it, and does not now or was not refreshed", ErrFileExists)
	// ErrThisRun says that another resource of the run wrote the file.
	ErrThisRun = fmt.Errorf("%w: another resource of this run wrote it", ErrFileExists)
)

// write puts the note on a file, which may have another name still. Not all
// file systems can.
func (n note) write(at string) error {
	b, err := json.Marshal(n)
	if err == nil {
		err = hostfile.SetAttribute(at, noteName, b)
	}
	if errors.Is(err, syscall.EACCES) {
		err = withWriting(at, func() error { return hostfile.SetAttribute(at, noteName, b) })
	}
	if errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark %s: %w", at, err)
	}
	return nil
}

// withWriting lets the owner of a file that nobody may write change its note.
func withWriting(file string, do func() error) (err error) {
	fi, err := lstat(file)
	if err != nil {
		return err
	}
	if err := os.Chmod(file, fi.Mode().Perm()|0o200); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Chmod(file, fi.Mode().Perm())) }()
	return do()
}

// readNote reads the note of a file that is as it was written; ok is false for
// any other.
func readNote(file string) (n note, fi fs.FileInfo, ok bool) {
	fi, err := lstat(file)
	if err != nil {
		return n, nil, false
	}
	b := make([]byte, 16<<10)
	size, err := hostfile.Attribute(file, noteName, b)
	if err != nil || json.Unmarshal(b[:size], &n) != nil {
		return n, nil, false
	}
	return n, fi, n.SizeBytes == fi.Size() && n.Modified.Equal(fi.ModTime()) && n.File == file
}

// readOwn is readNote for a file of this state.
func (o Owner) readOwn(file string) (n note, fi fs.FileInfo, ok bool) {
	n, fi, ok = readNote(file)
	return n, fi, ok && n.State == o.Run.State
}

// replaceable tells whether a file may be replaced: one that a run of this state
// wrote and was cut off, or that a plan of this state replaces. It says why not.
//
// Errors: ErrFileExists, ErrOtherState, ErrNotInState, ErrThisRun, rbd.ErrOtherRun.
func (o Owner) replaceable(file string) (fs.FileInfo, error) {
	n, fi, ok := readNote(file)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w", file, ErrFileExists)
	case n.State == o.Run.State && n.Replaced:
		return fi, nil
	case n.State == o.Run.State && n.Run == "":
		return nil, fmt.Errorf("%s: %w", file, ErrNotInState)
	}
	err := o.Run.Takes(rbd.Run{State: n.State, ID: n.Run}, o.Running)
	switch {
	case errors.Is(err, rbd.ErrOtherState):
		err = ErrOtherState
	case errors.Is(err, rbd.ErrThisRun):
		err = ErrThisRun
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return fi, err
}

// NoteReplaced notes that a plan replaces a file of this state.
func (o Owner) NoteReplaced(file string) error {
	n, _, ok := o.readOwn(file)
	if !ok || n.Replaced {
		return nil
	}
	n.Run, n.Replaced = "", true
	return n.write(file)
}

// Settle notes that the state has the file which this run has written.
func (o Owner) Settle(file string) error {
	n, _, ok := o.readOwn(file)
	if !ok || n.Run != o.Run.ID {
		return nil
	}
	n.Run = ""
	return n.write(file)
}

// claim notes that the state has a file, also one that was imported, or written
// before the state was moved.
func (o Owner) claim(file, revision string, fi fs.FileInfo) error {
	want := note{State: o.Run.State, File: file, Revision: revision, SizeBytes: fi.Size(), Modified: fi.ModTime()}
	if now, _, ok := o.readOwn(file); ok && now.Run == "" && !now.Replaced && now.Revision == want.Revision {
		return nil
	}
	err := want.write(file)
	if errors.Is(err, fs.ErrPermission) {
		return nil // it is somebody's who lets us read it
	}
	return err
}

// disown takes the note off a file that is to stay.
func (o Owner) disown(file string) error {
	if _, _, ok := o.readOwn(file); !ok {
		return nil
	}
	err := hostfile.RemoveAttribute(file, noteName)
	if errors.Is(err, syscall.EACCES) {
		err = withWriting(file, func() error { return hostfile.RemoveAttribute(file, noteName) })
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODATA) {
		return nil
	}
	return err
}

// sameFile tells whether a file still is the one that was inspected.
func sameFile(file string, was fs.FileInfo) bool {
	now, err := os.Lstat(file)
	return err == nil && os.SameFile(was, now) && now.Size() == was.Size() && now.ModTime().Equal(was.ModTime())
}
