package change

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// Overlay is a qcow2 file into which an appliance writes in place of the image.
type Overlay struct {
	// Path is the file's; it lies in Dir, which is private and goes away with
	// the overlay.
	Path, Dir string
	// Env is what a tool needs in its environment to open the overlay.
	Env []string

	dir *workdir.Dir
}

// NewOverlay makes an overlay of an image or snapshot. The caller must Remove it.
func NewOverlay(ctx context.Context, d *providerdata.Data, spec rbd.Spec) (_ *Overlay, err error) {
	dir, err := workdir.New("edit")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, dir.Remove())
		}
	}()
	tool, err := d.Ceph.WriteToolConf(ctx, dir.Path(), nil)
	if err != nil {
		return nil, err
	}
	o := &Overlay{Path: filepath.Join(dir.Path(), "overlay.qcow2"), Dir: dir.Path(), Env: tool.Env, dir: dir}
	return o, qemuimg.CreateOverlay(ctx, o.Path, qemuimg.RBD{
		Pool: spec.Pool, Namespace: spec.Namespace, Image: spec.Image, Snapshot: spec.Snapshot,
		ConfFile: tool.ConfFile, User: tool.User,
	}, tool.Env)
}

// Launch starts an appliance on the overlay; nothing is mounted. The caller must
// end the session.
func (o *Overlay) Launch(ctx context.Context, m *guestfs.Manager) (*guestfs.Session, error) {
	return m.Launch(ctx, guestfs.Request{
		Drives: []guestfs.Drive{{Path: o.Path, Format: "qcow2"}},
		Env:    o.Env,
	})
}

// LaunchTree is Launch with the guest's file systems mounted. An empty tree has the
// guest inspected.
func (o *Overlay) LaunchTree(ctx context.Context, m *guestfs.Manager, tree guest.Tree) (*guestfs.Session, error) {
	s, err := o.Launch(ctx, m)
	if err != nil {
		return nil, err
	}
	if _, err := s.Mount(ctx, tree); err != nil {
		s.Abort()
		return nil, err
	}
	return s, nil
}

// Remove removes the overlay and its private directory.
func (o *Overlay) Remove() error { return o.dir.Remove() }
