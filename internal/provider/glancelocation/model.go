// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"crypto/sha1" //nolint:gosec // a file name of Nova's, no protection
	"encoding/hex"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/ondestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Snapshot   types.String `tfsdk:"snapshot"`
	ImageID    types.String `tfsdk:"image_id"`
	Name       types.String `tfsdk:"name"`
	Visibility types.String `tfsdk:"visibility"`
	Members    types.Set    `tfsdk:"members"`
	Tags       types.Set    `tfsdk:"tags"`
	Properties types.Map    `tfsdk:"properties"`
	MinDisk    types.Int64  `tfsdk:"min_disk"`
	MinRAM     types.Int64  `tfsdk:"min_ram"`
	Protected  types.Bool   `tfsdk:"protected"`
	Hidden     types.Bool   `tfsdk:"hidden"`
	Protection types.String `tfsdk:"protection"`
	OnDestroy  types.String `tfsdk:"on_destroy"`
	Hash       types.String `tfsdk:"hash"`
	VerifyHash types.String `tfsdk:"verify_hash"`
	HashAlgo   types.String `tfsdk:"os_hash_algo"`
	AliasPool  types.String `tfsdk:"alias_pool"`

	Owner           types.String `tfsdk:"owner"`
	Store           types.String `tfsdk:"store"`
	CopyToStores    types.Set    `tfsdk:"copy_to_stores"`
	DiskFormat      types.String `tfsdk:"disk_format"`
	ContainerFormat types.String `tfsdk:"container_format"`

	LocationURL      types.String   `tfsdk:"location_url"`
	Status           types.String   `tfsdk:"status"`
	CreatedAt        types.String   `tfsdk:"created_at"`
	MemberStatus     types.Map      `tfsdk:"member_status"`
	SizeBytes        types.Int64    `tfsdk:"size_bytes"`
	HashValue        types.String   `tfsdk:"os_hash_value"`
	Checksum         types.String   `tfsdk:"checksum"`
	HashMatches      types.Bool     `tfsdk:"hash_matches"`
	Guard            types.String   `tfsdk:"guard"`
	Alias            types.String   `tfsdk:"alias"`
	RBDImageID       types.String   `tfsdk:"rbd_image_id"`
	SnapshotID       types.Int64    `tfsdk:"snapshot_id"`
	NovaBaseFileName types.String   `tfsdk:"nova_base_file_name"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`

	// at is the Glance of the record, from the private state.
	at glance.Identity
}

// ref is known for what is in a state.
func (m model) ref() (registration.Ref, error) {
	snapshot, err := rbd.ParseSpec(m.Snapshot.ValueString())
	ref := registration.Ref{
		Snapshot: snapshot, RBDImageID: m.RBDImageID.ValueString(),
		SnapshotID: uint64(m.SnapshotID.ValueInt64()), //nolint:gosec // it came from a uint64
		ImageID:    m.ImageID.ValueString(),
		Owner:      m.Owner.ValueString(), Glance: m.at, Copies: values.Sorted(m.CopyToStores.Elements()),
	}
	return ref.WithAlias(m.aliasPool(snapshot)), err
}

// request is what is wanted. What is not known yet is left out.
func (m model) request() (registration.Request, error) {
	snapshot, err := rbd.ParseSpec(m.Snapshot.ValueString())
	req := registration.Request{
		Snapshot: snapshot, ImageID: m.ImageID.ValueString(),
		Name: m.Name.ValueString(), Visibility: m.Visibility.ValueString(), Owner: m.Owner.ValueString(),
		DiskFormat: m.DiskFormat.ValueString(), ContainerFormat: m.ContainerFormat.ValueString(),
		MinRAMMiB: m.MinRAM.ValueInt64(), Protected: m.Protected.ValueBool(), Hidden: m.Hidden.ValueBool(),
		Tags: values.Sorted(m.Tags.Elements()), Properties: m.properties(), Store: m.Store.ValueString(), Copies: values.Sorted(m.CopyToStores.Elements()),
		Protection: registration.Protection(m.Protection.ValueString()), AliasPool: m.aliasPool(snapshot),
		Hash: m.wantsHash(), HashAlgo: m.HashAlgo.ValueString(),
	}
	if !m.MinDisk.IsUnknown() {
		req.MinDiskGiB = m.MinDisk.ValueInt64Pointer()
	}
	if !m.Members.IsNull() {
		req.Members = append([]string{}, values.Sorted(m.Members.Elements())...)
	}
	return req, err
}

// change is what an update makes of the state.
func (m model) change(state model) (registration.Change, error) {
	ref, err := state.ref()
	if err != nil {
		return registration.Change{}, err
	}
	before, err := state.request()
	if err != nil {
		return registration.Change{}, err
	}
	want, err := m.request()
	verify := verifyAsked(state, m) || m.Hash.ValueString() == hashEager && !m.Hash.Equal(state.Hash)
	return registration.Change{Ref: ref, Before: before, Want: want, Verify: verify}, err
}

func (m model) onDestroy() registration.OnDestroy {
	return registration.OnDestroy(m.OnDestroy.ValueString())
}

