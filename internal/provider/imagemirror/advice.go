// SPDX-License-Identifier: MPL-2.0

package imagemirror

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var advice = []report.Advice{
	{Is: mirroring.ErrPrimaryUp, Do: "Two primaries would go apart, and what one of them gets is lost in the end. Demote it there (primary = false), which loses nothing, and leave force out. " +
		"Where that site is cut off from its users and must not go on, stop its rbd-mirror: its report counts until half a minute later. Nothing was changed."},
	{Is: mirroring.ErrNeverSynced, Do: "Wait until rbd-mirror has copied the image once (data source rbd_mirror_status, synced_at). Where the primary is gone for good, nothing of it is here. Nothing was changed."},
	{Is: mirroring.ErrUnhealthy, Do: "See `rbd mirror image status` at both sites. After a split-brain, one of the two is given up: demote that (primary = false) and let it be copied anew (another resync). force promotes or demotes all the same. Nothing was changed."},
	{Is: mirroring.ErrNoPeer, Do: "Start the rbd-mirror of the peer, and see `rbd mirror image status`. Where that cluster is gone, and this image is to be read-only all the same, set force = true. Nothing was changed."},
	{Is: mirroring.ErrNoPrimary, Do: "A resync removes what is here first. Promote the image at another site, or start the rbd-mirror that reports it, and see `rbd mirror image status`. Nothing was changed."},
	{Is: rbd.ErrPrimaryElsewhere, Do: "Demote it there first: primary = false of its rbd_image_mirror, in the same apply or before, or `rbd mirror image demote`; and see in `rbd mirror image status` whether rbd-mirror runs here, which brings that over. " +
		"Where the other cluster is gone, force = true promotes to the last state that arrived here."},
	{Is: rbd.ErrMirrorBusy, Do: "Run again when it has ended; `rbd mirror image status` says what it does."},
	{Is: rbd.ErrMirrorPool, Do: "Set the pool up first, in both clusters: rbd_mirror_pool, or `rbd mirror pool enable POOL image`, then `rbd mirror pool peer bootstrap create` and `import`. A namespace is enabled by itself."},
	{Is: rbd.ErrMirroredBefore, Do: "Bring it into this state with `terraform import`, id pool[/namespace]/image."},
	{Is: rbd.ErrPrimary, Do: "A secondary is wanted here, and this is the primary. Bring it into the state with `terraform import` and demote it then, or set primary = true. A primary is never copied anew: demote it first."},
	{Is: rbd.ErrNotMirrored, Do: "For a secondary, an image of the same name that is not mirrored must go or be renamed, as rbd-mirror does not overwrite it; for a primary, the mirroring was ended meanwhile: plan again."},
	{Is: rbd.ErrNotPrimary, Do: "It is the secondary of a mirror: bring it into the state with `terraform import` and primary = false, and promote it then."},
	{Is: rbd.ErrNoScheduler, Do: "schedule needs a manager with the module rbd_support and the caps mgr 'profile rbd': see `ceph mgr module ls`. Without one leave schedule out, and take mirror snapshots otherwise (`rbd mirror image snapshot`)."},
	{Is: rbd.ErrInUse, Do: "End what uses it first (see `rbd status`): what it wrote after the demotion would be refused. An rbd-mirror that is up does not count."},
}
