package glancelocation

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // a file name of Nova's, no protection
	"encoding/hex"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
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
	DiskFormat      types.String `tfsdk:"disk_format"`
	ContainerFormat types.String `tfsdk:"container_format"`

	LocationURL      types.String   `tfsdk:"location_url"`
	Status           types.String   `tfsdk:"status"`
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
}

// place says which record it is, and of which snapshot.
type place struct {
	snapshot   rbd.Spec
	rbdImageID string
	snapshotID uint64
	record     string
	// alias is registered instead of the snapshot, where it has an image.
	alias rbd.Spec
	// owner is the project that has the record, where that is known.
	owner string
}

// guard is the spec of the guard.
func (p place) guard() rbd.Spec { return p.snapshot.WithImage(guardName(p.record)) }

// keeper is the guard or the alias.
func (p place) keeper() rbd.Spec {
	if p.hasAlias() {
		return p.alias
	}
	return p.guard()
}

func guardName(record string) string { return "guard." + record }

// place is known for what is in a state.
func (m model) place() (place, error) {
	spec, err := rbd.ParseSpec(m.Snapshot.ValueString())
	p := place{
		snapshot: spec, rbdImageID: m.RBDImageID.ValueString(),
		snapshotID: uint64(m.SnapshotID.ValueInt64()), //nolint:gosec // it came from a uint64
		record:     m.ImageID.ValueString(),
		owner:      m.Owner.ValueString(),
	}
	return p.withAlias(m.aliasPool(spec)), err
}

func (m model) wantsGuard() bool { return m.Protection.ValueString() == protectionGuard }

func (m model) unprotected() bool { return m.Protection.ValueString() == protectionNone }

// plannedURL is the location that Glance will be told; of an alias whose record
// has no ID yet, one as long.
func (m model) plannedURL(fsid string, snapshot rbd.Spec) string {
	p := place{snapshot: snapshot, record: cmp.Or(m.ImageID.ValueString(), glance.NewID())}.withAlias(m.aliasPool(snapshot))
	return rbd.LocationURL(fsid, p.location())
}

func novaBaseFileName(imageID string) string {
	sum := sha1.Sum([]byte(imageID)) //nolint:gosec // as Nova does it
	return hex.EncodeToString(sum[:])
}

// minDisk is what a disk must have to hold the image, in GiB. What the snapshot
// has in another format than raw is not of the snapshot's size.
func minDisk(sizeBytes int64, format string) int64 {
	if format != diskFormat {
		return 0
	}
	return (sizeBytes + 1<<30 - 1) >> 30
}

func words(set types.Set) []string {
	var out []string
	for _, v := range set.Elements() {
		if s, ok := v.(types.String); ok {
			out = append(out, s.ValueString())
		}
	}
	slices.Sort(out)
	return out
}

func (m model) tags() []string { return words(m.Tags) }

func (m model) properties() map[string]string {
	out := map[string]string{}
	for k, v := range m.Properties.Elements() {
		if s, ok := v.(types.String); ok {
			out[k] = s.ValueString()
		}
	}
	return out
}

func (m model) createOpts(id string, sizeBytes int64) glance.CreateOpts {
	return glance.CreateOpts{
		ID: id, Name: m.Name.ValueString(), Visibility: m.Visibility.ValueString(),
		Owner: m.Owner.ValueString(), DiskFormat: m.DiskFormat.ValueString(), ContainerFormat: m.ContainerFormat.ValueString(),
		MinDiskGiB: m.wantedMinDisk(sizeBytes), MinRAMMiB: m.MinRAM.ValueInt64(),
		Protected: m.Protected.ValueBool(), Hidden: m.Hidden.ValueBool(),
		Tags: m.tags(), Properties: m.properties(),
	}
}

func (m model) wantedMinDisk(sizeBytes int64) int64 {
	if m.MinDisk.IsNull() || m.MinDisk.IsUnknown() {
		return minDisk(sizeBytes, m.DiskFormat.ValueString())
	}
	return m.MinDisk.ValueInt64()
}

// changes makes the record as the model wants it. before has the tags and
// properties that were ours until now; what others have added stays.
func (m model) changes(before model, rec *glance.Image, sizeBytes int64) glance.Changes {
	minDisk := m.wantedMinDisk(sizeBytes)
	ch := glance.Changes{
		Name: m.Name.ValueStringPointer(), Visibility: m.Visibility.ValueStringPointer(),
		MinDiskGiB: &minDisk, MinRAMMiB: m.MinRAM.ValueInt64Pointer(),
		Protected: m.Protected.ValueBoolPointer(), Hidden: m.Hidden.ValueBoolPointer(),
		SetProperties: m.properties(),
	}
	if owner := m.Owner.ValueString(); owner != "" && owner != rec.Owner {
		ch.Owner = &owner
	}
	for name := range before.properties() {
		if _, ok := ch.SetProperties[name]; !ok {
			ch.RemoveProperties = append(ch.RemoveProperties, name)
		}
	}
	slices.Sort(ch.RemoveProperties)
	tags, was := m.tags(), before.tags()
	for _, t := range rec.Tags {
		if !slices.Contains(was, t) {
			tags = append(tags, t)
		}
	}
	slices.Sort(tags)
	tags = slices.Compact(tags)
	ch.Tags = &tags
	return ch
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
	m.Owner = types.StringValue(rec.Owner)
	m.SizeBytes = types.Int64Value(rec.SizeBytes)
	m.NovaBaseFileName = types.StringValue(novaBaseFileName(rec.ID))
	m.setHashes(hashesOf(rec))
	if rec.Status == glance.StatusActive || m.Store.IsUnknown() {
		m.Store = storeOf(rec)
	}

	ours, tags := m.tags(), []attr.Value{}
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

// setLocation notes which of the record's locations stands for ours: the one
// that should be there, or else the first. A record that shows none to this
// caller proves nothing.
func (m *model) setLocation(rec *glance.Image, want string) {
	urls := locationURLs(rec)
	switch {
	case len(urls) == 0 && rec.Status == glance.StatusQueued:
		m.LocationURL = types.StringNull()
	case len(urls) == 0 || slices.Contains(urls, want):
		m.LocationURL = types.StringValue(want)
	case strings.HasPrefix(urls[0], "rbd://"):
		m.LocationURL = types.StringValue(urls[0])
	default: // of another store, with a password in it perhaps
		m.LocationURL = types.StringNull()
	}
}

func (m *model) setPlace(p place) {
	m.Snapshot = types.StringValue(p.snapshot.String())
	m.RBDImageID = types.StringValue(p.rbdImageID)
	m.SnapshotID = types.Int64Value(int64(p.snapshotID)) //nolint:gosec // a counter
}

func locationURLs(rec *glance.Image) []string {
	var urls []string
	for _, l := range rec.Locations {
		urls = append(urls, l.URL)
	}
	if rec.DirectURL != "" && !slices.Contains(urls, rec.DirectURL) {
		urls = append(urls, rec.DirectURL)
	}
	return urls
}
