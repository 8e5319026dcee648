// Package change changes the content of an image as a whole or not at all: what
// all resources that write into a guest have in common.
//
// The work is done in an overlay, and only when all of it is done is it put into
// the image, under a snapshot to go back to. Whatever happens, the image has
// either its old or its new content, or the next run puts the old one back.
package change

import (
	"context"
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func init() {
	report.Advise(guestfs.ErrManyRoots, "Say which one is meant with root_device.")
	report.Advise(guestfs.ErrNoRoot, "Say where the root file system is with root_device, if the image holds one.")
	report.Advise(guestfs.ErrFeature, "Install the package on the machine that runs Terraform.")
	report.Advise(guestfs.ErrSymlink, "Name the file that the link leads to. The image was not changed.")
	report.Advise(guestfs.ErrNoSpace, "Make room in the guest, or grow its file system. The image was not changed.")
	report.Advise(guestfs.ErrUnclean, "Start Windows and shut it down as a whole: `shutdown /s /t 0`, with fast startup and hibernation off (`powercfg /h off`), and after a `chkdsk` where it asks for one. It is never forced. The image was not changed.")
	report.Advise(guestfs.ErrNoModes, "In a Windows leave out mode, uid, gid and link_target: access control lists stay as they are. The image was not changed.")
	report.Advise(guestfs.ErrReadOnly, "A read-only subvolume, as snapshots are, takes changes when `btrfs property set PATH ro false` has made it writable. The image was not changed.")
	report.Advise(guestfs.ErrNotMounted, "The file lies on a file system of the guest that is not on this image. The image was not changed.")
	report.Advise(guestfs.ErrLaunch, "Try `libguestfs-test-tool` on the machine that runs Terraform. With accelerator = \"tcg\" in the provider's guestfs block no KVM is needed; launch_timeout may be raised there too.")
}

// Change is what is to be done to the content of an image.
type Change struct {
	// Needed tells, without an appliance, whether there is anything to do. It
	// runs when the image is known to be nobody else's; nil means yes.
	Needed func(ctx context.Context) (bool, error)
	// Make makes the change in the overlay, whose appliance must have ended when
	// it returns. It returns false where there was nothing to do after all.
	Make func(ctx context.Context, o *Overlay) (bool, error)
	// Verify looks at the result in the image itself; its error has the old
	// content put back. nil leaves it out.
	Verify func(ctx context.Context) error
}

// Run makes a change of the image with this id. It refuses an image that
// anything else has open or locked, before the work and once more before the
// image is written to; after a change that was cut off it puts the old content
// back first.
//
// Errors: those of the change, of rbd.BeginEdit, and of the tools.
func (c Change) Run(ctx context.Context, d *providerdata.Data, spec rbd.Spec, imageID string) (err error) {
	unlock, err := d.Ceph.LockImage(ctx, spec)
	if err != nil {
		return err
	}
	defer unlock()
	e, err := d.Ceph.BeginEdit(ctx, spec, imageID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.End()) }()

	if c.Needed != nil {
		if needed, err := c.Needed(ctx); err != nil || !needed {
			return err
		}
	}
	o, err := NewOverlay(ctx, d, spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Remove()) }()
	if changed, err := c.Make(ctx, o); err != nil || !changed {
		return err
	}
	return c.commit(ctx, e, o)
}

func (c Change) commit(ctx context.Context, e *rbd.Edit, o *Overlay) (err error) {
	if err := e.Protect(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Rollback())
		}
	}()
	if err := qemuimg.CommitOverlay(ctx, o.Path, o.Env); err != nil {
		return err
	}
	if c.Verify != nil {
		if err := c.Verify(ctx); err != nil {
			return err
		}
	}
	return e.Accept()
}

// Recover ends a change of a state's image that was cut off, and puts the old
// content back. It does nothing where there was none, or no image any more.
func Recover(ctx context.Context, d *providerdata.Data, image, imageID string) error {
	img, err := imageref.Find(ctx, d, image, imageID)
	if rbd.IsNotFound(err) {
		return nil
	}
	if err != nil || !img.EditInterrupted() {
		return err
	}
	e, err := d.Ceph.BeginEdit(ctx, img.Spec, img.ID)
	if rbd.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.End()
}

// Planned looks at plan time at the image that is to be changed, and refuses
// one that is in use. A missing one, which may be made in the same run, is no
// error: rbd.IsNotFound tells it.
func Planned(ctx context.Context, d *providerdata.Data, spec rbd.Spec, willChange bool) (rbd.Image, error) {
	img, err := d.Ceph.Image(ctx, spec)
	// The watch of a change that was cut off goes away by itself.
	if err == nil && willChange && !img.EditInterrupted() {
		err = d.Ceph.CheckUnused(ctx, spec, "")
	}
	return img, err
}
