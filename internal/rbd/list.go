// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// atOnce is how many images of a listing are open at the same time.
const atOnce = 10

// maxListed bounds the images of a listing or lineage: all of them are held in
// memory, and each is opened.
const maxListed = 100_000

// ErrTooMany says that there are more images than a listing or lineage may have.
var ErrTooMany = errors.New("too many images")

// Listing says which images are to be listed.
type Listing struct {
	Pool      string
	Namespace string
	// Match picks images by name before they are opened; nil picks all.
	Match func(name string) bool
	// Trash adds those in the trash; their specs have the names that they had.
	Trash bool
	// What is to be read of each.
	What Reading

	// most replaces maxListed, in tests.
	most int
}

// Images reads the images of a pool and namespace, sorted by name, several at
// a time and each in one opening, read-only and without a watch. An image that
// is gone when its turn comes is left out, as `rbd ls --long` does; so is one
// that an interrupted `rbd rm` has left in the directory only.
//
// Similar to: `rbd ls --long` and `rbd trash ls --all`.
//
// Errors: ErrPoolNotFound, ErrNamespaceNotFound, ErrPermission, ErrTooMany; those of
// one image name it.
func (c *Cluster) Images(ctx context.Context, l Listing) ([]Details, error) {
	if err := c.CheckPool(ctx, l.Pool, l.Namespace); err != nil {
		return nil, err
	}
	var out []Details
	err := c.do(ctx, func(cn *connection) error {
		places, err := cn.list(l)
		if err != nil {
			return err
		}
		found, err := cn.detailsOf(ctx, places, l.What)
		if err != nil {
			return c.namePools(cn, err)
		}
		for _, d := range found {
			if d != nil {
				out = append(out, *d)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (cn *connection) list(l Listing) ([]place, error) {
	var out []place
	pool := Spec{Pool: l.Pool, Namespace: l.Namespace}
	err := cn.withPool(l.Pool, l.Namespace, func(ioctx *rados.IOContext) error {
		names, err := librbd.GetImageNames(ioctx)
		if err != nil {
			return translate("list the images of", poolName(pool.PoolSpec()), ErrPoolNotFound, err)
		}
		for _, name := range names {
			out = append(out, place{spec: pool.WithImage(name)})
		}
		if !l.Trash {
			return nil
		}
		trash, err := listTrash(ioctx, pool)
		for _, t := range trash {
			out = append(out, place{spec: pool.WithImage(t.Name), id: t.ID, trash: &t})
		}
		return err
	})
	if l.Match != nil {
		out = slices.DeleteFunc(out, func(p place) bool { return !l.Match(p.spec.Image) })
	}
	if most := cmp.Or(l.most, maxListed); err == nil && len(out) > most {
		return nil, fmt.Errorf("list the images of %s: %w: %d, at most %d", pool.PoolSpec(), ErrTooMany, len(out), most)
	}
	slices.SortFunc(out, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.spec.Image, b.spec.Image), cmp.Compare(a.id, b.id))
	})
	return out, err
}

// detailsOf reads many images at a time. Those that are gone are nil.
func (cn *connection) detailsOf(ctx context.Context, places []place, what Reading) ([]*Details, error) {
	out := make([]*Details, len(places))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, at := range places {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, err := cn.details(ctx, at, what)
			if errors.Is(err, ErrImageNotFound) {
				return nil
			}
			out[i] = &d
			return err
		})
	}
	return out, group.Wait()
}

// namePools adds to a refusal which pools the user may not read: librbd looks
// for clones in all of them and says of none that it was the one.
func (c *Cluster) namePools(cn *connection, err error) error {
	if code := errno(err); code != syscall.EPERM && code != syscall.EACCES {
		return err
	}
	if !errors.Is(err, ErrPermission) {
		err = fmt.Errorf("%w: %w", ErrPermission, err)
	}
	pools, e := cn.conn.ListPools()
	if e != nil {
		return err
	}
	closed := refusing(cn, pools, searchClones)
	if len(closed) == 0 {
		closed = refusing(cn, pools, listDirectory)
	}
	if len(closed) == 0 {
		return err
	}
	return fmt.Errorf("%w; client.%s may not read the pools %s", err, c.User(), strings.Join(closed, ", "))
}

// refusing picks the pools that do not permit what ask does.
func refusing(cn *connection, pools []string, ask func(*rados.IOContext) error) []string {
	var out []string
	for _, pool := range pools {
		err := cn.withPool(pool, "", ask)
		if code := errno(err); code == syscall.EPERM || code == syscall.EACCES {
			out = append(out, fmt.Sprintf("%q", pool))
		}
	}
	slices.Sort(out)
	return out
}

// searchClones asks as librbd does when it looks for the v1 clones of a
// snapshot, which "profile rbd" permits in all pools and "profile
// rbd-read-only" does not. Only whether it is refused counts.
func searchClones(ioctx *rados.IOContext) error {
	op := rados.CreateReadOp()
	defer op.Release()
	op.Exec("rbd", "get_children", nil)
	return op.Operate(ioctx, "rbd_children", rados.OperationNoFlag)
}

// listDirectory asks for a name, as librbd does for those of v2 clones.
func listDirectory(ioctx *rados.IOContext) error {
	_, err := librbd.GetImageNames(ioctx)
	return err
}
