// SPDX-License-Identifier: MPL-2.0

// Package fileedit makes files in the guest of an image what they must be: all of
// the edits hold, or the image stays as it was.
package fileedit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Request is a set of edits of the guest of one image.
type Request struct {
	Image guestedit.ImageRef
	// Tree are the file systems of the guest; empty has them found by inspection.
	Tree  guest.Tree
	Edits []Edit
	// Forget are paths of files that had a Secret before, and have none any more.
	Forget []string
}

// Result is where the edits hold.
type Result struct {
	Spec              rbd.Spec
	ImageID, Revision string
	// Prints are those of the secrets, by the paths of their files.
	Prints map[string]Print
}

// Do makes the edits hold, all of them or none. Where they do already, nothing is
// started.
//
// Errors: those of guestedit.ImageRef.Find and Change.Run, those of this package,
// and those that OfGuest tells.
func Do(ctx context.Context, b guestoverlay.Backends, r Request) (Result, error) {
	img, err := r.Image.Find(ctx, b.Ceph)
	if err != nil {
		return Result{}, err
	}
	revision := Revision(img.ID, r.Edits)
	j := job{Backends: b, spec: img.Spec, tree: r.Tree, edits: r.Edits}
	findKeys(img, r.Edits)
	if err := j.run(ctx, img.ID, Step(revision)); err != nil {
		return Result{}, err
	}
	prints, err := notePrints(ctx, b.Ceph, img, r.Edits)
	if err == nil {
		err = Forget(ctx, b.Ceph, img, r.Forget)
	}
	if err != nil {
		return Result{}, err
	}
	return Result{Spec: img.Spec, ImageID: img.ID, Revision: revision, Prints: prints}, nil
}

// StepName begins the word by which edits are noted on the image.
const StepName = "rbd_guest_file_edit"

// Step is the word by which edits of this revision are noted on the image.
func Step(revision string) string { return StepName + "/" + revision }

// job is a set of edits of one image.
type job struct {
	guestoverlay.Backends
	spec  rbd.Spec
	tree  guest.Tree
	edits []Edit
}

// inspectDirect compares the edits with the guest without an appliance. It returns
// the root device it found, and guestread.ErrUnsupported where it can't be sure.
func (j job) inspectDirect(ctx context.Context) (pending []outcome, root string, err error) {
	err = guestinspect.Direct(ctx, j.Backends, j.spec, j.tree, func(r guestinspect.Reader) (err error) {
		root = r.RootDevice()
		pending, err = examine(r, j.edits)
		return err
	})
	return pending, root, err
}

// inspect compares the edits with the guest, in an appliance where nothing else
// will do. It changes nothing.
func (j job) inspect(ctx context.Context) (pending []outcome, err error) {
	err = guestinspect.Read(ctx, j.Backends, j.spec, j.tree, func(r guestinspect.Reader) (err error) {
		pending, err = examine(r, j.edits)
		return err
	})
	return pending, err
}

// run makes the edits hold, and notes them on the image by the word step.
func (j job) run(ctx context.Context, imageID, step string) error {
	tree, sure := j.tree, false
	var reason error // for an appliance
	return guestedit.Change{
		Step: step, Arguments: withoutSecrets(j.edits),
		Needed: func(ctx context.Context, spec rbd.Spec) (bool, error) {
			at := j
			at.spec = spec
			pending, found, err := at.inspectDirect(ctx)
			tree.Root = cmp.Or(found, tree.Root)
			if errors.Is(err, guestread.ErrUnsupported) && !errors.Is(err, guestread.ErrPacked) {
				reason = err
				return true, nil
			}
			if err == nil {
				err = reasons(pending)
			}
			sure = true
			return len(pending) > 0, err
		},
		Make: func(ctx context.Context, o *guestoverlay.Overlay) (bool, error) {
			if sure {
				var changed bool
				if changed, reason = j.editDirect(ctx, o, tree); !errors.Is(reason, errIndirect) || ctx.Err() != nil {
					return changed, reason
				}
				if err := o.Empty(ctx); err != nil {
					return false, err
				}
			}
			j.Info(ctx, "editing in an appliance", map[string]any{"image": j.spec.String(), "reason": reason.Error()})
			changed, err := j.edit(ctx, o, tree)
			if errors.Is(reason, guestread.ErrUnsupported) {
				err = guestinspect.Explained(err, reason)
			}
			return changed, err
		},
		Verify: func(ctx context.Context) error {
			if !sure {
				return nil // that would take another appliance
			}
			return j.verify(ctx)
		},
	}.Run(ctx, j.Backends, j.spec, imageID)
}

// verify reads the result in the image itself.
func (j job) verify(ctx context.Context) error {
	pending, _, err := j.inspectDirect(ctx)
	if err != nil {
		return fmt.Errorf("look at the result: %w", err)
	}
	if len(pending) > 0 {
		return fmt.Errorf("%s after the edit: %s", pending[0].Path, pending[0].Unmet[0])
	}
	return nil
}

// edit makes the edits hold in the overlay. It returns false where they did so
// before.
func (j job) edit(ctx context.Context, o *guestoverlay.Overlay, tree guest.Tree) (bool, error) {
	s, err := o.LaunchTree(ctx, tree)
	if err != nil {
		return false, err
	}
	defer s.Abort()
	pending, err := examine(guestinspect.Appliance(ctx, s, tree.RootDevice()), j.edits)
	if err == nil {
		err = reasons(pending)
	}
	if err != nil || len(pending) == 0 {
		return false, err
	}
	for _, p := range pending {
		j.Info(ctx, "editing a file in the guest", map[string]any{"image": j.spec.String(), "path": p.Path, "unmet": p.Unmet})
		p.noteWrite()
		if err := p.apply(ctx, s); err != nil {
			return false, fmt.Errorf("edit %s: %w", p.Path, err)
		}
	}
	if pending, err = examine(guestinspect.Appliance(ctx, s, tree.RootDevice()), j.edits); err != nil {
		return false, err
	}
	if len(pending) > 0 {
		return false, fmt.Errorf("%s: %w: %s", pending[0].Path, ErrUnsettled, pending[0].Unmet[0])
	}
	return true, s.Close(ctx)
}
