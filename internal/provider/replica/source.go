package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var (
	// errOtherCluster says that the source is not in the cluster that is meant.
	errOtherCluster = errors.New("the source is in another cluster")
	// errSourceChanged says that the plan is out of date.
	errSourceChanged = errors.New("the source is another snapshot than when the plan was made")
)

var advice = []report.Advice{
	{Is: errOtherCluster, Do: "Either source is aimed at the wrong cluster (conf_file, monitors), or its fsid is out of date. Nothing was changed."},
	{Is: errSourceChanged, Do: "Make a new plan. Nothing was changed."},
	{Is: rbd.ErrReplicaWritten, Do: "What was written there would be lost. Where nobody needs it, go back to the snapshot with `rbd snap rollback`, or replace the image with `terraform apply -replace=ADDRESS`."},
	{Is: rbd.ErrNotReplica, Do: "Only an image that rbd_image_replica has made can be imported or brought up to date: give this one another name, or import it as rbd_image."},
	{Is: rbd.ErrNotTheSame, Do: "What was read back is not what was written: look for errors of the cluster, its network or this machine. Nothing that was there before was changed; run again."},
	{Is: rbd.ErrNoBase, Do: "So all of both will be read, and what differs copied, in place. To have less to read the next time, keep the snapshot at the source until the next one was copied."},
	{Is: rbd.ErrNotLater, Do: "Run again: the next plan replaces the image."},
}

// origin is the source as it was found.
type origin struct {
	rbd.ReplicaSource
	image    rbd.Image
	snapshot rbd.Snapshot
}

// readSource returns false while not all of the source is known.
func (m model) readSource(ctx context.Context, diags *diag.Diagnostics) (src sourceModel, known bool) {
	if m.Source.IsUnknown() || m.Source.IsNull() {
		return src, false
	}
	diags.Append(m.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	return src, src.known()
}

// find reads the source.
func (s sourceModel) find(ctx context.Context, d *providerdata.Data) (o origin, err error) {
	spec, err := rbd.ParseSpec(s.Snapshot.ValueString())
	if err != nil {
		return o, err
	}
	o.ReplicaSource = rbd.ReplicaSource{Cluster: s.cluster(d), Spec: spec}
	fsid, err := o.Cluster.FSID(ctx)
	if want := s.FSID.ValueString(); errors.Is(err, rbd.ErrWrongCluster) || err == nil && want != "" && !strings.EqualFold(want, fsid) {
		if err == nil {
			err = fmt.Errorf("its fsid is %s, source wants %s", fsid, want)
		}
		return o, fmt.Errorf("%w: %v", errOtherCluster, err) //nolint:errorlint // the advice for the provider's own cluster does not fit
	}
	if err != nil {
		return o, err
	}
	if o.image, err = o.Cluster.Image(ctx, spec); err != nil {
		return o, err
	}
	o.snapshot, err = o.image.Snapshot(spec.Snapshot)
	o.ImageID, o.SnapshotID = o.image.ID, o.snapshot.ID
	return o, err
}
