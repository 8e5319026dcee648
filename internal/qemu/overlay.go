// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// CreateOverlay makes a qcow2 file at path whose backing is a raw image in RBD:
// `qemu-img create -f qcow2 -F raw -b …`. What is written to it leaves the image
// as it is.
func CreateOverlay(ctx context.Context, path string, backing RBD, env []string) error {
	name, err := Source{RBD: &backing, Format: "raw"}.filename()
	if err != nil {
		return err
	}
	_, err = command.Run(ctx, command.Spec{
		Name:   "qemu-img",
		Args:   []string{"create", "-q", "-f", "qcow2", "-F", "raw", "-b", name, path},
		Env:    env,
		Limits: convertLimits,
	})
	if err != nil {
		return fmt.Errorf("make an overlay of %s/%s: %w", backing.Pool, backing.Image, err)
	}
	return nil
}

// CommitOverlay writes what the overlay at path holds into the device that an
// NBD server gives on a socket with this name in the overlay's folder: `qemu-img
// commit -d`, after `qemu-img rebase -u`. The device must read as the backing
// does. When it is cut off, the device is neither old nor new.
func CommitOverlay(ctx context.Context, path, socket string, env []string) error {
	for _, args := range [][]string{
		// The name is relative, as the path of a socket can't be long.
		{"rebase", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "nbd+unix:///?socket=" + socket, path},
		{"commit", "-q", "-d", "-f", "qcow2", "-t", "writeback", path},
	} {
		_, err := command.Run(ctx, command.Spec{Name: "qemu-img", Args: args, Env: env, Limits: convertLimits, Dir: filepath.Dir(path)})
		if err != nil {
			return fmt.Errorf("commit an overlay: %w", err)
		}
	}
	return nil
}
