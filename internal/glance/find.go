// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// References are the records that refer to an RBD image, as far as one caller
// can see.
type References struct {
	// Images refer to the RBD image, in whatever snapshot.
	Images []Image
	// Unseen counts the records with data whose locations were not shown:
	// deactivated ones, to a caller who is no admin, or all of them where the
	// server shows neither locations nor direct URLs. Any of them may refer to
	// the image.
	Unseen int
	// AllProjects says that private records of other projects were listed too,
	// going by the caller's role admin.
	AllProjects bool
}

// FindByRBDImage looks through all records that the caller can see for those
// with a location `rbd://fsid/pool/image/…`. The names are as in Ceph, not
// escaped. Locations without an fsid (`rbd://image`, as Glance wrote them
// before 2013) say neither cluster nor pool and are not found.
//
// There is no query for this: the cost grows with the number of records, by a
// request for each where only a caller with the role service sees locations.
func (c *Client) FindByRBDImage(ctx context.Context, fsid, pool, image string) (*References, error) {
	caller, err := c.Caller(ctx)
	if err != nil {
		return nil, err
	}
	refs := &References{AllProjects: slices.Contains(caller.Roles, "admin")}
	images, err := c.ListLocated(ctx, Filter{Visibility: "all"})
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		urls := img.LocationURLs()
		if len(urls) == 0 && img.Status != StatusQueued {
			refs.Unseen++
		}
		if slices.ContainsFunc(urls, func(u string) bool { return isInRBDImage(u, fsid, pool, image) }) {
			refs.Images = append(refs.Images, img)
		}
	}
	return refs, nil
}

// ListLocated is List of the hidden records and of the others, with their locations
// as far as the caller may see them: by a request for each where only a caller with
// the role service does.
func (c *Client) ListLocated(ctx context.Context, f Filter) ([]Image, error) {
	var out []Image
	for _, f.Hidden = range []bool{false, true} {
		images, err := c.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for n := range images {
			if err := c.fetchLocations(ctx, &images[n]); err != nil {
				return nil, err
			}
		}
		out = append(out, images...)
	}
	return out, nil
}

// LocationURLs are all that Glance shows of where the data is.
func (i *Image) LocationURLs() []string {
	var urls []string
	for _, l := range i.Locations {
		urls = append(urls, l.URL)
	}
	if i.DirectURL != "" && !slices.Contains(urls, i.DirectURL) {
		urls = append(urls, i.DirectURL)
	}
	return urls
}

// isInRBDImage compares the first three parts of an RBD location, each of which
// is percent-encoded by itself.
func isInRBDImage(location, fsid, pool, image string) bool {
	rest, ok := strings.CutPrefix(location, "rbd://")
	if !ok {
		return false
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 3 {
		return false
	}
	for n, want := range []string{fsid, pool, image} {
		got, err := url.PathUnescape(parts[n])
		if err != nil || got != want {
			return false
		}
	}
	return true
}
