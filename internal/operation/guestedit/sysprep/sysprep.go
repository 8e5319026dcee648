// SPDX-License-Identifier: MPL-2.0

// Package sysprep clears the guest of an image, with virt-sysprep, of what belongs
// to the machine that it was taken from.
package sysprep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
)

const program = "virt-sysprep"

// ErrUnknown says that virt-sysprep has no operation of this name.
var ErrUnknown = errors.New("virt-sysprep has no such operation")

// Defaults is virt-sysprep's own name of what it does by default.
const Defaults = "defaults"

// customize is the operation that does the work of virt-customize, of which there
// is none here. What it does all the same, it does to all clones alike: the one
// of libguestfs 1.48 gives them the same machine id and random seed.
const customize = "customize"

// Job is what is to be done to a guest.
type Job struct {
	// Operations are what is done, Disabled what is not done of these.
	Operations, Disabled []string
	// Triggers are values whose change has it done again.
	Triggers map[string]string
}

// Request is a job for the guest of one image.
type Request struct {
	Image guestedit.ImageRef
	// Planned is the revision that was planned; empty where it was not known.
	Planned string
	Job     Job
}

// performing is virt-sysprep's message when it begins an operation.
var performing = regexp.MustCompile(`^Performing "([^"]+)"`)

// Do does the job, as a whole or not at all. The messages of the result are the
// names of the operations that were performed, in order.
//
// Errors: guestfs.ErrTool, those of guestedit.Once.Do.
func Do(ctx context.Context, b guestoverlay.Backends, r Request) (guestedit.Done, error) {
	return guestedit.Once{
		Image: r.Image, Planned: r.Planned, Inputs: r.Job.Inputs(), Step: "rbd_guest_sysprep",
		Work: func(ctx context.Context, o *guestoverlay.Overlay) (performed []string, err error) {
			messages, err := o.RunTool(ctx, guestfs.Tool{Name: program, Args: []string{"--operations", r.Job.argument(), "--no-network"}})
			for _, m := range messages {
				if p := performing.FindStringSubmatch(m); p != nil {
					performed = append(performed, p[1])
				}
			}
			return performed, err
		},
	}.Do(ctx, b)
}

// Inputs are what the result depends on.
func (j Job) Inputs() any { return []any{j.argument(), j.Triggers} }

// argument is that of virt-sysprep's --operations.
func (j Job) argument() string {
	on, off := slices.Clone(j.Operations), slices.Clone(j.Disabled)
	slices.Sort(on)
	// "defaults" must come first: an operation that is taken away is taken away
	// from what stands before it.
	if i := slices.Index(on, Defaults); i > 0 {
		on = slices.Insert(slices.Delete(on, i, i+1), 0, Defaults)
	}
	if slices.Contains(on, Defaults) && !slices.Contains(on, customize) && !slices.Contains(off, customize) {
		off = append(off, customize)
	}
	slices.Sort(off)
	for _, name := range off {
		on = append(on, "-"+name)
	}
	return strings.Join(on, ",")
}

// CheckNames refuses, at plan time, operations that do not exist. Where the
// program is not installed, as on a machine that only plans, the apply will say
// so.
//
// Errors: ErrUnknown, those of guestfs.Operations.
func CheckNames(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	all, err := guestfs.Operations(ctx)
	if errors.Is(err, command.ErrNotInstalled) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		if _, ok := all[n]; !ok && n != Defaults {
			return fmt.Errorf("%w: %q; it has %s", ErrUnknown, n, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		}
	}
	return nil
}
