// SPDX-License-Identifier: MPL-2.0

package replica

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/replication"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var advice = []report.Advice{
	{Is: replication.ErrOtherCluster, Do: "Either source is aimed at the wrong cluster (conf_file, monitors), or its fsid is out of date. Nothing was changed."},
	{Is: replication.ErrSourceChanged, Do: "Make a new plan. Nothing was changed."},
	{Is: rbd.ErrReplicaWritten, Do: "What was written there would be lost. Where nobody needs it, go back to the snapshot with `rbd snap rollback`, or replace the image with `terraform apply -replace=ADDRESS`."},
	{Is: rbd.ErrNotReplica, Do: "Only an image that rbd_image_replica has made can be imported or brought up to date: give this one another name, or import it as rbd_image."},
	{Is: rbd.ErrNotTheSame, Do: "What was read back is not what was written: look for errors of the cluster, its network or this machine. Nothing that was there before was changed; run again."},
	{Is: rbd.ErrNoBase, Do: "So all of both will be read, and what differs copied, in place. To have less to read the next time, keep the snapshot at the source until the next one was copied."},
	{Is: rbd.ErrNotLater, Do: "Run again: the next plan replaces the image."},
}
