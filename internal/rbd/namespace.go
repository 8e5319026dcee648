// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// ErrNamespaceNotEmpty says that images are in a namespace, or in its trash.
var ErrNamespaceNotEmpty = errors.New("namespace is not empty")

// maxNamespaceBytes is osd_max_object_namespace_len.
const maxNamespaceBytes = 256

// CheckNamespaceName tells whether librbd, and everything that writes a spec,
// can name a namespace so.
//
// Errors: ErrInvalidSpec.
func CheckNamespaceName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the namespace name is empty: %w", ErrInvalidSpec)
	case strings.ContainsAny(name, "@/"):
		return fmt.Errorf("the namespace name %q contains \"@\" or \"/\", which separate the parts of a spec: %w", name, ErrInvalidSpec)
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return fmt.Errorf("the namespace name %q contains a control character: %w", name, ErrInvalidSpec)
	case len(name) > maxNamespaceBytes:
		return fmt.Errorf("the namespace name %q is longer than %d bytes: %w", name, maxNamespaceBytes, ErrInvalidSpec)
	}
	return nil
}

// NamespaceNotEmptyError names what is in a namespace.
type NamespaceNotEmptyError struct {
	Pool, Namespace string
	// Images are specs, in the order of their names. Those in the trash have the
	// names that they had, and say so.
	Images []string
}

// maxNamed is how many images a message names.
const maxNamed = 10

func (e *NamespaceNotEmptyError) Error() string {
	return fmt.Sprintf("namespace %s/%s is not empty: %s", e.Pool, e.Namespace, Named(e.Images, ", ", maxNamed))
}

func (e *NamespaceNotEmptyError) Unwrap() error { return ErrNamespaceNotEmpty }

// Namespaces are the names of all namespaces of a pool, sorted; the default one
// has no name and is not among them.
//
// Similar to: `rbd namespace ls`.
//
// Errors: ErrPoolNotFound, ErrPermission.
func (c *Cluster) Namespaces(ctx context.Context, pool string) ([]string, error) {
	var out []string
	err := c.withPool(ctx, pool, "", readOnly, func(ioctx *rados.IOContext) error {
		var err error
		out, err = librbd.NamespaceList(ioctx)
		return translate("list the namespaces of", poolName(pool), ErrPoolNotFound, err)
	})
	slices.Sort(out)
	return out, err
}

// RemoveNamespace removes a namespace that has no images, neither in it nor in
// its trash. One that is gone is no error, nor is its pool.
//
// Similar to: `rbd namespace rm`.
//
// Errors: NamespaceNotEmptyError, or ErrNamespaceNotEmpty where an image came
// while it was looked for; ErrPermission.
func (c *Cluster) RemoveNamespace(ctx context.Context, pool, name string) error {
	// librbd closes the namespace to new images before it looks what is in it:
	// it is not bothered where that is known.
	err := c.CheckNamespaceEmpty(ctx, pool, name, nil)
	if err == nil {
		err = c.withPool(ctx, pool, "", readWrite, func(ioctx *rados.IOContext) error {
			err := librbd.NamespaceRemove(ioctx, name)
			if errno(err) == syscall.EBUSY {
				return fmt.Errorf("remove namespace %s/%s: %w (%w)", pool, name, ErrNamespaceNotEmpty, err)
			}
			return translate("remove namespace", poolName(pool+"/"+name), ErrNamespaceNotFound, err)
		})
	}
	if err == nil { // one that was never read since it was made
		err = tolerate(c.ClaimNamespace(ctx, pool, name), ErrPermission)
	}
	return tolerate(err, ErrNamespaceNotFound, ErrPoolNotFound)
}

// CheckNamespaceEmpty says which images keep a namespace from being removed,
// without changing anything. Those that pass are left out; a nil pass lets none,
// and then none is opened. A namespace that is not there is empty.
//
// Similar to: `rbd ls` and `rbd trash ls --all`.
//
// Errors: NamespaceNotEmptyError, ErrPoolNotFound, ErrPermission.
func (c *Cluster) CheckNamespaceEmpty(ctx context.Context, pool, name string, pass func(Image) bool) error {
	at := Listing{Pool: pool, Namespace: name, Trash: true}
	for look := 1; ; look++ {
		var obstacles []string
		var unopened int
		err := c.do(ctx, func(cn *connection) (err error) {
			obstacles, unopened, err = cn.obstacles(ctx, at, pass)
			return err
		})
		if err != nil || len(obstacles) == 0 {
			return err
		}
		// The last thing that librbd removes of an image is its name.
		if unopened > 0 && look < vanishingLooks {
			select {
			case <-time.After(vanishingPause):
				continue
			case <-ctx.Done():
			}
		}
		return &NamespaceNotEmptyError{Pool: pool, Namespace: name, Images: obstacles}
	}
}

// An image that can't be opened is looked for this often, with pauses, before it
// counts as one that stays.
const (
	vanishingLooks = 5
	vanishingPause = 300 * time.Millisecond
)

// obstacles are the images of a place that do not pass, as in NamespaceNotEmptyError,
// and how many of them are in the directory and can't be opened: librbd minds them.
func (cn *connection) obstacles(ctx context.Context, at Listing, pass func(Image) bool) (names []string, unopened int, err error) {
	places, err := cn.list(at)
	if err != nil {
		return nil, 0, err
	}
	images := make([]*Details, len(places))
	if pass != nil {
		if images, err = cn.detailsOf(ctx, places, 0); err != nil {
			return nil, 0, err
		}
	}
	for i, at := range places {
		switch {
		case images[i] != nil && pass(images[i].Image):
			continue
		case pass != nil && images[i] == nil && at.trash != nil:
			continue // just being removed
		case pass != nil && images[i] == nil:
			unopened++
		}
		text := at.spec.String()
		if at.trash != nil {
			text += fmt.Sprintf(" (in the trash, id %s)", at.id)
		}
		names = append(names, text)
	}
	return names, unopened, nil
}
