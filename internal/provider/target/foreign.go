// SPDX-License-Identifier: MPL-2.0

package target

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/predestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Foreign leaves, of what keeps an image, a snapshot or a namespace from being
// removed, that which no resource of this provider made: all else goes first, in
// the order of the references or since what is destroyed waits for it. It is nil
// where nothing is left.
func Foreign(ctx context.Context, d *providerdata.Data, err error) error {
	all := []error{err} // what DeleteImage joins is not wrapped
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	var left []error
	for _, e := range all {
		var snaps *rbd.SnapshotsError
		var children *rbd.ChildrenError
		var mirrored *rbd.MirroredError
		switch {
		case errors.As(e, &mirrored) && mirrored.Managed && mirrored.Primary:
		case errors.As(e, &snaps):
			left = append(left, foreignSnapshots(ctx, d, snaps))
		case errors.As(e, &children):
			if c := foreignChildren(ctx, d, children.Children); len(c) > 0 {
				left = append(left, &rbd.ChildrenError{Spec: children.Spec, Children: c})
			}
		default:
			return err
		}
	}
	return errors.Join(left...)
}

// Ours tells of an error whether all that keeps something from being removed was
// made by resources of this provider, or is this process at work.
func Ours(ctx context.Context, d *providerdata.Data) func(error) bool {
	return func(err error) bool {
		return Foreign(ctx, d, err) == nil || d.Ceph.OnlyThisProcess(ctx, err)
	}
}

// errNotHere says that nothing in the plan at hand has a snapshot.
var errNotHere = errors.New("made by this provider, and yet nothing in this plan has it")

// checkHere refuses to destroy an image with snapshots of ours that nothing in
// the plan at hand has, since nothing would destroy these first.
//
// That can be told only while all is being destroyed. In a plan of a configuration,
// an image whose key was taken out of for_each is planned before what refers to it:
// a snapshot of the same key is still to come, and whether it comes only the apply
// can tell. `terraform destroy` makes such a plan, too, before its own.
func checkHere(ctx context.Context, err error) error {
	var e *rbd.SnapshotsError
	if !errors.As(err, &e) || !predestroy.Destroys() {
		return nil
	}
	var missing []string
	for _, s := range e.Snapshots {
		if s.Kind == rbd.UserSnapshot && e.Image.OwnsSnapshot(s.Name) && providerdata.Missing(ctx, e.Image.FSID, providerdata.SnapshotID(e.Image.ID, s.ID)) {
			missing = append(missing, e.Spec.WithSnapshot(s.Name).String())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("snapshot %s: %w", strings.Join(missing, ", "), errNotHere)
}

func foreignSnapshots(ctx context.Context, d *providerdata.Data, e *rbd.SnapshotsError) error {
	out := &rbd.SnapshotsError{Spec: e.Spec, Image: e.Image, Children: foreignChildren(ctx, d, e.Children)}
	for _, s := range e.Snapshots {
		// Without a clone nothing will take one in the trash namespace away.
		goes := len(e.Children) > 0 && len(out.Children) == 0
		if s.Kind != rbd.TrashSnapshot {
			goes = e.Image.OwnsSnapshot(s.Name)
		}
		if !goes {
			out.Snapshots = append(out.Snapshots, s)
		}
	}
	if len(out.Snapshots) == 0 {
		return nil
	}
	return fmt.Errorf("%w; none of them is managed by this provider", out)
}

func foreignChildren(ctx context.Context, d *providerdata.Data, all []rbd.Child) (out []rbd.Child) {
	for _, c := range all {
		img, err := d.Ceph.FindImage(ctx, c.Spec, c.ID)
		if !errors.Is(err, rbd.ErrImageNotFound) && (err != nil || !img.Ours() && !d.Ceph.Leftover(img)) {
			out = append(out, c)
		}
	}
	return out
}
