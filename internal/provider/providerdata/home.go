// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// homeKey is where the private state keeps in which cluster, and in which pool
// of it, what the state has is: what another cluster does not have is not gone.
const homeKey = "home"

type home struct {
	FSID   string `json:"fsid"`
	PoolID int64  `json:"pool_id"`
}

var (
	// ErrOtherCluster says that the state has what is in another cluster than the
	// provider's.
	ErrOtherCluster = errors.New("it is in another cluster")
	// ErrPoolRenamed says that the pool which it is in has another name.
	ErrPoolRenamed = errors.New("the pool that it is in was renamed")
)

// NoteHome keeps where a thing is, which was made or found in this pool.
func (d *Data) NoteHome(ctx context.Context, to interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, pool string) error {
	var h home
	var err error
	if h.FSID, h.PoolID, err = d.Ceph.Home(ctx, pool); err != nil {
		return err
	}
	text, err := json.Marshal(h)
	if err != nil { // plain values always can be
		panic(err)
	}
	if diags := to.SetKey(ctx, homeKey, text); diags.HasError() {
		return errors.New(diags[0].Detail())
	}
	return nil
}

// CheckHome makes sure that the provider's cluster is the one that a thing is
// in, and that the name of its pool is that pool's still. Where nothing was
// noted it can't be told.
//
// Errors: ErrOtherCluster, ErrPoolRenamed.
func (d *Data) CheckHome(ctx context.Context, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}, pool string) error {
	text, diags := from.GetKey(ctx, homeKey)
	if diags.HasError() {
		return errors.New(diags[0].Detail())
	}
	var h home
	if text == nil || json.Unmarshal(text, &h) != nil || h.FSID == "" {
		return nil //nolint:nilerr // a note that can't be read is none
	}
	fsid, err := d.Ceph.FSID(ctx)
	if err != nil {
		return err
	}
	if fsid != h.FSID {
		return fmt.Errorf("%w: that has the fsid %s, and the provider's cluster has %s", ErrOtherCluster, h.FSID, fsid)
	}
	name, err := d.Ceph.PoolName(ctx, h.PoolID)
	switch {
	case errors.Is(err, rbd.ErrPoolNotFound):
		err = nil // removed, with all that was in it
	case err == nil && name != pool:
		err = fmt.Errorf("%w: %q is %q now", ErrPoolRenamed, pool, name)
	}
	return err
}
