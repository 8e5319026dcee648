// SPDX-License-Identifier: MPL-2.0

// Package disktools runs the tools of this machine on the disk of a guest: those of
// e2fsprogs on an ext4, and sfdisk on a partition table. They take tenths of a
// second where an appliance has to be started first.
//
// The disk is a file that the tool gets open, and nobody vouches for what is on it:
// each tool has limits of time and memory, no network, and no right beyond those of
// its user. What a tool has done is believed only after Check.
package disktools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// ErrUnclean says that a file system has faults.
var ErrUnclean = errors.New("the file system has faults")

// limits are ample: e2fsck takes five seconds and 90 MiB for an empty ext4 of 8 TiB.
var limits = command.Limits{CPU: 5 * time.Minute, AddressSpace: 2 << 30}

// run runs a tool with files; "%" among its arguments is the first, the disk.
func run(ctx context.Context, files []*os.File, name string, args ...string) (command.Result, error) {
	for i, a := range args {
		if a == "%" {
			args[i] = command.FilePath(0)
		}
	}
	return command.Run(ctx, command.Spec{
		Name: tool(name), Args: args, Dir: "/", Files: files, Limits: limits, Confined: true,
	})
}

// tool finds a program that Debian does not keep on the PATH of its users.
func tool(name string) string {
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
		if _, err := os.Stat(dir + name); err == nil {
			return dir + name
		}
	}
	return name
}

// Check looks for faults of an ext4, and changes nothing: `e2fsck -fn`.
//
// Errors: ErrUnclean.
func Check(ctx context.Context, ext4 *os.File) error {
	_, err := run(ctx, []*os.File{ext4}, "e2fsck", "-fn", "%")
	return unclean(err)
}

// Repair mends what can be mended for sure, and replays the journal: `e2fsck -fp`.
//
// Errors: ErrUnclean, where that is not all.
func Repair(ctx context.Context, ext4 *os.File) error {
	_, err := run(ctx, []*os.File{ext4}, "e2fsck", "-fp", "%")
	const mended = 1
	if failed := new(command.Error); errors.As(err, &failed) && failed.ExitCode == mended {
		return nil
	}
	return unclean(err)
}

func unclean(err error) error {
	const notMended = 4 // as a bit
	if failed := new(command.Error); errors.As(err, &failed) && failed.ExitCode > 0 && failed.ExitCode&notMended != 0 {
		return fmt.Errorf("%w: %w", ErrUnclean, err)
	}
	return err
}

// Resize has an ext4 fill its device: `resize2fs`. It has to be clean.
func Resize(ctx context.Context, ext4 *os.File) error {
	_, err := run(ctx, []*os.File{ext4}, "resize2fs", "%")
	return err
}

// sector is the unit of partition tables, in bytes.
const sector = 512

// ResizePartition has a partition end elsewhere, and leaves all else of it: `sfdisk
// -N`. sizeBytes is in whole sectors. A GPT's second table moves to the end of the
// disk by itself.
func ResizePartition(ctx context.Context, disk *os.File, number int, sizeBytes int64) error {
	_, err := command.Run(ctx, command.Spec{
		Name: tool("sfdisk"),
		Args: []string{"--lock=no", "--no-reread", "--no-tell-kernel", "--wipe", "never", "--wipe-partitions", "never",
			"-N", strconv.Itoa(number), command.FilePath(0)},
		Stdin:  strings.NewReader("," + strconv.FormatInt(sizeBytes/sector, 10) + "\n"),
		Files:  []*os.File{disk},
		Dir:    "/",
		Limits: limits, Confined: true,
	})
	return err
}

// Version is what one of the tools says that its version is; empty where it says none.
func Version(ctx context.Context, name string) string {
	argument := "-V"
	if name == "sfdisk" {
		argument = "--version"
	}
	return command.Version(ctx, tool(name), argument)
}
