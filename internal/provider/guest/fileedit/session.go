package fileedit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// job is a set of edits of one image.
type job struct {
	data       *providerdata.Data
	spec       rbd.Spec
	rootDevice string
	edits      []edit
}

// peek compares the edits with the guest without an appliance. It returns the
// root device it found, and guestread.ErrUnsupported where it can't be sure.
func (j job) peek(ctx context.Context) (pending []outcome, root string, err error) {
	r, err := j.data.Ceph.OpenReader(ctx, j.spec)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	g, err := guestread.Open(r, r.Size(), guestread.Options{RootDevice: j.rootDevice})
	if err != nil {
		return nil, "", err
	}
	pending, err = examine(g, j.edits)
	return pending, g.RootDevice(), err
}

// look compares the edits with the guest, in an appliance where nothing else
// will do. It changes nothing.
func (j job) look(ctx context.Context) (pending []outcome, err error) {
	pending, _, err = j.peek(ctx)
	if !errors.Is(err, guestread.ErrUnsupported) {
		return pending, err
	}
	tflog.Info(ctx, "reading the guest in an appliance", map[string]any{"image": j.spec.String(), "reason": err.Error()})
	o, err := j.overlay(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.dir.Remove()) }()
	s, err := o.launch(ctx, j.data.Guests, j.rootDevice)
	if err != nil {
		return nil, err
	}
	defer s.Abort() // nothing in the overlay is worth keeping
	return examine(appliance{ctx, s}, j.edits)
}

// run makes the edits hold. It edits an overlay, and only when all of that is
// done puts it into the image, with a snapshot to go back to: the image has
// either its old or its new content, whatever happens.
func (j job) run(ctx context.Context, imageID string) (err error) {
	unlock, err := j.data.Ceph.LockImage(ctx, j.spec)
	if err != nil {
		return err
	}
	defer unlock()
	e, err := j.data.Ceph.BeginEdit(ctx, j.spec, imageID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.End()) }()

	pending, root, err := j.peek(ctx)
	sure := !errors.Is(err, guestread.ErrUnsupported)
	if sure && err == nil {
		err = impossible(pending)
	}
	if sure && (err != nil || len(pending) == 0) {
		return err
	}
	if root == "" {
		root = j.rootDevice
	}
	o, err := j.overlay(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.dir.Remove()) }()
	changed, err := j.edit(ctx, o, root)
	if err != nil || !changed {
		return err
	}
	return j.commit(ctx, e, o, sure)
}

// edit makes the edits hold in the overlay. It returns false where they did so
// before.
func (j job) edit(ctx context.Context, o *overlay, root string) (bool, error) {
	s, err := o.launch(ctx, j.data.Guests, root)
	if err != nil {
		return false, err
	}
	defer s.Abort()
	pending, err := examine(appliance{ctx, s}, j.edits)
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
	if pending, err = examine(appliance{ctx, s}, j.edits); err != nil {
		return false, err
	}
	if len(pending) > 0 {
		return false, fmt.Errorf("%s: %w: %s", pending[0].Path, errUnsettled, pending[0].Unmet[0])
	}
	return true, s.Close(ctx)
}

// commit puts the overlay into the image. verify looks at the result once more
// in the image itself.
func (j job) commit(ctx context.Context, e *rbd.Edit, o *overlay, verify bool) (err error) {
	if err := e.Protect(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Rollback())
		}
	}()
	if err := qemuimg.CommitOverlay(ctx, o.path, o.tool.Env); err != nil {
		return err
	}
	if verify {
		pending, _, err := j.peek(ctx)
		if err != nil {
			return fmt.Errorf("look at the result: %w", err)
		}
		if len(pending) > 0 {
			return fmt.Errorf("%s after the edit: %s", pending[0].Path, pending[0].Unmet[0])
		}
	}
	return e.Accept()
}

// overlay is a private file into which an appliance writes in place of the
// image.
type overlay struct {
	dir  *workdir.Dir
	path string
	tool rbd.Tool
}

func (j job) overlay(ctx context.Context) (_ *overlay, err error) {
	o := &overlay{}
	if o.dir, err = workdir.New("edit"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.dir.Remove())
		}
	}()
	if o.tool, err = j.data.Ceph.WriteToolConf(ctx, o.dir.Path(), nil); err != nil {
		return nil, err
	}
	o.path = filepath.Join(o.dir.Path(), "overlay.qcow2")
	return o, qemuimg.CreateOverlay(ctx, o.path, qemuimg.RBD{
		Pool: j.spec.Pool, Namespace: j.spec.Namespace, Image: j.spec.Image,
		ConfFile: o.tool.ConfFile, User: o.tool.User,
	}, o.tool.Env)
}

func (o *overlay) launch(ctx context.Context, m *guestfs.Manager, root string) (*guestfs.Session, error) {
	s, err := m.Launch(ctx, guestfs.Request{
		Drives: []guestfs.Drive{{Path: o.path, Format: "qcow2"}},
		Env:    o.tool.Env,
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.MountRoot(ctx, root); err != nil {
		s.Abort()
		return nil, err
	}
	return s, nil
}
