// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Compare compares the edits with the guest of an image, in an appliance where
// nothing else will do. It returns, by the path, what does not hold, without
// showing content, which may be secret. The content of secrets need not be known.
//
// Errors: as of Do.
func Compare(ctx context.Context, b guestoverlay.Backends, img rbd.Image, tree guest.Tree, edits []Edit) (unmet map[string][]string, err error) {
	findKeys(img, edits)
	pending, err := job{Backends: b, spec: img.Spec, tree: tree, edits: edits}.inspect(ctx)
	if err != nil {
		return nil, err
	}
	unmet = map[string][]string{}
	for _, p := range pending {
		unmet[p.Path] = p.Unmet
	}
	return unmet, nil
}

// CheckWindows refuses, at plan time, what can't be on an NTFS, where the guest is
// a Windows.
//
// Errors: guestfs.ErrNoModes, ErrSamePath, those of rbd.OpenReader.
func CheckWindows(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, tree guest.Tree, edits []Edit) (err error) {
	refusal := checkWindows(edits)
	if refusal == nil {
		return nil
	}
	disk, err := b.Ceph.OpenReader(ctx, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	is, err := guestread.IsNTFS(disk, disk.Size(), tree.RootDevice())
	if is {
		return refusal
	}
	return err
}

// CheckPossible refuses, at plan time, what the guest, as it is now, stands
// against: a folder that is missing, a link on the way, a folder where a file
// should be. Where only an appliance can read the guest, the apply finds out.
//
// Errors: as of Do.
func CheckPossible(ctx context.Context, b guestoverlay.Backends, spec rbd.Spec, tree guest.Tree, edits []Edit) error {
	pending, _, err := job{Backends: b, spec: spec, tree: tree, edits: edits}.inspectDirect(ctx)
	switch {
	case err == nil:
		return reasons(pending)
	case OfGuest(err) && (!errors.Is(err, guestread.ErrUnsupported) || errors.Is(err, guestread.ErrPacked)):
		return err
	case errors.Is(err, guestread.ErrUnsupported), errors.Is(err, rbd.ErrInUse):
		return nil // the apply says it, where it is still so
	}
	return err
}

// OfGuest tells whether an error is about what is in the guest.
func OfGuest(err error) bool {
	return guestinspect.OfGuest(err) || errors.Is(err, ErrMissing) || errors.Is(err, ErrType) || errors.Is(err, ErrOther) || errors.Is(err, ErrSamePath)
}
