package qemuimg

import (
	"context"
	"fmt"

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

// CommitOverlay writes what the overlay holds into its backing: `qemu-img
// commit -d`. When it is cut off, the backing is neither old nor new.
func CommitOverlay(ctx context.Context, path string, env []string) error {
	_, err := command.Run(ctx, command.Spec{
		Name:   "qemu-img",
		Args:   []string{"commit", "-q", "-d", "-f", "qcow2", "-t", "writeback", path},
		Env:    env,
		Limits: convertLimits,
	})
	if err != nil {
		return fmt.Errorf("commit an overlay: %w", err)
	}
	return nil
}
