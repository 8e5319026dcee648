// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

var (
	// ErrBootstrapToken says that a text is no bootstrap token. It does not tell the
	// text.
	ErrBootstrapToken = errors.New("not a bootstrap token of `rbd mirror pool peer bootstrap create`")
	// ErrOwnToken says that a token was made by the cluster that is to import it.
	ErrOwnToken = errors.New("the bootstrap token is this cluster's own, and no cluster is a peer of itself")
	// ErrPoolNotMirrored says that the mirroring of a pool is disabled.
	ErrPoolNotMirrored = errors.New("the pool is not mirrored")
)

// BootstrapToken is what lets another cluster become a peer of a pool: the key of a
// Ceph user is in it.
type BootstrapToken struct {
	// FSID is that of the cluster that has made it.
	FSID string

	text, key string
}

// String does not tell the token.
func (t BootstrapToken) String() string { return "bootstrap token of the cluster " + t.FSID }

// GoString does not, either.
func (t BootstrapToken) GoString() string { return t.String() }

// ParseBootstrapToken reads a token.
//
// Errors: ErrBootstrapToken.
func ParseBootstrapToken(text string) (BootstrapToken, error) {
	t := BootstrapToken{text: strings.TrimSpace(text)}
	raw, err := base64.StdEncoding.DecodeString(t.text)
	var in struct {
		FSID     string `json:"fsid"`
		ClientID string `json:"client_id"`
		Key      string `json:"key"`
		MonHost  string `json:"mon_host"`
	}
	if err != nil || json.Unmarshal(raw, &in) != nil || in.FSID == "" || in.ClientID == "" || in.MonHost == "" || !isKey(in.Key) {
		return BootstrapToken{}, ErrBootstrapToken
	}
	t.FSID, t.key = in.FSID, in.Key
	return t, nil
}

// isKey tells whether a text is the key of a Ceph user. One that is none is shown by
// librados on the standard error.
func isKey(text string) bool {
	const header = 12 // a type, a time and the length of the secret, little-endian
	raw, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(raw) > header && int(binary.LittleEndian.Uint16(raw[header-2:])) == len(raw)-header
}

// BootstrapToken is `rbd mirror pool peer bootstrap create POOL`: it makes
// client.rbd-mirror-peer where that is not there, and is the same every time.
//
// Errors: ErrPoolNotMirrored, ErrPoolNotFound, ErrPermission.
func (c *Cluster) BootstrapToken(ctx context.Context, pool string) (text, fsid string, err error) {
	err = c.run(ctx, changeGrace, pool, func(cn *connection) error {
		fsid = cn.fsid
		return cn.withPool(pool, "", func(ioctx *rados.IOContext) (err error) {
			text, err = librbd.CreateMirrorPeerBootstrapToken(ioctx)
			if errno(err) == syscall.EINVAL {
				err = fmt.Errorf("%w: %q", ErrPoolNotMirrored, pool)
			}
			return translate("make a bootstrap token for", poolName(pool), ErrPoolNotFound, err)
		})
	})
	if err != nil { // both may still be written to, where the call was given up
		return "", "", err
	}
	return text, fsid, nil
}
