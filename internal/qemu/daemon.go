// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// ErrNoExport says that this machine can't show an overlay as files: there is no
// qemu-storage-daemon, no FUSE, or no right to mount.
var ErrNoExport = errors.New("an overlay can't be exported over FUSE here")

// daemon is the program that exports overlays.
const daemon = "qemu-storage-daemon"

// daemonPoll is how often a starting daemon is looked at.
const daemonPoll = 5 * time.Millisecond

// Part is a piece of a disk, in bytes.
type Part struct{ Start, Size int64 }

// FileExport is an overlay that is shown as files: regular ones, which the tools of
// file systems take for a device, and get open.
type FileExport struct {
	// Disk is the whole disk. It is only read where a part is exported.
	Disk *os.File
	// Part is open for reading and writing; nil where none was asked for.
	Part *os.File

	process *command.Process
}

// ExportOverlay shows the overlay at path, and a part of it, as files, as
// `qemu-storage-daemon --export type=fuse` does. No two files can be written to at
// the same time. Nobody but the user of this process sees them, and only by way of
// the daemon: they are gone with it. dir is a private directory.
//
// Errors: ErrNoExport.
func ExportOverlay(ctx context.Context, path, dir string, env []string, part *Part) (_ *FileExport, err error) {
	up := filepath.Join(dir, "exported")
	if err := os.Remove(up); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return nil, err
	}
	disk, piece, trial := filepath.Join(dir, "disk"), filepath.Join(dir, "part"), filepath.Join(dir, "trial")
	for _, mount := range []string{disk, piece, trial} {
		if err := os.WriteFile(mount, nil, 0o600); err != nil {
			return nil, err
		}
	}
	args := []string{
		// Where FUSE is missing the daemon ends here, before it has opened the image
		// below the overlay: it would leave its watch on that, which then looks as if
		// it were in use.
		"--blockdev", options([][2]string{{"driver", "null-co"}, {"node-name", "trial"}, {"size", "512"}, {"read-zeroes", "on"}}...),
		"--export", fuse("trial", trial, false),
		"--blockdev", options([][2]string{{"driver", "file"}, {"node-name", "file"}, {"filename", path}}...),
		// What a crash of the machine takes away is thrown away in any case.
		"--blockdev", options([][2]string{{"driver", "qcow2"}, {"node-name", "disk"}, {"file", "file"}, {"cache.no-flush", "on"}}...),
		"--export", fuse("disk", disk, part == nil),
	}
	if part != nil {
		args = append(args, "--blockdev", options([][2]string{
			{"driver", "raw"}, {"node-name", "part"}, {"file", "disk"},
			{"offset", strconv.FormatInt(part.Start, 10)}, {"size", strconv.FormatInt(part.Size, 10)},
		}...), "--export", fuse("part", piece, true))
	}
	e := &FileExport{}
	e.process, err = command.Start(ctx, command.Spec{
		// It writes this file when all exports are there.
		Name: daemon, Args: append(args, "--pidfile", up), Env: env, Dir: dir, OwnMounts: true, Grace: grace,
	})
	if err != nil {
		return nil, noExport(ctx, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(noExport(ctx, err), e.Close())
		}
	}()
	if err := e.await(ctx, up); err != nil {
		return nil, err
	}
	if e.Disk, err = e.open(disk, part == nil); err == nil && part != nil {
		e.Part, err = e.open(piece, true)
	}
	return e, err
}

// fuse is an export of a node.
func fuse(node, mount string, writable bool) string {
	return options([][2]string{
		{"type", "fuse"}, {"id", "fuse-" + node}, {"node-name", node}, {"mountpoint", mount},
		{"writable", map[bool]string{true: "on", false: "off"}[writable]}, {"allow-other", "off"},
	}...)
}

// open opens a file that only the daemon has mounted.
func (e *FileExport) open(mount string, writable bool) (*os.File, error) {
	flag := os.O_RDONLY
	if writable {
		flag = os.O_RDWR
	}
	return os.OpenFile(filepath.Join("/proc", strconv.Itoa(e.process.PID()), "root", mount), flag, 0)
}

func noExport(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNoExport, err)
}

// await waits until the daemon has written the file up.
func (e *FileExport) await(ctx context.Context, up string) error {
	for {
		// The daemon looks for it once more, and removes it in the end.
		if _, err := os.Stat(up); err == nil {
			return nil
		}
		select {
		case <-e.process.Done():
			if err := e.process.Wait(); err != nil {
				return err
			}
			return errors.New("qemu-storage-daemon ended by itself")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(daemonPoll):
		}
	}
}

// Close writes everything to the overlay, and ends the export.
func (e *FileExport) Close() error {
	var errs []error
	for _, f := range []*os.File{e.Disk, e.Part} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	e.Disk, e.Part = nil, nil
	e.process.End()
	err := e.process.Wait()
	return errors.Join(append(errs, err)...)
}
