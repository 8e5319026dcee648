// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// methodCopy is the import method that copies an image to further stores.
const methodCopy = "copy-image"

var (
	// ErrNoCopy says that the server does not offer to copy images to further stores.
	ErrNoCopy = errors.New("Glance does not offer the import method copy-image")
	// ErrCopyRefused comes with ErrForbidden.
	ErrCopyRefused = errors.New("the policy copy_image of Glance does not allow the caller to copy images")
	// ErrCopy says that a store could not be written, or the copy was cut off.
	ErrCopy = errors.New("Glance did not copy the image")
)

// copyPoll is the time between two looks at a copy.
const copyPoll = 500 * time.Millisecond

// CheckCopy tells whether the server offers to copy images.
//
// Errors besides connect's: ErrNoCopy.
func (c *Client) CheckCopy(ctx context.Context) error {
	var answer struct {
		Methods struct {
			Value []string `json:"value"`
		} `json:"import-methods"`
	}
	err := c.do(ctx, request{op: "list the import methods", method: http.MethodGet, path: "info/import", into: &answer, ok: []int{http.StatusOK}})
	if err == nil && !slices.Contains(answer.Methods.Value, methodCopy) {
		return fmt.Errorf("%w; it has %s", ErrNoCopy, strings.Join(answer.Methods.Value, ", "))
	}
	return err
}

// Copy copies an active image to further stores, and waits for the end. A copy that
// is under way is waited for. Stores that have the image are left out. progress,
// where given, is called with how many of the stores have it.
//
// Similar to: `glance image-import --import-method copy-image --stores`.
//
// Errors besides connect's: ErrNotFound, ErrCopyRefused, ErrCopy, ErrConflict;
// ErrUndecided at the end of ctx, where Glance may go on.
func (c *Client) Copy(ctx context.Context, id string, stores []string, progress func(done, total uint64)) (*Image, error) {
	asked := false
	for {
		// The tasks first: a record read before its task has ended may be an old one.
		tasks, err := c.tasks(ctx, id, "api_image_import")
		if err != nil {
			return nil, err
		}
		img, err := c.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		missing := missingFrom(stores, img.Stores)
		if progress != nil {
			progress(uint64(len(stores)-len(missing)), uint64(len(stores))) //nolint:gosec // not negative
		}
		switch {
		case len(missing) == 0:
			return img, nil
		case len(img.Importing) > 0 || slices.ContainsFunc(tasks, task.runs): // ours, or that of a run before
		case asked:
			return nil, fmt.Errorf("%w to %s: %s", ErrCopy, strings.Join(missing, ", "), messages(tasks))
		default:
			if err := c.askCopy(ctx, id, missing); err != nil {
				return nil, err
			}
			asked = true
			continue
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: image %q is being copied to %s: %w", ErrUndecided, id, strings.Join(missing, ", "), ctx.Err())
		case <-time.After(copyPoll):
		}
	}
}

func missingFrom(want, have []string) (missing []string) {
	for _, s := range want {
		if !slices.Contains(have, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// askCopy begins a copy. The record says so before Glance answers.
func (c *Client) askCopy(ctx context.Context, id string, stores []string) error {
	r := request{
		op: fmt.Sprintf("copy image %q to %s", id, strings.Join(stores, ", ")), method: http.MethodPost, ok: []int{http.StatusAccepted},
		body: map[string]any{"method": map[string]string{"name": methodCopy}, "stores": stores, "all_stores_must_succeed": true},
	}
	var err error
	if r.path, err = imagePath(id, "import"); err != nil {
		return fmt.Errorf("%s: %w", r.op, err)
	}
	err = c.change(ctx, func(ctx context.Context) error { return c.do(ctx, r) }, func(ctx context.Context) (bool, error) {
		img, err := c.Get(ctx, id)
		return err == nil && (len(img.Importing) > 0 || len(missingFrom(stores, img.Stores)) == 0), err
	})
	if errors.Is(err, ErrForbidden) {
		err = fmt.Errorf("%w: %w", ErrCopyRefused, err)
	}
	return err
}

// RemoveCopy removes the data of an image from a store, and the location with it.
// One that is gone is no error. Glance refuses it for the only store that has it.
//
// Similar to: `glance stores-delete --store STORE IMAGE`.
//
// Errors besides connect's: ErrNotFound, ErrForbidden (also for the only store),
// ErrConflict (in use), ErrUndecided.
func (c *Client) RemoveCopy(ctx context.Context, id, store string) error {
	op := fmt.Sprintf("remove image %q from store %q", id, store)
	path, err := imagePath(id)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	path = "stores/" + url.PathEscape(store) + strings.TrimPrefix(path, "images")
	return c.change(ctx, func(ctx context.Context) error {
		return c.do(ctx, request{op: op, method: http.MethodDelete, path: path, ok: []int{http.StatusNoContent}})
	}, func(ctx context.Context) (bool, error) {
		img, err := c.Get(ctx, id)
		return err == nil && !slices.Contains(img.Stores, store), err
	})
}
