// SPDX-License-Identifier: MPL-2.0

// Package customization changes the guest of an image with virt-customize.
package customization

import (
	"context"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
)

// virt-customize gives a guest whose machine id is empty one of its own, as some
// packages need one; all that is cloned from the image would have the same.
const (
	machineID        = "/etc/machine-id"
	filledMachineID  = "Setting the machine ID in " + machineID
	emptiedMachineID = "Truncating: " + machineID
)

// Request is a job for the guest of one image.
type Request struct {
	Image guestedit.ImageRef
	// Planned is the revision that was planned; empty where it was not known.
	Planned  string
	Job      Job
	Password string // of root; empty leaves it alone
}

// Do does the job, as a whole or not at all. The messages of the result are
// virt-customize's.
//
// Errors: ErrLocal, ErrPackages, guestfs.ErrTool, those of guestedit.Once.Do.
func Do(ctx context.Context, b guestoverlay.Backends, r Request) (guestedit.Done, error) {
	inputs, err := r.Job.Inputs()
	if err != nil {
		return guestedit.Done{}, err
	}
	return guestedit.Once{
		Image: r.Image, Planned: r.Planned, Inputs: inputs, Step: "rbd_guest_customization",
		Work: func(ctx context.Context, o *guestoverlay.Overlay) ([]string, error) {
			return r.Job.work(ctx, b, o, r.Password)
		},
	}.Do(ctx, b)
}

// work runs virt-customize on the overlay. A machine id that was empty is empty
// again at the end: in the same run where that is known before, else in one more.
func (j Job) work(ctx context.Context, b guestoverlay.Backends, o *guestoverlay.Overlay, password string) ([]string, error) {
	own := slices.Contains(slices.Concat(j.Delete, j.Truncate), machineID)
	known := !own && emptyMachineID(ctx, b, o)
	if known {
		j.Truncate = append(slices.Clone(j.Truncate), machineID)
	}
	t, err := j.tool(o.Dir, password)
	defer closeAll(t.Files)
	if err != nil {
		return nil, err
	}
	said, err := o.RunTool(ctx, t)
	if err == nil && !own && !known && slices.Contains(said, filledMachineID) {
		_, err = o.RunTool(ctx, guestfs.Tool{Name: program, Args: []string{"--no-network", "--no-logfile", "--truncate", machineID}})
	}
	return slices.DeleteFunc(said, func(m string) bool {
		return strings.HasPrefix(m, "Running: mark-") || known && m == emptiedMachineID
	}), err
}

// emptyMachineID tells whether the machine id of the guest is empty for sure.
func emptyMachineID(ctx context.Context, b guestoverlay.Backends, o *guestoverlay.Overlay) (empty bool) {
	err := guestinspect.Direct(ctx, b, o.Spec, guest.Tree{}, func(r guestinspect.Reader) error {
		info, err := r.Lstat(machineID)
		empty = err == nil && info.Type == guest.Regular && info.Size == 0
		return err
	})
	return err == nil && empty
}
