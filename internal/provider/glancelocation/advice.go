// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// advice says what to do about what a registration is refused with.
var advice = []report.Advice{
	{Is: registration.ErrTaken, Do: "Glance never gives an ID to a second image: leave image_id out or choose another (also where something else of the resource makes a new record), or bring the existing one into the state with `terraform import`."},
	{Is: errTwice, Do: "Leave image_id out of one of the two, or give it another. Where both are in the state already, take one of them out with `terraform state rm`."},
	{Is: registration.ErrOtherGlance, Do: "Set cloud, region and endpoint in the provider's openstack argument (or OS_CLOUD and OS_REGION_NAME) as they were. Where both are one Glance that has moved, or is reached by another address, say so by bringing the image into the state anew: `terraform state rm`, then `terraform import`, which notes the Glance where it finds the image. Nothing was changed."},
	{Is: registration.ErrOtherRecord, Do: "Somebody deleted the image, had Glance forget its ID, and made another. It is left alone: take this resource out of the state with `terraform state rm`."},
	{Is: registration.ErrNotProven, Do: "Either somebody deleted the image, or an admin has given it to another project, where its deletion would cost the data. An apply or destroy as admin of this cloud tells which, and removes what is left of an image that is gone. To do so by hand: make sure with `openstack image show ID` as admin that there is no such image, then remove its guard or alias with `rbd rm`. Until then the snapshot can't be removed."},
	{Is: registration.ErrNotVisible, Do: "It was not deleted, as far as can be told. Check cloud in the provider's openstack argument, and OS_CLOUD."},
	{Is: registration.ErrOtherRecords, Do: "They would lose the guard that protects their data too. Delete them first, or bring them into a state with `terraform import`. Nothing was changed."},
	{Is: registration.ErrOtherData, Do: "Glance would remove that data together with the image: remove those locations first, or destroy as a user who is not an admin. Nothing was changed."},
	{Is: registration.ErrDelayedDelete, Do: "It would lose the data when its scrubber runs. Destroy as a user of the project who is not an admin: then Glance lets the data be. Nothing was changed."},
	{Is: registration.ErrRefused, Do: "The record is as it was. See what uses the RBD image (`rbd status`, `rbd children`), and Glance's log."},
	{Is: registration.ErrDetached, Do: "See `rbd ls -l POOL` for the empty image of 1 MiB that has its name. When no DELETE of the image is under way in Glance any more, and no scrubber runs, remove the empty one with `rbd rm` and run again: the name is given back."},
	{Is: rbd.ErrDetached, Do: "A run is deleting, or was cut off while it deleted, a Glance image of it. Remove nothing by hand: the next apply or destroy with the rbd_glance_image_location puts the image back."},
	{Is: registration.ErrNotMade, Do: "What was made of it was removed again."},
	{Is: registration.ErrNoHash, Do: "Glance takes hashes only while an image has no data yet: verify_hash compares nothing here, and hash = \"once\" needs a new image."},
	{Is: registration.ErrHash, Do: "Either the snapshot is not the one that was hashed, or somebody else gave Glance the hashes. Find out which before you go on: what was read is what Nova and Cinder clone. With hash other than \"off\", the next plan makes the image anew where the hashes in Glance are wrong."},
	{Is: glance.ErrHashAlgorithm, Do: "Set os_hash_algo to the hashing_algorithm of Glance; os_hash_algo of an image that was uploaded tells it (`openstack image show`). What was made was removed again."},
	{Is: rbd.ErrNotProtected, Do: "Protect it (`rbd snap protect`, or protected = true of rbd_snapshot), as guard and alias are v1 clones; or do without: protection = \"none\"."},
	{Is: errNoStore, Do: "See `glance stores-info`. Without store, Glance finds that of the location by its pool."},
	{Is: glance.ErrNoCopy, Do: "Its operator sets enabled_import_methods to [..., 'copy-image']. Leave out copy_to_stores, or register the image at an API server that has it."},
	{Is: glance.ErrCopyRefused, Do: "By default it allows only admins. Copy as admin, or have the operator allow it to the image's owner. The image is registered; the next apply goes on with its copies."},
	{Is: glance.ErrCopy, Do: "Glance's log says why: a store that is full, or that it can't write, is one cause. The image is registered; the next apply goes on with its copies."},
	{Is: registration.ErrNoCopy, Do: "Take that store out of copy_to_stores, and see `openstack image show` for its locations. Nothing was removed."},
	{Is: registration.ErrNotPossible, Do: "Choose another snapshot, or shorter names."},
	{Is: glance.ErrNotGuarded, Do: "Leave protection at \"guard\", which takes a protected snapshot. What was made was removed again."},
	{Is: glance.ErrImport, Do: "Glance's log says why; a pool or snapshot that its own Ceph user can't read is one cause. What was made was removed again."},
	{Is: glance.ErrLocationsDisabled, Do: "A snapshot can't be registered otherwise. What was made was removed again."},
	{Is: glance.ErrUndecided, Do: "Glance may still be at work. Run again: what was done is found, and the rest done or undone."},
}
