package fileedit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/look"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// job is a set of edits of one image.
type job struct {
	data  *providerdata.Data
	spec  rbd.Spec
	tree  guest.Tree
	edits []edit
}

// peek compares the edits with the guest without an appliance. It returns the
// root device it found, and guestread.ErrUnsupported where it can't be sure.
func (j job) peek(ctx context.Context) (pending []outcome, root string, err error) {
	err = look.Peek(ctx, j.data, j.spec, j.tree, func(r look.Reader) (err error) {
		root = r.RootDevice()
		pending, err = examine(r, j.edits)
		return err
	})
	return pending, root, err
}

// look compares the edits with the guest, in an appliance where nothing else
// will do. It changes nothing.
func (j job) look(ctx context.Context) (pending []outcome, err error) {
	err = look.Look(ctx, j.data, j.spec, j.tree, func(r look.Reader) (err error) {
		pending, err = examine(r, j.edits)
		return err
	})
	return pending, err
}

// run makes the edits hold, all of them or none.
func (j job) run(ctx context.Context, imageID string) error {
	tree, sure := j.tree, false
	return change.Change{
		Needed: func(ctx context.Context) (bool, error) {
			pending, found, err := j.peek(ctx)
			tree.Root = cmp.Or(found, tree.Root)
			if errors.Is(err, guestread.ErrUnsupported) {
				return true, nil
			}
			if err == nil {
				err = impossible(pending)
			}
			sure = true
			return len(pending) > 0, err
		},
		Make: func(ctx context.Context, o *change.Overlay) (bool, error) { return j.edit(ctx, o, tree) },
		Verify: func(ctx context.Context) error {
			if !sure {
				return nil // that would take another appliance
			}
			return j.verify(ctx)
		},
	}.Run(ctx, j.data, j.spec, imageID)
}

// verify looks at the result in the image itself.
func (j job) verify(ctx context.Context) error {
	pending, _, err := j.peek(ctx)
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
func (j job) edit(ctx context.Context, o *change.Overlay, tree guest.Tree) (bool, error) {
	s, err := o.LaunchTree(ctx, j.data.Guests, tree)
	if err != nil {
		return false, err
	}
	defer s.Abort()
	pending, err := examine(look.Appliance(ctx, s, tree.RootDevice()), j.edits)
	if err == nil {
		err = impossible(pending)
	}
	if err != nil || len(pending) == 0 {
		return false, err
	}
	for _, p := range pending {
		tflog.Info(ctx, "editing a file in the guest", map[string]any{"image": j.spec.String(), "path": p.Path, "unmet": p.Unmet})
		if err := p.apply(ctx, s); err != nil {
			return false, fmt.Errorf("edit %s: %w", p.Path, err)
		}
	}
	if pending, err = examine(look.Appliance(ctx, s, tree.RootDevice()), j.edits); err != nil {
		return false, err
	}
	if len(pending) > 0 {
		return false, fmt.Errorf("%s: %w: %s", pending[0].Path, errUnsettled, pending[0].Unmet[0])
	}
	return true, s.Close(ctx)
}
