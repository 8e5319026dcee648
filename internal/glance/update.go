// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"fmt"
)

// Update changes a record in one request: all or nothing.
//
// Errors besides connect's: ErrNotFound, ErrBadRequest, ErrForbidden (by
// policy, or a reserved name), ErrConflict, ErrTooLarge (too many tags or
// properties), ErrUndecided where the answer was lost and the record is not as
// asked for.
//
// Similar to: `glance image-update`.
func (c *Client) Update(ctx context.Context, id string, ch Changes) (*Image, error) {
	op := fmt.Sprintf("update image %q", id)
	path, err := imagePath(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	now, err := c.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	send := func(ctx context.Context) error {
		ops, err := ch.patches(now)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		if len(ops) == 0 || ch.in(now) {
			return nil
		}
		var img Image
		if err := c.do(ctx, patchRequest(op, path, ops, &img)); err != nil {
			return err
		}
		now = &img
		return nil
	}
	err = c.change(ctx, send, func(ctx context.Context) (bool, error) {
		got, err := c.Get(ctx, id)
		if err != nil {
			return false, err
		}
		now = got
		return ch.in(got), nil
	})
	if err != nil {
		return nil, err
	}
	return now, nil
}
