package replica

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	target.Model
	Source        types.Object `tfsdk:"source"`
	Protected     types.Bool   `tfsdk:"protected"`
	KeepSnapshots types.Int64  `tfsdk:"keep_snapshots"`
	VerifyContent types.Bool   `tfsdk:"verify_content"`

	Snapshot         types.String `tfsdk:"snapshot"`
	SnapshotID       types.Int64  `tfsdk:"snapshot_id"`
	LocationURL      types.String `tfsdk:"location_url"`
	SourceFSID       types.String `tfsdk:"source_fsid"`
	SourceImageID    types.String `tfsdk:"source_image_id"`
	SourceSnapshotID types.Int64  `tfsdk:"source_snapshot_id"`
	TransferredBytes types.Int64  `tfsdk:"transferred_bytes"`
	Modified         types.Bool   `tfsdk:"modified"`
}

// Own are the snapshots that were copied together with the image.
func (m *model) Own() rbd.Own { return rbd.ReplicaSnapshots(stateid.ID()) }

type sourceModel struct {
	Snapshot    types.String `tfsdk:"snapshot"`
	ConfFile    types.String `tfsdk:"conf_file"`
	User        types.String `tfsdk:"user"`
	KeyringFile types.String `tfsdk:"keyring_file"`
	Monitors    types.List   `tfsdk:"monitors"`
	FSID        types.String `tfsdk:"fsid"`
}

func (s sourceModel) known() bool {
	for _, v := range []types.String{s.Snapshot, s.ConfFile, s.User, s.KeyringFile, s.FSID} {
		if v.IsUnknown() {
			return false
		}
	}
	for _, m := range s.Monitors.Elements() {
		if m.IsUnknown() {
			return false
		}
	}
	return !s.Monitors.IsUnknown()
}

// elsewhere tells whether it is of another cluster than the provider's, as far
// as the configuration says.
func (s sourceModel) elsewhere() bool {
	return !s.ConfFile.IsNull() || !s.User.IsNull() || !s.KeyringFile.IsNull() || !s.Monitors.IsNull()
}

// cluster is where the source is.
func (s sourceModel) cluster(d *providerdata.Data) *rbd.Cluster {
	if !s.elsewhere() {
		return d.Ceph
	}
	cfg := rbd.Config{
		ConfFile: s.ConfFile.ValueString(), User: s.User.ValueString(),
		KeyringFile: s.KeyringFile.ValueString(), FSID: s.FSID.ValueString(),
		Monitors: values.Strings(s.Monitors.Elements()),
	}
	return rbd.NewCluster(cfg)
}

// options are for a copy whose progress is logged.
func (m model) options(log *progress.Log) rbd.ReplicaOptions {
	return rbd.ReplicaOptions{
		Protect: m.Protected.ValueBool(), Keep: int(m.KeepSnapshots.ValueInt64()),
		Compare: m.VerifyContent.ValueBool(), Progress: log.Set,
	}
}

// token is that of a first copy.
func (m model) token(from rbd.ReplicaSource) string {
	return m.sizeless().Token("replica", from.ImageID, from.SnapshotID)
}

// sizeless is the part that target knows, for when the image is to have the size
// of the source.
func (m model) sizeless() target.Model {
	base := m.Model
	base.Size = sizetype.Null()
	return base
}

// revisionOf changes exactly when the replicated content does.
func revisionOf(imageID string, snapshotID uint64) string {
	return fmt.Sprintf("%s-%d", imageID, snapshotID)
}

// Refreshed puts what target does not know of into a refreshed model.
func (m *model) Refreshed(img rbd.Image) { m.setReplica(img) }

// Updated does the same after an update.
func (m *model) Updated(img rbd.Image) { m.setReplica(img) }

// setReplica takes what the note on the image says, which is true also where a
// run was cut off before it wrote its state.
func (m *model) setReplica(img rbd.Image) {
	if m.Size.IsNull() { // just imported
		m.Size = sizetype.New(img.SizeBytes)
	}
	if m.KeepSnapshots.IsNull() {
		m.KeepSnapshots = types.Int64Value(defaultKeep)
	}
	if m.VerifyContent.IsNull() {
		m.VerifyContent = types.BoolValue(false)
	}
	m.SourceFSID, m.SourceImageID, m.SourceSnapshotID = types.StringNull(), types.StringNull(), types.Int64Null()
	m.Snapshot, m.SnapshotID, m.LocationURL = types.StringNull(), types.Int64Null(), types.StringNull()
	m.TransferredBytes = types.Int64Null()
	if m.Modified.IsNull() || m.Modified.IsUnknown() {
		m.Modified = types.BoolValue(false)
	}
	if m.Protected.IsNull() {
		m.Protected = types.BoolValue(true)
	}
	r, ok := img.Replica()
	if !ok {
		return
	}
	m.Revision = types.StringValue(revisionOf(r.SourceImageID, r.SourceSnapshotID))
	m.SourceFSID, m.SourceImageID = types.StringValue(r.SourceFSID), types.StringValue(r.SourceImageID)
	m.SourceSnapshotID = number(r.SourceSnapshotID)
	m.TransferredBytes = number(r.TransferredBytes)
	s, err := img.SnapshotByID(r.SnapshotID)
	if err != nil {
		return // somebody removed it
	}
	spec := img.Spec.WithSnapshot(s.Name)
	m.Snapshot, m.SnapshotID = types.StringValue(spec.String()), number(s.ID)
	m.LocationURL = types.StringValue(rbd.LocationURL(img.FSID, spec))
	m.Protected = types.BoolValue(s.Protected)
}

func number(n uint64) types.Int64 {
	return types.Int64Value(int64(n)) //nolint:gosec // counters, and sizes that are signed in librbd
}
