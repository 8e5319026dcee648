// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// CreateOpts describes a new record. Empty and zero members are left to
// Glance's defaults.
type CreateOpts struct {
	// ID is a UUID that no record has or ever had. When empty, one is made
	// here, so that a creation whose answer was lost can be found again; a
	// caller that wants to note the ID beforehand uses NewID.
	ID         string
	Name       string
	Visibility string
	// Owner is a project ID; only an admin may give another than its own.
	Owner string
	// DiskFormat and ContainerFormat must be set before a location is added,
	// and cannot be changed afterwards.
	DiskFormat      string
	ContainerFormat string
	MinDiskGiB      int64
	MinRAMMiB       int64
	Protected       bool
	Hidden          bool
	Tags            []string
	Properties      map[string]string
}

func (o CreateOpts) body() (map[string]any, error) {
	b := map[string]any{"id": o.ID, "name": o.Name}
	for name, value := range o.Properties {
		if err := CheckPropertyName(name); err != nil {
			return nil, err
		}
		b[name] = value
	}
	set := func(name string, value any, isSet bool) {
		if isSet {
			b[name] = value
		}
	}
	set("visibility", o.Visibility, o.Visibility != "")
	set("owner", o.Owner, o.Owner != "")
	set("disk_format", o.DiskFormat, o.DiskFormat != "")
	set("container_format", o.ContainerFormat, o.ContainerFormat != "")
	set("min_disk", o.MinDiskGiB, o.MinDiskGiB != 0)
	set("min_ram", o.MinRAMMiB, o.MinRAMMiB != 0)
	set("protected", o.Protected, o.Protected)
	set("os_hidden", o.Hidden, o.Hidden)
	set("tags", o.Tags, len(o.Tags) > 0)
	return b, nil
}

// Create makes a record, status queued, without data. Locations cannot be
// given at creation; AddLocation follows.
//
// Errors besides connect's: ErrBadRequest; ErrForbidden where the policy or
// the role is against it (a public image needs an admin); ErrConflict where
// the ID is or was in use; ErrTooLarge where a quota is used up; ErrUndecided
// where the answer was lost and the record cannot be read.
//
// Similar to: `glance image-create` without data.
func (c *Client) Create(ctx context.Context, opts CreateOpts) (*Image, error) {
	if opts.ID == "" {
		opts.ID = NewID()
	}
	op := fmt.Sprintf("create image %q (ID %s)", opts.Name, opts.ID)
	body, err := opts.body()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if _, err := imagePath(opts.ID); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	made := &Image{}
	err = c.change(ctx, func(ctx context.Context) error {
		return c.do(ctx, request{
			op: op, method: http.MethodPost, path: "images", body: body, into: made, ok: []int{http.StatusCreated},
		})
	}, func(ctx context.Context) (bool, error) {
		got, err := c.Get(ctx, opts.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			return false, nil
		case err == nil && !opts.made(got):
			return false, errStranger
		}
		made = got
		return err == nil, err
	})
	if errors.Is(err, errStranger) {
		return nil, fmt.Errorf("%s: %w", op, errStranger)
	}
	if err != nil {
		return nil, err
	}
	return made, nil
}

var errStranger = fmt.Errorf("%w: a record of this ID exists that was not made by this call", ErrConflict)

// made says whether a record can be the fresh result of these options.
func (o CreateOpts) made(i *Image) bool {
	tags := slices.Compact(slices.Sorted(slices.Values(o.Tags)))
	return i.Status == StatusQueued && i.Name == o.Name &&
		i.DiskFormat == o.DiskFormat && i.ContainerFormat == o.ContainerFormat &&
		i.MinDiskGiB == o.MinDiskGiB && i.MinRAMMiB == o.MinRAMMiB &&
		i.Protected == o.Protected && i.Hidden == o.Hidden &&
		slices.Equal(i.Tags, tags) && containsAll(i.Properties, o.Properties)
}

// containsAll ignores what is in all beyond part: Glance adds properties of
// its own (owner_specified.*, injected metadata).
func containsAll(all, part map[string]string) bool {
	for name, value := range part {
		if got, ok := all[name]; !ok || got != value {
			return false
		}
	}
	return true
}

// NewID makes a random UUID for a record.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// sortedNames keeps request bodies the same from run to run.
func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
