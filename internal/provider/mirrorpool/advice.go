// SPDX-License-Identifier: MPL-2.0

package mirrorpool

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var advice = []report.Advice{
	{Is: errOtherCluster, Do: "Its peer is left as it is. Apply once without peer, which removes that, and give the other token then."},
	{Is: errNoToken, Do: "Give bootstrap_token_wo of peer: the token that ephemeral rbd_mirror_bootstrap_token makes in the other cluster, or `rbd mirror pool peer bootstrap create`."},
	{Is: errSiteNames, Do: "The site name is the cluster's, not a pool's: give all of them one, or leave site_name out but for one."},
	{Is: errSiteNameTaken, Do: "Peers are told apart by their names: give each cluster its own site_name."},
	{Is: mirroring.ErrSecondaries, Do: "They would stay behind their primaries, and nobody would be told. Promote them here, or disable their mirroring at their primaries first (destroy the rbd_image_mirror there). Nothing was changed."},
	{Is: rbd.ErrMirrorsImages, Do: "Disable the mirroring of each first, at the cluster that has the primary: destroy its rbd_image_mirror, or `rbd mirror image disable`. rbd-mirror removes secondaries then, which needs it to run here. " +
		"Let `image` of rbd_image_mirror refer to this resource's `pool`, so that Terraform destroys it before. Where the mirroring is to stay, set on_destroy = \"retain\". Nothing was changed."},
	{Is: rbd.ErrPoolMirroredBefore, Do: "Bring it into this state with `terraform import`, id pool[/namespace]. Nothing was changed."},
	{Is: rbd.ErrOwnToken, Do: "Make the token in the other cluster: `provider = rbd.ALIAS` of ephemeral rbd_mirror_bootstrap_token is that of the peer."},
	{Is: rbd.ErrOtherPeer, Do: "An rbd-mirror receives from one cluster only: let this side only send (the token imported at the other side, rx-only), or remove that peer first (`rbd mirror pool peer remove`). Nothing was changed."},
	{Is: rbd.ErrPeerNotMirrored, Do: "Enable the mirroring of the pool of the same name in the other cluster first. Where that is done by the same apply, let `pool` of ephemeral rbd_mirror_bootstrap_token refer to `spec` of its rbd_mirror_pool."},
	{Is: rbd.ErrPeerRefused, Do: "See that the monitors of the peer can be reached from here, that the token is a new one (`ceph auth get client.rbd-mirror-peer` there), that its cluster has another site name, and that the user here has mon 'allow *'. The token has the addresses that the peer's own ceph.conf has."},
	{Is: rbd.ErrPermission, Do: "A site name and peers are kept by the monitors, and need mon 'allow *' (client.admin has it); enabling and disabling needs osd 'profile rbd pool=POOL' alone."},
}
