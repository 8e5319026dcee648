// SPDX-License-Identifier: MPL-2.0

package guestresource

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// oneSystem is for resources that take a device, and for those that take none.
const oneSystem = "Files of one of them are edited and read with root_device of rbd_guest_file_edit and rbd_guest_file, and one grows with device of rbd_guest_filesystem_growth. virt-sysprep and virt-customize take images with one operating system. The image was not changed."

// Advice is for errors of appliances, and of the changes that are made in them.
var Advice = []report.Advice{
	{Is: workdir.ErrTooMuch, Do: "It was stopped, and the image was not changed. If the guest is to write as much, raise max_overlay_size in the provider's guestfs argument."},
	{Is: workdir.ErrFilling, Do: "What was running was stopped, and the image was not changed. Make room there, or set TMPDIR to a folder with more space. max_overlay_size in the provider's guestfs argument limits what one guest may write there."},
	{Is: guestread.ErrSeveral, Do: oneSystem},
	{Is: guestread.ErrEmpty, Do: "Write the guest into it first, with rbd_image_conversion for instance. Nothing was started."},
	{Is: guestread.ErrTable, Do: "`gdisk` restores a GPT from the copy at the end of the disk (r, then b or c, w): try it on a clone of the image. Nothing was started."},
	{Is: guestread.ErrCutOff, Do: "Was the source cut off, or the image shrunk? Make it anew, at least as large as the disk that it is of. Nothing was started."},
	{Is: guestread.ErrPacked, Do: "Build it anew with what is to be in it. The image was not changed."},
	{Is: guestread.ErrJournal, Do: "`tune2fs -O ^has_journal` and then `tune2fs -j`, in the image's own build, put the journal into the file system. Nothing was started."},
	{Is: guestread.ErrForeign, Do: "Change the guest in its own build, or by a program that runs in it when it boots. Nothing was started."},
	{Is: guestread.ErrUnusable, Do: "Nothing was started. An encrypted guest is changed in its own build, or by a program that runs in it when it boots; a disk for sectors of 4096 bytes is to be built for 512."},
	{Is: guestfs.ErrNoSystem, Do: "virt-sysprep and virt-customize work on operating systems that libguestfs's inspection knows. Files of any other are edited with rbd_guest_file_edit, by its root_device or mounts. The image was not changed."},
	{Is: guestfs.ErrNoMount, Do: "Its file system may be newer than the kernel of the machine that runs Terraform, from which the appliance is made, or damaged: try `guestfish --ro -a IMAGE` there, and a newer release. The image was not changed."},
	{Is: guestfs.ErrManyRoots, Do: oneSystem},
	{Is: guestfs.ErrNoRoot, Do: "Is it the image of a guest, and the right one? What can be named is any file system: for files with root_device or mounts of rbd_guest_file_edit and rbd_guest_file, for growth with device. The image was not changed."},
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
