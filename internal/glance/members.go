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
)

// Members gives the projects that a shared record is shared with, and what each
// of them said: pending, accepted or rejected. A project that is no owner is
// told of itself only; a record that is not shared is ErrForbidden.
//
// Similar to: `glance member-list`.
func (c *Client) Members(ctx context.Context, id string) (map[string]string, error) {
	op := fmt.Sprintf("list the members of image %q", id)
	path, err := imagePath(id, "members")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	var answer struct {
		Members []struct {
			Project string `json:"member_id"`
			Status  string `json:"status"`
		} `json:"members"`
	}
	if err := c.do(ctx, request{op: op, method: http.MethodGet, path: path, into: &answer, ok: []int{http.StatusOK}}); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, m := range answer.Members {
		out[m.Project] = m.Status
	}
	return out, nil
}

// SetMembers shares a shared record with these projects, by ID, and with no
// others. What those that stay have said, stays.
//
// Errors besides connect's: ErrNotFound, ErrForbidden (not shared, or by policy),
// ErrTooLarge (image_member_quota), ErrUndecided.
//
// Similar to: `glance member-create` and `glance member-delete`.
func (c *Client) SetMembers(ctx context.Context, id string, projects []string) error {
	now, err := c.Members(ctx, id)
	if err != nil {
		return err
	}
	for _, p := range projects {
		if _, ok := now[p]; ok {
			continue
		}
		if err := c.changeMember(ctx, id, p, true); err != nil {
			return err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(now)) {
		if slices.Contains(projects, p) {
			continue
		}
		if err := c.changeMember(ctx, id, p, false); err != nil {
			return err
		}
	}
	return nil
}

// changeMember adds or removes one member. Glance's 409 says that it is there
// already. Its 404 says that it is not there any more, or that its name is none
// that Glance can find again, with a "/" or a letter beyond ASCII in it, though
// it takes anything for a project.
func (c *Client) changeMember(ctx context.Context, id, project string, there bool) error {
	r := request{op: fmt.Sprintf("share image %q with project %q", id, project), method: http.MethodPost, ok: []int{http.StatusOK}}
	var more []string
	if there {
		r.body = map[string]string{"member": project}
	} else {
		r.op, r.method, r.ok = fmt.Sprintf("end sharing image %q with project %q", id, project), http.MethodDelete, []int{http.StatusNoContent}
		more = []string{url.PathEscape(project)}
	}
	var err error
	if r.path, err = imagePath(id, append([]string{"members"}, more...)...); err != nil {
		return fmt.Errorf("%s: %w", r.op, err)
	}
	look := func(ctx context.Context) (bool, error) {
		now, err := c.Members(ctx, id)
		_, is := now[project]
		return err == nil && is == there, err
	}
	err = c.change(ctx, func(ctx context.Context) error { return c.do(ctx, r) }, look)
	switch {
	case there && errors.Is(err, ErrConflict):
		return nil
	case !there && errors.Is(err, ErrNotFound):
		done, lookErr := c.look(ctx, look)
		return settle(err, lookErr, done)
	}
	return err
}
