// SPDX-License-Identifier: MPL-2.0

package replica

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/replication"
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

// reference is the source for the operation.
func (s sourceModel) reference() replication.Reference {
	r := replication.Reference{Snapshot: s.Snapshot.ValueString(), FSID: s.FSID.ValueString()}
	if s.elsewhere() {
		r.Cluster = &rbd.Config{
			ConfFile: s.ConfFile.ValueString(), User: s.User.ValueString(),
			KeyringFile: s.KeyringFile.ValueString(), Monitors: values.Strings(s.Monitors.Elements()),
		}
	}
	return r
}

// readSource returns false while not all of the source is known.
func (m model) readSource(ctx context.Context, diags *diag.Diagnostics) (src sourceModel, known bool) {
	if m.Source.IsUnknown() || m.Source.IsNull() {
		return src, false
	}
	diags.Append(m.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	return src, src.known()
}

// request is what is to be copied into the image with this spec.
func (m model) request(src sourceModel, spec rbd.Spec) replication.Request {
	return replication.Request{
		Source: src.reference(), Planned: m.copied(), Target: spec, Layout: m.sizeless().Layout(),
		Protect: m.Protected.ValueBool(), Keep: int(m.KeepSnapshots.ValueInt64()), VerifyContent: m.VerifyContent.ValueBool(),
		Token: m.token,
	}
}

// copied is what the image is, or will be, a copy of, as far as that is known.
func (m model) copied() replication.ID {
	return replication.ID{ImageID: m.SourceImageID.ValueString(), SnapshotID: uint64(m.SourceSnapshotID.ValueInt64())} //nolint:gosec // never negative
}

// before is what the state has.
func (m model) before() replication.Before {
	return replication.Before{
		Spec: m.RBDSpec(), ImageID: m.ImageID.ValueString(), Source: m.copied(),
		Snapshot: m.Snapshot.ValueString(), Modified: m.Modified.ValueBool(),
	}
}

// token is that of a first copy.
func (m model) token(from replication.ID) string {
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
