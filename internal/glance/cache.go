// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

var (
	// ErrNoCache says that the server keeps no images, or is older than the API for
	// that. It comes with ErrNotFound.
	ErrNoCache = errors.New("Glance has no cache here")
	// ErrCacheRefused comes with ErrForbidden.
	ErrCacheRefused = errors.New("the policies cache_image, cache_list and cache_delete of Glance do not allow it to the caller")
	// ErrNotCached says that the server began to fetch an image, and gave up.
	ErrNotCached = errors.New("Glance did not take the image into its cache")
	// ErrNotActive says that an image has no data that could be cached.
	ErrNotActive = errors.New("the image is not active")
)

// cachePoll is the time between two looks at the cache.
const cachePoll = 500 * time.Millisecond

// Cached is what the cache of one API server has of an image.
type Cached struct {
	Here      bool
	Queued    bool
	SizeBytes int64
	Hits      int64
}

// Cached looks for an image in the cache of the server that answers: each has its own.
//
// Similar to: `glance cache-list`.
//
// Errors besides connect's: ErrNoCache, ErrCacheRefused.
func (c *Client) Cached(ctx context.Context, id string) (out Cached, err error) {
	var answer struct {
		Images []struct {
			ID        string `json:"image_id"`
			SizeBytes int64  `json:"size"`
			Hits      int64  `json:"hits"`
		} `json:"cached_images"`
		Queued []string `json:"queued_images"`
	}
	err = c.do(ctx, request{op: "list the cache", method: http.MethodGet, path: "cache", into: &answer, ok: []int{http.StatusOK}})
	switch {
	case errors.Is(err, ErrNotFound):
		return out, fmt.Errorf("%w: %w", ErrNoCache, err)
	case errors.Is(err, ErrForbidden):
		return out, fmt.Errorf("%w: %w", ErrCacheRefused, err)
	}
	for _, i := range answer.Images {
		if i.ID == id {
			out = Cached{Here: true, SizeBytes: i.SizeBytes, Hits: i.Hits}
		}
	}
	out.Queued = slices.Contains(answer.Queued, id)
	return out, err
}

// CheckCache tells whether an image can be taken into the cache, and what that has.
//
// Errors besides Cached's: ErrNotFound, ErrNotActive.
func (c *Client) CheckCache(ctx context.Context, id string) (*Image, Cached, error) {
	cached, err := c.Cached(ctx, id)
	if err != nil {
		return nil, cached, err
	}
	img, err := c.Get(ctx, id)
	if err == nil && img.Status != StatusActive {
		err = fmt.Errorf("image %q: %w but %s", id, ErrNotActive, img.Status)
	}
	return img, cached, err
}

// Preheat has the server that answers take an image into its cache, and waits until
// it is there. One that is there already is no error.
//
// Similar to: `glance cache-queue`.
//
// Errors besides CheckCache's: ErrNotCached; ErrUndecided at the end of ctx, where
// Glance may go on.
func (c *Client) Preheat(ctx context.Context, id string) (Cached, error) {
	_, is, err := c.CheckCache(ctx, id)
	if err != nil || is.Here {
		return is, err
	}
	if !is.Queued {
		if err := c.changeCache(ctx, http.MethodPut, "queue", id, http.StatusAccepted, func(now Cached) bool { return now.Here || now.Queued }); err != nil {
			return is, err
		}
	}
	for {
		if is, err = c.Cached(ctx, id); err != nil || is.Here {
			return is, err
		}
		if !is.Queued { // it may have come in between
			if is, err = c.Cached(ctx, id); err == nil && !is.Here && !is.Queued {
				err = fmt.Errorf("%w: image %q is neither cached nor queued any more", ErrNotCached, id)
			}
			if err != nil || is.Here {
				return is, err
			}
		}
		select {
		case <-ctx.Done():
			return is, fmt.Errorf("%w: image %q is queued for the cache: %w", ErrUndecided, id, ctx.Err())
		case <-time.After(cachePoll):
		}
	}
}

// Evict takes an image out of the cache of the server that answers, and out of its
// queue. One that is not there is no error.
//
// Similar to: `glance cache-delete`.
//
// Errors besides connect's: ErrNoCache, ErrCacheRefused.
func (c *Client) Evict(ctx context.Context, id string) error {
	is, err := c.Cached(ctx, id)
	if err != nil || !is.Here && !is.Queued {
		return err
	}
	return c.changeCache(ctx, http.MethodDelete, "evict", id, http.StatusNoContent, func(now Cached) bool { return !now.Here && !now.Queued })
}

func (c *Client) changeCache(ctx context.Context, method, verb, id string, ok int, done func(Cached) bool) error {
	op := fmt.Sprintf("%s image %q", verb, id)
	path, err := imagePath(id)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	r := request{op: op, method: method, path: "cache" + strings.TrimPrefix(path, "images"), ok: []int{ok}}
	err = c.change(ctx, func(ctx context.Context) error { return c.do(ctx, r) }, func(ctx context.Context) (bool, error) {
		now, err := c.Cached(ctx, id)
		return err == nil && done(now), err
	})
	if errors.Is(err, ErrForbidden) {
		err = fmt.Errorf("%w: %w", ErrCacheRefused, err)
	}
	return err
}
