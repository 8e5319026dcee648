// SPDX-License-Identifier: MPL-2.0

package export

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// onlyOurs is the advice about a file that can't have come from an export.
const onlyOurs = "Only a raw or qcow2 file with exactly the content of the snapshot can be imported. Move it away to write a new one."

var advice = []report.Advice{
	{Is: export.ErrOtherState, Do: "Nothing was changed. Choose another name. If that run was cut off, finish it where it was begun, with another apply there; if it will never be, remove the file. " +
		"A state is told by its backend and workspace, and a local one by its host and path: what was begun before these changed is another state's, too."},
	{Is: export.ErrNotInState, Do: "Bring it back into the state with `terraform import ADDRESS FILE,SNAPSHOT`, remove it or move it away if nobody needs it, or choose another name. Where the state has it (a tainted one) and -refresh=false was given, leave that out."},
	{Is: export.ErrThisRun, Do: "Give each a file of its own."},
	{Is: export.ErrOtherFolder, Do: "Nothing was changed. Choose another name. If that run was cut off, finish it where it was begun, with another apply there; if it will never be, remove the folder: there is no more in it than a file that is not complete."},
	{Is: export.ErrNoPlace, Do: "Choose a folder on another file system."},
	{Is: export.ErrFileExists, Do: "This provider never overwrites a file: choose another name, move it away, or, if it is an export of this snapshot, take it over with `terraform import ADDRESS FILE,SNAPSHOT`."},
	{Is: errTwice, Do: "Give each a file of its own."},
	{Is: export.ErrChanged, Do: "It is left alone. Remove it or move it away, keep it with on_destroy = \"retain\", or plan again to see what it is now."},
	{Is: export.ErrNotRegular, Do: "It is left alone. Move it away, and the next plan writes the file again."},
	{Is: export.ErrNoSpace, Do: "Free some, or choose another folder. Compression makes a qcow2 smaller, by how much is not known before."},
	{Is: export.ErrNotOurs, Do: "Look what it is, and remove it or move it away."},
	{Is: export.ErrSectors, Do: "Export it with format = \"raw\"."},
	{Is: export.ErrOtherContent, Do: onlyOurs},
	{Is: qemu.ErrBackingFile, Do: onlyOurs},
	{Is: qemu.ErrDataFile, Do: onlyOurs},
	{Is: qemu.ErrEncrypted, Do: onlyOurs},
	{Is: qemu.ErrCorrupt, Do: onlyOurs},
}
