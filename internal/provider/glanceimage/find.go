// SPDX-License-Identifier: MPL-2.0

package glanceimage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func find(ctx context.Context, d *providerdata.Data, m model) (*glance.Image, error) {
	if id := m.ImageID.ValueString(); id != "" {
		return d.Glance.Get(ctx, id)
	}
	images, err := d.Glance.List(ctx, m.filter())
	if err != nil {
		return nil, err
	}
	// Some servers compare names and owners in their own way.
	images = slices.DeleteFunc(images, func(i glance.Image) bool {
		return i.Status != glance.StatusActive || m.Owner.ValueString() != "" && i.Owner != m.Owner.ValueString()
	})
	slices.SortStableFunc(images, func(a, b glance.Image) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	switch {
	case len(images) == 0:
		return nil, errNone
	case len(images) > 1 && !m.MostRecent.ValueBool():
		return nil, fmt.Errorf("%w: %s", errSeveral, candidates(images))
	case len(images) > 1 && images[0].CreatedAt.Equal(images[1].CreatedAt):
		// Which of them would be chance.
		newest := slices.DeleteFunc(images, func(i glance.Image) bool { return !i.CreatedAt.Equal(images[0].CreatedAt) })
		return nil, fmt.Errorf("%w, and all of these were made in the same second: %s", errSeveral, candidates(newest))
	}
	return &images[0], nil
}

// maxCandidates is how many are named in an error.
const maxCandidates = 10

func candidates(images []glance.Image) string {
	var out []string
	for _, i := range images[:min(len(images), maxCandidates)] {
		out = append(out, fmt.Sprintf("%s (%q, project %s, %s)", i.ID, i.Name, i.Owner, i.CreatedAt.UTC().Format(time.RFC3339)))
	}
	if more := len(images) - maxCandidates; more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, ", ")
}

// locationOf takes the location to pieces that is in the cluster with this fsid,
// or else the first in RBD. why tells what keeps it from being used here; hidden
// what keeps Glance from showing one.
func locationOf(rec *glance.Image, fsid string, hidden func() string) (at *location, why string) {
	var urls []string
	for _, l := range rec.Locations {
		urls = append(urls, l.URL)
	}
	if len(urls) == 0 && rec.DirectURL != "" {
		urls = append(urls, rec.DirectURL)
	}
	for _, u := range urls {
		cluster, spec, err := rbd.ParseLocationURL(u)
		if err != nil {
			continue
		}
		// An fsid is a UUID, which is the same in capitals.
		l := &location{url: u, fsid: strings.ToLower(cluster), spec: spec, here: strings.EqualFold(cluster, fsid)}
		if at == nil || l.here && !at.here {
			at = l
		}
	}
	switch {
	case at == nil && len(urls) > 0:
		return nil, "It has no location rbd://FSID/POOL/IMAGE/SNAPSHOT: its data is in another kind of store, or was registered in a form that does not tell its cluster."
	case at == nil && rec.Status == glance.StatusDeactivated:
		return nil, "It is deactivated, which hides the location from everybody but an admin. Reactivate it (`openstack image set --activate`), or ask as an admin."
	case at == nil && rec.Status == glance.StatusQueued:
		return nil, "It has no data yet (status queued)."
	case at == nil:
		return nil, "Glance shows no location of it: " + hidden() + ". Its operator can set show_image_direct_url = True or show_multiple_locations = True in glance-api.conf, best on an API server that only trusted users reach."
	case !at.here:
		return at, fmt.Sprintf("It is in the cluster %s, and this one is %s: spec is null, as it would name something else here. Use a provider alias for that cluster, or rbd_image_replica.", at.fsid, fsid)
	case !strings.Contains(at.url, fsid):
		return at, fmt.Sprintf("Its cluster is written in another way than Ceph does: %s, and not %s. It is the same, but Nova and Cinder compare the text, and copy the image instead of cloning it.", at.url, fsid)
	}
	return at, ""
}
