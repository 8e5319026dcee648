// SPDX-License-Identifier: MPL-2.0

package report

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// common is the advice for what any kind of thing may meet; the first match counts.
var common = []Advice{
	{Is: rbd.ErrWithoutLibrbd, Do: "Run Terraform on Linux, with the provider's release for Linux, or a build of its source with CGO_ENABLED=1, and librbd (on Debian: librbd1). " +
		"`terraform validate`, provider functions, `terraform providers lock`, and `terraform test` with `mock_provider \"rbd\" {}` work without."},
	{Is: hostfile.ErrNotLinux, Do: "Run Terraform on Linux: what reads and changes disk images needs it."},
	{Is: rbd.ErrConfNotFound, Do: "Set conf_file in the provider's ceph argument, or CEPH_CONF, to a readable ceph.conf; or give monitors and key, which need no file."},
	{Is: rbd.ErrConfMalformed, Do: "`ceph-conf -c FILE -s global fsid` says at which line; end the last line with a line feed, too."},
	{Is: rbd.ErrKeyringNotFound, Do: "Set user and keyring_file in the provider's ceph argument, or let ceph.conf name a keyring that holds the user's key."},
	{Is: rbd.ErrAuthentication, Do: "Compare the key with `ceph auth get client.USER` on the cluster."},
	{Is: rbd.ErrWrongCluster, Do: "The provider's ceph argument names another fsid: either the module is aimed at the wrong data center, or its fsid is out of date. Nothing was changed."},
	{Is: rbd.ErrOSDSilent, Do: "See `ceph health detail` and `ceph osd tree` for the OSD that is stopped, overloaded or not to be reached from here. What was under way is finished or taken back by the next run, when it answers again; raise connect_timeout in the provider's ceph argument where the OSDs are merely slow."},
	{Is: rbd.ErrOption, Do: "Check options in the provider's ceph argument: `ceph config help NAME` tells what there is, and what it can be set to."},
	{Is: rbd.ErrUnreachable, Do: "Check the monitors' addresses (mon_host) and the network between here and them; raise connect_timeout in the provider's ceph argument where the cluster is merely slow."},
	{Is: rbd.ErrChildrenUnknown, Do: "Give the user at least `profile rbd-read-only` on all pools that may have clones: without that it can't be told what a change would break."},
	{Is: rbd.ErrPermission, Do: "See `ceph auth get client.USER`; the caps that each resource needs are on its documentation page."},
	{Is: rbd.ErrPoolNotFound, Do: "Look for a typing error with `ceph osd pool ls`, and check that the provider is aimed at the right cluster."},
	{Is: rbd.ErrNamespaceNotFound, Do: "Create it with rbd_namespace or `rbd namespace create`, or look for a typing error with `rbd namespace ls`."},
	{Is: rbd.ErrOtherState, Do: "Nothing was changed. Finish that run where it was begun, with another apply there. If it will never be, take over what it made with `terraform import`, or remove it with the rbd command; what has a temporary name (\".tfpending\") is only good for removing. " +
		"A state is told by its backend and workspace, and a local one by its host and path: what was begun before these changed is another state's, too."},
	{Is: rbd.ErrOtherArguments, Do: "Apply with the arguments that it had, bring it into the state with `terraform import`, or remove it with the rbd command if nobody needs it."},
	{Is: rbd.ErrOtherRun, Do: "Nothing was changed. Wait for its end and plan again. The lock of the state keeps two runs apart: leave -lock=false out."},
	{Is: rbd.ErrThisRun, Do: "Give one of the two resources another name."},
	{Is: rbd.ErrOwned, Do: "Nothing was changed. Where another state has it, choose another name. Where this one has it, leave -refresh=false out; and where it was to be replaced with create_before_destroy (set here, or handed on by what refers to it), let the name change with the content, as in name = \"golden-${rbd_guest_file_edit.NAME.revision}\": " +
		"two of one name can't be there at once. What no state has any more is brought into one with `terraform import`."},
	{Is: rbd.ErrExists, Do: "This provider never takes over what it did not make: choose another name, or bring the existing one into the state with `terraform import`."},
	{Is: rbd.ErrWrittenMeanwhile, Do: "What was written is left as it is, and nothing of this change is in the image. Make sure that nobody else uses the image, then run again."},
	{Is: rbd.ErrBusy, Do: "Wait until it has ended and run again, or allow for it with a longer time in timeouts. A lock of a run that was killed on another machine runs out within 40 seconds."},
	{Is: rbd.ErrInUse, Do: "End what uses it (see `rbd status` and `rbd lock ls`) and run again. The watch of a client that died goes away by itself within about 30 seconds."},
	{Is: rbd.ErrInGroup, Do: "Take it out of the group first (`rbd group image rm GROUP IMAGE`), then run again. Nothing was changed."},
	{Is: rbd.ErrNotPrimary, Do: "A secondary is read-only, and goes when its primary does. Run this at the cluster whose image is primary (`rbd mirror image status`), or promote this one first: primary = true of its rbd_image_mirror, or `rbd mirror image promote`. Where the mirroring is to end, disable it at the primary: destroy the rbd_image_mirror there, or `rbd mirror image disable`."},
	{Is: rbd.ErrRollbackCutOff, Do: "Its content is half of one state and half of another. Finish it: invoke rbd_snapshot_rollback again, to the same snapshot or to another. Where it was finished by `rbd snap rollback`, take the note off: `rbd image-meta remove IMAGE terraform-provider-rbd.rollback`."},
	{Is: rbd.ErrMirrored, Do: "What is removed here goes at the peer too. Where that is meant, disable the mirroring first: destroy the rbd_image_mirror that holds it, or `rbd mirror image disable`; else keep the image with on_destroy = \"retain\"."},
	{Is: rbd.ErrMigrating, Do: "End the migration first: `rbd migration commit` once it was executed, or `rbd migration abort`; `rbd status` of its destination says how far it is."},
	{Is: rbd.ErrReadOnly, Do: "It is the secondary of a mirror, or another client has taken its exclusive lock: see `rbd mirror image status` and `rbd status`, then run again."},
	{Is: rbd.ErrGuarded, Do: "A guard keeps the data when somebody deletes the image in Glance: neither flatten nor remove it while the image is there. Destroy the rbd_glance_image_location that has the image first; where no state has it, bring it into one with `terraform import`. Where `openstack image show ID`, as admin of the cloud that it was registered in (see `rbd image-meta ls`), says that there is no such image, remove the guard or alias with `rbd rm`, after its own snapshots. Other clones may be flattened (`rbd flatten`) or removed. Nothing was changed."},
	{Is: rbd.ErrHasChildren, Do: "Flatten the clones (`rbd flatten`) or remove them first, then run again. Nothing was changed. flatten_children_on_destroy of rbd_snapshot flattens them as part of a destroy. " +
		"One whose name ends with \".tfpending\" is being made by a run, or was when that was cut off: wait for the run, finish it where it was begun with another apply there, or remove what it left with `rbd rm`. A destroy removes those that an earlier run of its own state left."},
	{Is: rbd.ErrHasSnapshots, Do: "Remove the snapshots that are not managed here (`rbd snap rm`), flatten the clones that keep those in the trash namespace (`rbd flatten`; where no clone does, `rbd snap rm --snap-id ID IMAGE` removes one), or let the image and all that hangs on it go to the trash or stay, with on_destroy = \"trash\" or \"retain\"."},
	{Is: rbd.ErrStillThere, Do: "Somebody moves or renames it at the same time: look for its id with `rbd info` and `rbd trash ls`, and run again."},
	{Is: rbd.ErrV1Parent, Do: "Protect it (`rbd snap protect`, or protected = true of rbd_snapshot), or make a v2 clone, with clone_format = 2."},
	{Is: rbd.ErrOtherNamespace, Do: "Make a v2 clone, with clone_format = 2."},
	{Is: rbd.ErrDeferred, Do: "Wait until then, keep it there with on_destroy = \"trash\" or \"retain\", or remove it by hand with `rbd trash rm --force`."},
	{Is: rbd.ErrNotInTrash, Do: "Look for it with `rbd trash ls`."},
	{Is: rbd.ErrOtherImage, Do: "Somebody removed the image and made another of the same name. It is left alone: rename it, or remove this resource from the state with `terraform state rm`."},
	{Is: rbd.ErrOtherSnapshot, Do: "Somebody removed the snapshot and made another of the same name. It is left alone: rename it, or remove this resource from the state with `terraform state rm`."},
	{Is: rbd.ErrShrink, Do: "Shrinking cuts off data, for good: raise size to what the image has. Where its end is not wanted, allow_shrink of rbd_image lets it go."},
	{Is: rbd.ErrTooLarge, Do: "Look whether size, or what the source states, is meant. Larger objects (object_size) or features without object-map make room for more."},
	{Is: rbd.ErrSnapshotLimit, Do: "Raise its limit (`rbd snap limit set --limit N IMAGE`), or remove snapshots that nobody needs."},
	{Is: rbd.ErrPoolFull, Do: "Make room in it, raise its quota (`ceph osd pool set-quota POOL max_bytes …`), or choose another pool; then run again."},
	{Is: rbd.ErrChanged, Do: "Run again when nobody changes it; or take a snapshot and name that, which stays as it is."},
	{Is: rbd.ErrTooMany, Do: "Ask for fewer: name_regex and namespace narrow a list of images; a snapshot's spec, without whole_tree, narrows a lineage."},
	{Is: rbd.ErrImageNotFound, Do: "Look for a typing error with `rbd ls`."},
	{Is: rbd.ErrSnapshotNotFound, Do: "Look for a typing error with `rbd snap ls`."},
	{Is: command.ErrNotInstalled, Do: "Install it on the machine that runs Terraform (on Debian: qemu-utils and qemu-block-extra for qemu-img, libguestfs-tools for guestfish, virt-sysprep and virt-customize, qemu-system-x86 and qemu-block-extra for qemu-system-x86_64, qemu-system-arm and qemu-block-extra for qemu-system-aarch64)."},
	{Is: providerdata.ErrTwice, Do: "Give one of the two another name. Where both are in the state already and have one thing, take one of them out with `terraform state rm`."},
	{Is: providerdata.ErrOtherCluster, Do: "Nothing was changed. Aim the provider at that cluster (conf_file or monitors of its ceph argument, or `provider = rbd.ALIAS`); fsid there refuses any other. " +
		"Where that cluster is gone for good, take the resource out of the state with `terraform state rm`."},
	{Is: providerdata.ErrOtherIdentity, Do: "Import it through a provider configuration that is aimed at that cluster (`provider` of the import block, with an alias), " +
		"or write the fsid of this one (`ceph fsid`) if it is meant."},
	{Is: providerdata.ErrPoolRenamed, Do: "Nothing was changed. Give the pool its name back (`ceph osd pool rename`), or take the resource out of the state with `terraform state rm`, " +
		"write the new name into the configuration, and bring it back with `terraform import`."},
	{Is: glance.ErrNotConfigured, Do: "Name a cloud of clouds.yaml in the provider's openstack argument or in OS_CLOUD, give auth_url and credentials there, or set the usual OS_* variables."},
	{Is: glance.ErrCloudNotFound, Do: "Look for a typing error in cloud of the provider's openstack argument, or in OS_CLOUD."},
	{Is: glance.ErrConfig, Do: "Compare with a command that uses the same credentials: `openstack image list`."},
	{Is: glance.ErrCertificate, Do: "Name the file with the certificate of the authority that signed it: cacert_file or cacert_pem in the provider's openstack argument, cacert in clouds.yaml, or OS_CACERT. If it is out of date or of another host, its operator must renew it, or auth_url names another host than it is for."},
	{Is: glance.ErrClientCertificate, Do: "Give cert_file and key_file (or cert_pem and key_pem) in the provider's openstack argument, cert and key in clouds.yaml, or OS_CERT and OS_KEY; the server's operator says which authority must have signed it."},
	{Is: glance.ErrNoProject, Do: "Give the project: project_name and project_domain_name, or project_id, in the provider's openstack argument or of the cloud in clouds.yaml; or OS_PROJECT_NAME and OS_PROJECT_DOMAIN_NAME."},
	{Is: glance.ErrIdentityUnreachable, Do: "Check auth_url, and the network between here and Keystone."},
	{Is: glance.ErrTokenRefused, Do: "It is wrong, was revoked, or has expired: take a new token (`openstack token issue`), or make a new application credential (`openstack application credential create`)."},
	{Is: glance.ErrUnauthenticated, Do: "Check user, project and password: `openstack token issue` uses the same."},
	{Is: glance.ErrNoEndpoint, Do: "Set region, interface or endpoint in the provider's openstack argument; see `openstack catalog show image`."},
	{Is: glance.ErrNotGlance, Do: "Check endpoint in the provider's openstack argument, and the catalogue: `openstack catalog show image`."},
	{Is: glance.ErrForbidden, Do: "Glance's policy or the role of the user is against it; a public image needs the role admin by default."},
	{Is: glance.ErrTooLarge, Do: "Ask the operator of Glance for a larger quota, or make do with fewer tags and properties."},
	{Is: glance.ErrConflict, Do: "Look at the record with `openstack image show`."},
	{Is: glance.ErrBadRequest, Do: "See what Glance says; a pool or snapshot that Glance's own Ceph user can't read is one cause."},
	{Is: glance.ErrUnavailable, Do: "Glance, or a proxy before it, can't serve requests at the moment. Run again when it can; its operator finds the cause in its log, or in the proxy's. retry_timeout in the provider's openstack argument says how long such faults are waited out."},
	{Is: glance.ErrTooManyRequests, Do: "Lower -parallelism of terraform, or raise retry_timeout in the provider's openstack argument, which says how long that is waited out."},
	{Is: glance.ErrServer, Do: "See Glance's log; a pool that none of its stores uses is one cause, an alias whose parent Glance's Ceph user can't read (`profile rbd-read-only pool=POOL`) is another."},
	{Is: glance.ErrNoAnswer, Do: "Check the network between here and Glance; raise request_timeout in the provider's openstack argument where it is merely slow."},
}
