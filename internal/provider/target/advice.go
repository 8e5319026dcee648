// SPDX-License-Identifier: MPL-2.0

package target

import "github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"

// Advice is for errors that the resources on an RBD image share.
var Advice = []report.Advice{
	{Is: errNotHere, Do: "It was taken out of its state without being destroyed (`removed` with destroy = false, `terraform state rm`), was left by a run that was cut off, or belongs to another state. " +
		"Destroy it there, import it here as rbd_snapshot, or remove it (`rbd snap unprotect`, `rbd snap rm`). " +
		"Where it is in this configuration, let it refer to the image (image = rbd_image.NAME.spec), so that Terraform knows the order."},
	{Is: errMovedAbsent, Do: "Nothing was changed. Aim the provider at the cluster that has it (conf_file or monitors of its ceph argument), or look for a pool or an image that was renamed. " +
		"Where it is gone, take the moved block out of the configuration, and the old resource out of the state (`terraform state rm`)."},
	{Is: errNoImage, Do: "It was removed, or is in another pool or namespace. `rbd info` shows the id of an image, `rbd trash ls` that of one in the trash."},
}

// image is what an RBD image is called, whichever resource has made it.
var image = report.NewKind("RBD image", Advice)
