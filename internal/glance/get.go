// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Get reads a record.
//
// Locations that the record itself does not show are asked for by the newer
// Location API where the caller has the role service.
//
// ErrNotFound is proven to come from Glance, but it is also the answer for a
// record that the caller's project is not allowed to see.
//
// Similar to: `glance image-show`.
func (c *Client) Get(ctx context.Context, id string) (*Image, error) {
	op := fmt.Sprintf("get image %q", id)
	path, err := imagePath(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	var img Image
	if err := c.do(ctx, request{op: op, method: http.MethodGet, path: path, into: &img, ok: []int{http.StatusOK}}); err != nil {
		return nil, err
	}
	if img.ID != id {
		return nil, fmt.Errorf("%s: %w: the answer is not this record", op, ErrNotGlance)
	}
	c.conn.Load().proven.Store(true)
	if err := c.fetchLocations(ctx, &img); err != nil {
		return nil, err
	}
	return &img, nil
}

// Exists says whether the caller can see the record. An error means that it is
// not known.
func (c *Client) Exists(ctx context.Context, id string) (bool, error) {
	_, err := c.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
