// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// ValidationData are hashes that the caller computed of the data. Glance
// stores them with the record and never checks them.
type ValidationData struct {
	// HashAlgo must be the server's hashing_algorithm, which is sha512 unless
	// configured; any other is ErrConflict.
	HashAlgo  string `json:"os_hash_algo,omitempty"`
	HashValue string `json:"os_hash_value,omitempty"` // hexadecimal
	Checksum  string `json:"checksum,omitempty"`      // MD5, hexadecimal
}

type locationValue struct {
	URL string `json:"url"`
	// Metadata must be there, if empty.
	Metadata       map[string]string `json:"metadata"`
	ValidationData *ValidationData   `json:"validation_data,omitempty"`
}

// AddLocation registers data that is in a store already. A queued record
// becomes active and takes its size from the store.
//
// Glance opens the RBD snapshot before it answers. Hashes may be given for a
// queued record only.
//
// Errors besides connect's: ErrNotFound; ErrBadRequest (the data cannot be
// opened or is empty, no disk_format or container_format, the same URL again,
// more than 255 characters); ErrLocationsDisabled; ErrHashAlgorithm; ErrConflict
// (the status of the record, or the hashes); ErrServer (a pool that does not exist, or one
// with a namespace); ErrUndecided where the answer was lost and the location is
// not there.
//
// Similar to: `glance location-add`.
func (c *Client) AddLocation(ctx context.Context, id, url string, metadata map[string]string, validation *ValidationData) (*Image, error) {
	op := fmt.Sprintf("add a location to image %q", id)
	path, err := imagePath(id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if metadata == nil {
		metadata = map[string]string{}
	}
	value := locationValue{URL: url, Metadata: metadata, ValidationData: validation}
	img := &Image{}
	err = c.change(ctx, func(ctx context.Context) error {
		return c.do(ctx, patchRequest(op, path, []patch{{"add", "/locations/-", value}}, img))
	}, func(ctx context.Context) (bool, error) {
		got, err := c.Get(ctx, id)
		if err != nil {
			return false, err
		}
		img = got
		return got.hasLocation(url), nil
	})
	switch {
	case err == nil:
		return img, nil
	case errors.Is(err, ErrForbidden):
		return nil, c.explainRefusal(ctx, id, err)
	case errors.Is(err, ErrConflict) && validation != nil:
		if got, getErr := c.Get(ctx, id); getErr == nil && got.Status == StatusQueued {
			err = fmt.Errorf("%w than %s: %w", ErrHashAlgorithm, validation.HashAlgo, err)
		}
	}
	return nil, err
}

func (i *Image) hasLocation(url string) bool {
	for _, l := range i.Locations {
		if l.URL == url {
			return true
		}
	}
	return i.DirectURL == url
}

// explainRefusal says why a location could not be added. Records have a member
// "locations" exactly when the server's option is on.
func (c *Client) explainRefusal(ctx context.Context, id string, err error) error {
	got, getErr := c.Get(ctx, id)
	switch {
	case getErr != nil:
		return fmt.Errorf("%w: Glance's operator must set show_multiple_locations = True, and policy set_image_location must allow the caller: %w", ErrLocationsDisabled, err)
	case !got.LocationsVisible:
		return fmt.Errorf("%w: %w in Glance; ask its operator to set it to True in glance-api.conf, on an API server that only trusted users reach: %w", ErrLocationsDisabled, ErrLocationsOff, err)
	}
	who := "the caller"
	if caller, callerErr := c.Caller(ctx); callerErr == nil {
		who = fmt.Sprintf("user %q (project %q, roles %q)", caller.UserName, caller.ProjectName, caller.Roles)
	}
	return fmt.Errorf("%w: Glance's policy set_image_location does not allow it to %s; by default it wants role member in the project %q that owns the image, or role admin: %w", ErrLocationsDisabled, who, got.Owner, err)
}

// setStatus does one of the two actions of a record.
func (c *Client) setStatus(ctx context.Context, id, action, status string) error {
	op := fmt.Sprintf("%s image %q", action, id)
	path, err := imagePath(id, "actions", action)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.change(ctx, func(ctx context.Context) error {
		return c.do(ctx, request{op: op, method: http.MethodPost, path: path, ok: []int{http.StatusNoContent}})
	}, func(ctx context.Context) (bool, error) {
		got, err := c.Get(ctx, id)
		return err == nil && got.Status == status, err
	})
}

// Deactivate keeps everybody but an admin from the data; a record that is
// deactivated already is left so.
//
// Errors besides connect's: ErrNotFound; ErrForbidden, by policy or since the
// status is neither active nor deactivated; ErrUndecided.
//
// Similar to: `glance image-deactivate`.
func (c *Client) Deactivate(ctx context.Context, id string) error {
	return c.setStatus(ctx, id, "deactivate", StatusDeactivated)
}

// Reactivate takes Deactivate back; the errors are the same.
//
// Similar to: `glance image-reactivate`.
func (c *Client) Reactivate(ctx context.Context, id string) error {
	return c.setStatus(ctx, id, "reactivate", StatusActive)
}