// set puts what a creation or an update has made into the model.
func (m *model) set(res registration.Result) {
	m.at = res.Ref.Glance
	m.AliasPool = m.knownAliasPool()
	m.setRef(res.Ref)
	m.setRecord(res.Image, false)
	m.LocationURL = text(res.LocationURL)
	m.setMemberStatus(res.Members)
	if m.HashMatches.IsUnknown() {
		m.HashMatches = types.BoolNull()
	}
	m.setProtection(res.Ref)
}

// setAnswer puts what a refresh has found into the model. It returns false where
// the record is not there.
func (m *model) setAnswer(a registration.Answer, imported bool) (there bool) {
	if a.Deleting {
		m.Status = types.StringValue(glance.StatusDeleted)
		return true
	}
	if a.Image == nil {
		return false
	}
	m.at = a.Ref.Glance
	m.setRecord(a.Image, imported)
	m.LocationURL = text(a.LocationURL)
	m.setMemberStatus(a.Members)
	m.setMembers(a.Members, imported)
	m.HashMatches = types.BoolPointerValue(a.HashMatches)
	m.Guard, m.Alias = types.StringNull(), types.StringNull()
	switch {
	case a.Protector == rbd.Spec{}:
	case a.Ref.HasAlias():
		m.Alias = types.StringValue(a.Protector.String())
	default:
		m.Guard = types.StringValue(a.Protector.String())
	}
	if imported {
		m.setImported(a)
	}
	m.AliasPool = m.knownAliasPool()
	return true
}

// setImported is for arguments that an import has to find out.
func (m *model) setImported(a registration.Answer) {
	m.OnDestroy = types.StringValue(ondestroy.Delete)
	m.Hash = types.StringValue(hashOff)
	if a.Hashed {
		m.Hash = types.StringValue(hashOnce)
	}
	if !a.Ref.HasAlias() {
		m.Protection = types.StringValue(protectionNone)
		if !m.Guard.IsNull() {
			m.Protection = types.StringValue(protectionGuard)
		}
	}
}

// setAdopted is for a record that others have registered.
func (m *model) setAdopted(ref registration.Ref) {
	m.setRef(ref)
	if ref.HasAlias() {
		m.Protection, m.AliasPool = types.StringValue(protectionAlias), types.StringValue(ref.Alias.Pool)
	}
}

func (m *model) setRef(ref registration.Ref) {
	m.Snapshot = types.StringValue(ref.Snapshot.String())
	m.RBDImageID = types.StringValue(ref.RBDImageID)
	m.SnapshotID = types.Int64Value(int64(ref.SnapshotID)) //nolint:gosec // a counter
}

// setRecord puts what Glance says into the model. Of tags and properties only
// those that are ours show; an import takes all of them for ours.
func (m *model) setRecord(rec *glance.Image, imported bool) {
	m.ImageID = types.StringValue(rec.ID)
	m.Name = types.StringValue(rec.Name)
	m.Visibility = types.StringValue(rec.Visibility)
	m.MinDisk = types.Int64Value(rec.MinDiskGiB)
	m.MinRAM = types.Int64Value(rec.MinRAMMiB)
	m.Protected = types.BoolValue(rec.Protected)
	m.Hidden = types.BoolValue(rec.Hidden)
	m.DiskFormat = types.StringValue(rec.DiskFormat)
	m.ContainerFormat = types.StringValue(rec.ContainerFormat)
	m.Status = types.StringValue(rec.Status)
	m.CreatedAt = types.StringValue(rec.CreatedAt.UTC().Format(time.RFC3339))
	m.Owner = types.StringValue(rec.Owner)
	m.SizeBytes = types.Int64Value(rec.SizeBytes)
	m.NovaBaseFileName = types.StringValue(novaBaseFileName(rec.ID))
	m.setHashes(registration.HashesOf(rec))
	if rec.Status == glance.StatusActive || m.Store.IsUnknown() {
		m.Store = text(registration.StoreOf(rec))
	}
	m.setCopies(rec, imported)

	ours, tags := values.Sorted(m.Tags.Elements()), []attr.Value{}
	for _, t := range rec.Tags {
		if imported || slices.Contains(ours, t) {
			tags = append(tags, types.StringValue(t))
		}
	}
	if imported && len(tags) > 0 || !imported && !m.Tags.IsNull() {
		m.Tags = types.SetValueMust(types.StringType, tags)
	}
	mine, properties := m.properties(), map[string]attr.Value{}
	for k, v := range rec.Properties {
		if _, ok := mine[k]; ok || imported {
			properties[k] = types.StringValue(v)
		}
	}
	if imported && len(properties) > 0 || !imported && !m.Properties.IsNull() {
		m.Properties = types.MapValueMust(types.StringType, properties)
	}
}

func novaBaseFileName(imageID string) string {
	sum := sha1.Sum([]byte(imageID)) //nolint:gosec // as Nova does it
	return hex.EncodeToString(sum[:])
}

func (m model) properties() map[string]string { return values.Map(m.Properties.Elements()) }

// text is null where it is empty.
func text(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}
