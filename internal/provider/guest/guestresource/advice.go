// SPDX-License-Identifier: MPL-2.0

package guestresource

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// Advice is for errors of appliances, and of the changes that are made in them.
var Advice = []report.Advice{
	{Is: workdir.ErrTooMuch, Do: "It was stopped, and the image was not changed. If the guest is to write as much, raise max_overlay_size in the provider's guestfs argument."},
	{Is: workdir.ErrFilling, Do: "What was running was stopped, and the image was not changed. Make room there, or set TMPDIR to a folder with more space. max_overlay_size in the provider's guestfs argument limits what one guest may write there."},
	{Is: guestread.ErrUnusable, Do: "Nothing was started. An encrypted guest is changed in its own build, or by a program that runs in it when it boots; a disk for sectors of 4096 bytes is to be built for 512."},
	{Is: guestfs.ErrNoSystem, Do: "virt-sysprep and virt-customize work on operating systems that libguestfs's inspection knows. Files of any other are edited with rbd_guest_file_edit, by its root_device or mounts. The image was not changed."},
	{Is: guestfs.ErrNoMount, Do: "Its file system may be newer than the kernel of the machine that runs Terraform, from which the appliance is made, or damaged: try `guestfish --ro -a IMAGE` there, and a newer release. The image was not changed."},
	{Is: guestfs.ErrManyRoots, Do: "Say which one is meant with root_device."},
	{Is: guestfs.ErrNoRoot, Do: "Say where the root file system is with root_device, if the image holds one."},
	{Is: guestfs.ErrFeature, Do: "Install the package on the machine that runs Terraform."},
	{Is: guestfs.ErrSymlink, Do: "Name the file that the link leads to. The image was not changed."},
	{Is: guestfs.ErrNoSpace, Do: "Make room in the guest, or grow its file system. The image was not changed."},
	{Is: guestfs.ErrUnclean, Do: "Start Windows and shut it down as a whole: `shutdown /s /t 0`, with fast startup and hibernation off (`powercfg /h off`), and after a `chkdsk` where it asks for one. It is never forced. The image was not changed."},
	{Is: guestfs.ErrNoModes, Do: "In Windows guests leave out mode, uid, gid and link_target: access control lists stay as they are. The image was not changed."},
	{Is: guestfs.ErrReadOnly, Do: "A read-only subvolume, as snapshots are, takes changes when `btrfs property set PATH ro false` has made it writable. The image was not changed."},
	{Is: guestfs.ErrNotMounted, Do: "The file lies on a file system of the guest that is not on this image. The image was not changed."},
	{Is: guestfs.ErrLaunch, Do: "Try `libguestfs-test-tool` on the machine that runs Terraform. With accelerator = \"tcg\" in the provider's guestfs argument no KVM is needed; launch_timeout may be raised there too."},
	{Is: guestedit.ErrChanged, Do: "Run again, so that it is planned anew. The image was not changed."},
	{Is: guestfs.ErrTool, Do: "The image was not changed. The provider's log (TF_LOG=INFO) tells how far it came."},
}
