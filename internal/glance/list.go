// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// pageSize is asked for per request; the server may give less (api_limit_max).
const pageSize = 500

// Filter narrows a List; empty members do not.
type Filter struct {
	// Name is compared exactly, with case.
	Name string
	// Visibility is private, shared, community, public or all. Without it,
	// Glance leaves out other projects' community images.
	Visibility string
	Owner      string
	Status     string
	DiskFormat string
	// Tags must all be there.
	Tags []string
	// Hidden lists the hidden images instead of the others.
	Hidden bool
	// Properties must all be there with these values.
	Properties map[string]string

	// limit is asked for per request instead of pageSize, in tests.
	limit int
}

func (f Filter) query() url.Values {
	limit := pageSize
	if f.limit > 0 {
		limit = f.limit
	}
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Name != "" {
		// What stands before a colon is an operator otherwise.
		q.Set("name", "eq:"+f.Name)
	}
	set("visibility", f.Visibility)
	set("owner", f.Owner)
	set("status", f.Status)
	set("disk_format", f.DiskFormat)
	if f.Hidden {
		q.Set("os_hidden", "true")
	}
	for _, t := range f.Tags {
		q.Add("tag", t)
	}
	for name, value := range f.Properties {
		if isQueryable(name) {
			q.Set(name, value)
		}
	}
	return q
}

// isQueryable leaves out the properties whose name means something else in a
// query; List looks at them itself.
func isQueryable(property string) bool {
	switch property {
	case "limit", "marker", "tag", "sort", "sort_key", "sort_dir", "member_status", "changes-since":
		return false
	}
	return !strings.HasSuffix(property, "_min") && !strings.HasSuffix(property, "_max")
}

// fits repeats the filter: a database may compare without case, or with
// trailing spaces ignored.
func (f Filter) fits(i *Image) bool {
	for _, t := range f.Tags {
		if !slices.Contains(i.Tags, t) {
			return false
		}
	}
	return (f.Name == "" || f.Name == i.Name) && containsAll(i.Properties, f.Properties)
}

// List gives all records that fit and that the caller's project can see, new
// ones first. An empty list is no error.
//
// Similar to: `glance image-list`.
func (c *Client) List(ctx context.Context, f Filter) ([]Image, error) {
	const attempts = 3
	for n := 1; ; n++ {
		images, err := c.list(ctx, f)
		if errors.Is(err, errMarkerGone) && n < attempts {
			continue
		}
		return images, err
	}
}

// errMarkerGone: the record that the next page begins after was deleted while
// its page was read.
var errMarkerGone = errors.New("a record was deleted while the images were listed")

func (c *Client) list(ctx context.Context, f Filter) ([]Image, error) {
	var images []Image
	query, read := f.query(), 0
	ctx = asList(ctx)
	seen := map[string]bool{}
	for marker := ""; ; {
		q := maps.Clone(query)
		if marker != "" {
			q.Set("marker", marker)
		}
		var page struct {
			Images []Image `json:"images"`
			Next   string  `json:"next"`
		}
		err := c.do(ctx, request{
			op: "list images", method: http.MethodGet, path: "images?" + q.Encode(),
			into: &page, ok: []int{http.StatusOK},
		})
		if err != nil {
			if marker != "" && errors.Is(err, ErrBadRequest) {
				err = fmt.Errorf("%w: %w", errMarkerGone, err)
			}
			return nil, err
		}
		if read += len(page.Images); read > maxListed {
			return nil, fmt.Errorf("list images: %w: more than %d records", errTooLong, maxListed)
		}
		for n := range page.Images {
			if f.fits(&page.Images[n]) {
				images = append(images, page.Images[n])
			}
		}
		if page.Next == "" {
			return images, nil
		}
		if marker, err = c.nextMarker(ctx, page.Next); err == nil && (seen[marker] || len(page.Images) == 0) {
			err = errors.New("the pages have no end")
		}
		if err != nil {
			return nil, fmt.Errorf("list images: %w: the link to the next page is %.200q: %w", ErrNotGlance, page.Next, err)
		}
		seen[marker] = true
	}
}

// nextMarker is where the next page begins. The link is relative to the server,
// which an endpoint with a path of its own is not; only the marker is taken from
// it. Glance never points to another server.
func (c *Client) nextMarker(ctx context.Context, link string) (string, error) {
	next, err := url.Parse(link)
	if err != nil {
		return "", err
	}
	endpoint, err := c.Endpoint(ctx)
	if err != nil {
		return "", err
	}
	here, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	if next.Host != "" && next.Host != here.Host {
		return "", errors.New("it is on another server")
	}
	marker := next.Query().Get("marker")
	if marker == "" {
		return "", errors.New("it has no marker")
	}
	return marker, nil
}

// FindByName gives the records of exactly that name, hidden ones too; a name
// may be that of many.
func (c *Client) FindByName(ctx context.Context, name string) ([]Image, error) {
	shown, err := c.List(ctx, Filter{Name: name, Visibility: "all"})
	if err != nil {
		return nil, err
	}
	hidden, err := c.List(ctx, Filter{Name: name, Visibility: "all", Hidden: true})
	if err != nil {
		return nil, err
	}
	return append(shown, hidden...), nil
}
