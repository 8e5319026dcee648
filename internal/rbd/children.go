// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// ErrChildrenUnknown says that the user's caps do not let it look for children:
// librbd reads an object of every pool for that.
var ErrChildrenUnknown = errors.New("the children can't be listed")

// ErrGuarded says that a guard or an alias of an image in Glance is among the
// children.
var ErrGuarded = errors.New("what an image in Glance is registered of is guarded")

// Child is a clone of a snapshot.
type Child struct {
	Spec  Spec
	ID    string
	Trash bool
}

func (c Child) String() string {
	if c.Trash {
		return fmt.Sprintf("%s (in the trash, id %s)", c.Spec, c.ID)
	}
	if c.temporary() {
		return fmt.Sprintf("%s (the temporary image of a run that is at work, or was cut off)", c.Spec)
	}
	if kind, record := c.guardOf(); record != "" {
		return fmt.Sprintf("%s (the %s of Glance image %q)", c.Spec, kind, record)
	}
	return c.Spec.String()
}

// guardOf tells for which image in Glance the clone was made, going by its name,
// and as what.
func (c Child) guardOf() (kind, record string) {
	if m := guardName.FindStringSubmatch(c.Spec.Image); m != nil {
		return m[1], m[2]
	}
	return "", ""
}

// temporary tells whether the clone has the name that one has while it is made.
func (c Child) temporary() bool { return !c.Trash && strings.HasSuffix(c.Spec.Image, pendingSuffix) }

func (c Child) guards() bool {
	_, record := c.guardOf()
	return record != ""
}

// Children is `rbd children --all SPEC`: the clones of a snapshot in all pools
// and namespaces, those in the trash too.
func (c *Cluster) Children(ctx context.Context, spec Spec) ([]Child, error) {
	var out []Child
	err := c.withImage(ctx, spec, readOnly, func(img *librbd.Image) error {
		var err error
		out, err = listChildren(img, spec)
		return err
	})
	return out, err
}

// childrenOf leaves the image set to no snapshot.
func childrenOf(img *librbd.Image, spec Spec, snapshotID uint64) (out []Child, err error) {
	if err := img.SetSnapByID(snapshotID); err != nil {
		return nil, translate("open", spec, ErrSnapshotNotFound, err)
	}
	defer func() {
		if e := img.SetSnapshot(librbd.NoSnapshot); e != nil {
			err = errors.Join(err, fmt.Errorf("leave snapshot %s: %w", spec, e))
		}
	}()
	return listChildren(img, spec)
}

// listChildren expects the image to be set to the snapshot.
func listChildren(img *librbd.Image, spec Spec) ([]Child, error) {
	specs, err := img.ListChildrenAttributes()
	if err != nil {
		// Not found would be something else than the snapshot.
		if e := errno(err); e == syscall.EPERM || e == syscall.EACCES {
			err = fmt.Errorf("%w (%w)", ErrPermission, err)
		}
		return nil, fmt.Errorf("list the children of %s: %w", spec, err)
	}
	out := make([]Child, len(specs))
	for i, s := range specs {
		out[i] = Child{ID: s.ImageID, Trash: s.Trash,
			Spec: Spec{Pool: s.PoolName, Namespace: s.PoolNamespace, Image: s.ImageName}}
	}
	slices.SortFunc(out, compareChildren)
	return out, nil
}

// dependants says which clones stand in the way of a change.
type dependants int

const (
	// allClones: the snapshot is to go, and nothing of it is to stay.
	allClones dependants = iota
	// v1Clones: those that need the snapshot to be protected, and there.
	v1Clones
)

// checkChildren leaves the image set to no snapshot.
func (cn *connection) checkChildren(img *librbd.Image, spec Spec, snapshotID uint64, which dependants) error {
	children, err := childrenOf(img, spec, snapshotID)
	if err == nil && which == v1Clones {
		children, err = cn.v1Only(children)
	}
	if err == nil && len(children) > 0 {
		err = &ChildrenError{Spec: spec, Children: children}
	}
	return err
}

func (cn *connection) v1Only(children []Child) ([]Child, error) {
	var out []Child
	for _, c := range children {
		v2, err := cn.isV2Clone(c)
		switch {
		case errors.Is(err, ErrImageNotFound): // gone meanwhile
		case err != nil:
			return nil, err
		case !v2:
			out = append(out, c)
		}
	}
	return out, nil
}

// V1Children leaves those clones that need their parent to be protected.
func (c *Cluster) V1Children(ctx context.Context, children []Child) (out []Child, err error) {
	err = c.do(ctx, func(cn *connection) error {
		out, err = cn.v1Only(children)
		return err
	})
	return out, err
}

// ChildrenError names the clones that hang on a snapshot.
type ChildrenError struct {
	Spec     Spec
	Children []Child
}

func (e *ChildrenError) Error() string {
	return fmt.Sprintf("snapshot %s has children: %s", e.Spec, join(e.Children))
}

func (e *ChildrenError) Unwrap() error { return ErrHasChildren }

// Is tells ErrGuarded from other children.
func (e *ChildrenError) Is(target error) bool {
	return target == ErrGuarded && slices.ContainsFunc(e.Children, Child.guards)
}

// SnapshotsError names the snapshots that an image still has, and the clones
// that keep those in the trash namespace.
type SnapshotsError struct {
	Spec      Spec
	Image     Image // as it was read then
	Snapshots []Snapshot
	Children  []Child
}

func (e *SnapshotsError) Error() string {
	text := fmt.Sprintf("image %s has snapshots: %s", e.Spec, join(e.Snapshots))
	if len(e.Children) > 0 {
		text += "; kept by the clones " + join(e.Children)
	}
	return text
}

func (e *SnapshotsError) Unwrap() error { return ErrHasSnapshots }

// Is tells ErrGuarded from other children.
func (e *SnapshotsError) Is(target error) bool {
	return target == ErrGuarded && slices.ContainsFunc(e.Children, Child.guards)
}

// ChildrenOf are the clones that an error names.
func ChildrenOf(err error) []Child {
	all := []error{err} // what DeleteImage joins
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	var out []Child
	for _, e := range all {
		var children *ChildrenError
		var snapshots *SnapshotsError
		if errors.As(e, &children) {
			out = append(out, children.Children...)
		}
		if errors.As(e, &snapshots) {
			out = append(out, snapshots.Children...)
		}
	}
	return out
}
