// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// Info is what `ceph -s` and `ceph version` say of the cluster.
type Info struct {
	FSID     string
	Monitors []string // addresses, as in mon_host
	Version  string   // of the release that all monitors run at least, "16.2.15"
}

// FSID connects, and with that checks the fsid of the configuration.
func (c *Cluster) FSID(ctx context.Context) (string, error) {
	var fsid string
	err := c.do(ctx, func(cn *connection) error {
		fsid = cn.fsid
		return nil
	})
	return fsid, err
}

// Home tells in which cluster a pool is, and by which number that knows it,
// which stays when the pool is renamed.
//
// Errors: ErrPoolNotFound.
func (c *Cluster) Home(ctx context.Context, pool string) (fsid string, poolID int64, err error) {
	err = c.do(ctx, func(cn *connection) error {
		fsid = cn.fsid
		return cn.withPool(pool, "", func(ioctx *rados.IOContext) error {
			poolID = ioctx.GetPoolID()
			return nil
		})
	})
	return fsid, poolID, err
}

// PoolName is the name that the pool with this number has now.
//
// Errors: ErrPoolNotFound.
func (c *Cluster) PoolName(ctx context.Context, id int64) (string, error) {
	var name string
	err := c.do(ctx, func(cn *connection) (err error) {
		name, err = cn.conn.GetPoolByID(id)
		if errno(err) == syscall.ENOENT {
			return fmt.Errorf("%w: the one with the number %d", ErrPoolNotFound, id)
		}
		return err
	})
	return name, err
}

// Info asks the monitors; it needs no more than `mon 'profile rbd'`.
func (c *Cluster) Info(ctx context.Context) (Info, error) {
	var out Info
	err := c.do(ctx, func(cn *connection) error {
		out.FSID = cn.fsid
		var dump struct {
			Mons []struct {
				PublicAddrs struct {
					Addrvec []struct {
						Type string `json:"type"`
						Addr string `json:"addr"`
					} `json:"addrvec"`
				} `json:"public_addrs"`
			} `json:"mons"`
		}
		if err := cn.monCommand("mon dump", &dump); err != nil {
			return err
		}
		for _, m := range dump.Mons {
			for _, a := range m.PublicAddrs.Addrvec {
				out.Monitors = append(out.Monitors, a.Type+":"+a.Addr)
			}
		}
		slices.Sort(out.Monitors)
		var version struct {
			Version string `json:"version"`
		}
		if err := cn.monCommand("version", &version); err != nil {
			return err
		}
		// "ceph version 16.2.15 (618f…) pacific (stable)"
		if _, err := fmt.Sscanf(version.Version, "ceph version %s", &out.Version); err != nil {
			return fmt.Errorf("read the version out of %q: %w", version.Version, err)
		}
		return nil
	})
	return out, err
}

// monCommand has args in pairs of name and value.
func (cn *connection) monCommand(prefix string, into any, args ...string) error {
	words := map[string]string{"prefix": prefix, "format": "json"}
	for pair := range slices.Chunk(args, 2) {
		words[pair[0]] = pair[1]
	}
	cmd, err := json.Marshal(words)
	if err != nil {
		return err
	}
	answer, status, err := cn.conn.MonCommand(cmd)
	if err != nil {
		return fmt.Errorf("ask the monitors for %q: %w %s", prefix, err, status)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the monitors' answer to %q: %w", prefix, err)
	}
	return nil
}
