package glancelocation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var errNotOurs = errors.New("the image is not a snapshot of this cluster")

// read refreshes the model. It returns false where the record is proven gone.
func (r *locationResource) read(ctx context.Context, m *model, diags *diag.Diagnostics) (there bool, err error) {
	imported := m.Snapshot.IsNull()
	if imported {
		if err := r.locate(ctx, m); err != nil {
			return false, err
		}
	}
	p, err := m.place()
	if err != nil {
		return false, err
	}
	aside := r.readHeal(ctx, p)
	rec, err := r.data.Glance.Get(ctx, p.record)
	if errors.Is(err, glance.ErrNotFound) || err == nil && rec.Status == glance.StatusDeleted {
		if err == nil {
			tell(diags, true, p.record)
		} else if err := r.checkVisible(ctx, p.record, p.owner); err != nil {
			return false, err
		}
		if aside != nil {
			return false, aside
		}
		return false, r.clear(ctx, p)
	}
	if err != nil {
		return false, err
	}
	if aside != nil {
		if !errors.Is(aside, errAside) {
			return false, aside
		}
		diags.AddWarning(report.Unable("finish the deletion of", noun, p.record), report.Detail(aside))
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		return false, err
	}
	m.setRecord(rec, imported)
	if err := r.readMembers(ctx, m, rec, true, imported); err != nil {
		return false, err
	}
	url := rbd.LocationURL(fsid, p.location())
	m.setLocation(rec, url)
	if others := otherLocations(rec, url); len(others) > 0 && !imported {
		diags.AddWarning("Other locations in "+noun+" \""+p.record+"\"",
			"Beside the registered snapshot, or in its place, Glance has: "+strings.Join(others, ", ")+". Consumers may take any of them. "+
				"Whoever removes one of them makes Glance remove its data.")
	}
	img, err := r.data.Ceph.ImageByID(ctx, p.snapshot, p.rbdImageID)
	if err != nil && !rbd.IsNotFound(err) {
		return false, err
	}
	if imported {
		m.OnDestroy = types.StringValue(onDestroyDelete)
		m.Hash = types.StringValue(hashOff)
		if entries(img)[p.record].Hashes != nil {
			m.Hash = types.StringValue(hashOnce)
		}
	}
	if err := r.readHashes(ctx, m, p, img, rec); err != nil {
		return false, err
	}
	if err := r.readProtection(ctx, m, p); err != nil {
		return false, err
	}
	if imported && !p.hasAlias() {
		m.Protection = types.StringValue(protectionNone)
		if !m.Guard.IsNull() {
			m.Protection = types.StringValue(protectionGuard)
		}
	}
	if img.ID != "" {
		r.readClaim(ctx, img, p, rec.Name)
	}
	return true, nil
}

// readHeal puts right what an interrupted deletion has left.
func (r *locationResource) readHeal(ctx context.Context, p place) error {
	img, err := r.data.Ceph.ImageByID(ctx, p.snapshot, p.rbdImageID)
	if rbd.IsNotFound(err) || err == nil && img.AsideFor() == "" {
		return nil
	}
	if err != nil {
		return err
	}
	unlock, err := r.data.Ceph.LockImage(ctx, p.snapshot)
	if err != nil {
		return err
	}
	defer unlock()
	return r.heal(ctx, p.snapshot, p.rbdImageID)
}

// clear removes guard and note of a record that somebody deleted: with the
// resource they would vanish from the state, and be in the way of removing the
// snapshot. Reading must also work for a user who may not write.
func (r *locationResource) clear(ctx context.Context, p place) error {
	unlock, err := r.data.Ceph.LockImage(ctx, p.snapshot)
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.forget(ctx, p); err != nil {
		tflog.Warn(ctx, "could not remove the guard of an image that is gone", map[string]any{"guard": p.keeper().String(), "error": err.Error()})
	}
	return nil
}

func (r *locationResource) readClaim(ctx context.Context, img rbd.Image, p place, name string) {
	if err := r.claim(ctx, img, p, name, nil); err != nil && !rbd.IsNotFound(err) {
		tflog.Warn(ctx, "could not note that the image is in a state", map[string]any{"image_id": p.record, "error": err.Error()})
	}
}

// locate finds the snapshot of an imported record.
func (r *locationResource) locate(ctx context.Context, m *model) error {
	id := m.ImageID.ValueString()
	rec, err := r.data.Glance.Get(ctx, id)
	if err != nil {
		return err
	}
	fsid, err := r.data.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	urls := locationURLs(rec)
	if rec.Status == glance.StatusDeactivated && len(urls) == 0 {
		return fmt.Errorf("%w as far as Glance shows: it is deactivated, which hides its location; reactivate it first", errNotOurs)
	}
	why := "Glance shows no location of it: " + r.data.Glance.WhyHidden(ctx)
	for _, u := range urls {
		at, spec, err := rbd.ParseLocationURL(u)
		if err != nil {
			why = "it has no location rbd://FSID/POOL/IMAGE/SNAPSHOT"
			continue
		}
		if at != fsid {
			why = fmt.Sprintf("its location is in cluster %s, this is %s", at, fsid)
			continue
		}
		if spec, err = r.locateAlias(ctx, m, spec); err != nil {
			return err
		}
		img, snap, err := r.current(ctx, spec)
		if err != nil {
			return err
		}
		m.setPlace(place{snapshot: spec, rbdImageID: img.ID, snapshotID: snap.ID})
		return nil
	}
	return fmt.Errorf("%w: %s", errNotOurs, why)
}

// registered reads image and snapshot, and makes sure that they are still those
// that were registered.
func (r *locationResource) registered(ctx context.Context, p place) (rbd.Image, rbd.Snapshot, error) {
	img, err := r.data.Ceph.Image(ctx, p.snapshot)
	if err != nil {
		return img, rbd.Snapshot{}, err
	}
	if img.ID != p.rbdImageID {
		return img, rbd.Snapshot{}, fmt.Errorf("%w: %s has id %s, expected %s", rbd.ErrOtherImage, p.snapshot.ImageSpec(), img.ID, p.rbdImageID)
	}
	snap, err := img.Snapshot(p.snapshot.Snapshot)
	if err == nil && snap.ID != p.snapshotID {
		err = fmt.Errorf("%w: %s has id %d, expected %d", rbd.ErrOtherSnapshot, p.snapshot, snap.ID, p.snapshotID)
	}
	return img, snap, err
}
