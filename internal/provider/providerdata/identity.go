// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrOtherIdentity says that an identity, as of an import block, is of another
// cluster than the provider's.
var ErrOtherIdentity = errors.New("the identity is of another cluster")

// CheckIdentity compares the fsid of an identity, where it has one, with that of
// the provider's cluster, which it returns. Errors: ErrOtherIdentity.
func (d *Data) CheckIdentity(ctx context.Context, want string) (fsid string, err error) {
	if fsid, err = d.Ceph.FSID(ctx); err != nil {
		return "", err
	}
	if want != "" && !strings.EqualFold(want, fsid) {
		return "", fmt.Errorf("%w: its fsid is %s, that of the provider's cluster is %s", ErrOtherIdentity, want, fsid)
	}
	return fsid, nil
}
