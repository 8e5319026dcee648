// SPDX-License-Identifier: MPL-2.0

package glanceimage

import (
	"crypto/sha1" //nolint:gosec // a file name of Nova's, no protection
	"encoding/hex"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

type model struct {
	ImageID    types.String      `tfsdk:"image_id"`
	Name       types.String      `tfsdk:"name"`
	Owner      types.String      `tfsdk:"owner"`
	Tags       []string          `tfsdk:"tags"`
	Properties map[string]string `tfsdk:"properties"`
	Hidden     types.Bool        `tfsdk:"hidden"`
	MostRecent types.Bool        `tfsdk:"most_recent"`

	Status           types.String `tfsdk:"status"`
	Visibility       types.String `tfsdk:"visibility"`
	DiskFormat       types.String `tfsdk:"disk_format"`
	ContainerFormat  types.String `tfsdk:"container_format"`
	MinDisk          types.Int64  `tfsdk:"min_disk"`
	MinRAM           types.Int64  `tfsdk:"min_ram"`
	Protected        types.Bool   `tfsdk:"protected"`
	AllTags          types.Set    `tfsdk:"all_tags"`
	AllProperties    types.Map    `tfsdk:"all_properties"`
	SizeBytes        types.Int64  `tfsdk:"size_bytes"`
	VirtualSizeBytes types.Int64  `tfsdk:"virtual_size_bytes"`
	Checksum         types.String `tfsdk:"checksum"`
	HashAlgo         types.String `tfsdk:"os_hash_algo"`
	HashValue        types.String `tfsdk:"os_hash_value"`
	Stores           types.List   `tfsdk:"stores"`
	CreatedAt        types.String `tfsdk:"created_at"`
	UpdatedAt        types.String `tfsdk:"updated_at"`
	NovaBaseFileName types.String `tfsdk:"nova_base_file_name"`

	LocationURL types.String `tfsdk:"location_url"`
	FSID        types.String `tfsdk:"fsid"`
	Pool        types.String `tfsdk:"pool"`
	Image       types.String `tfsdk:"image"`
	Snapshot    types.String `tfsdk:"snapshot"`
	Spec        types.String `tfsdk:"spec"`
	ImageSpec   types.String `tfsdk:"image_spec"`
	ThisCluster types.Bool   `tfsdk:"this_cluster"`
}

// wanted is what an error names the image by.
func (m model) wanted() string {
	if m.ImageID.ValueString() != "" {
		return m.ImageID.ValueString()
	}
	return m.Name.ValueString()
}

func (m model) filter() glance.Filter {
	return glance.Filter{
		Name: m.Name.ValueString(), Owner: m.Owner.ValueString(), Visibility: "all", Status: glance.StatusActive,
		Tags: m.Tags, Properties: m.Properties, Hidden: m.Hidden.ValueBool(),
	}
}

// text and number are null where Glance has nothing.
func text(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

func number(n int64) types.Int64 {
	if n == 0 {
		return types.Int64Null()
	}
	return types.Int64Value(n)
}

func values(all []string) []attr.Value {
	out := []attr.Value{}
	for _, s := range all {
		out = append(out, types.StringValue(s))
	}
	return out
}

func (m *model) set(rec *glance.Image) {
	m.ImageID, m.Name, m.Owner = types.StringValue(rec.ID), types.StringValue(rec.Name), types.StringValue(rec.Owner)
	m.Hidden, m.Status, m.Visibility = types.BoolValue(rec.Hidden), types.StringValue(rec.Status), types.StringValue(rec.Visibility)
	m.DiskFormat, m.ContainerFormat = text(rec.DiskFormat), text(rec.ContainerFormat)
	m.MinDisk, m.MinRAM = types.Int64Value(rec.MinDiskGiB), types.Int64Value(rec.MinRAMMiB)
	m.Protected = types.BoolValue(rec.Protected)
	m.AllTags = types.SetValueMust(types.StringType, values(rec.Tags))
	properties := map[string]attr.Value{}
	for k, v := range rec.Properties {
		properties[k] = types.StringValue(v)
	}
	m.AllProperties = types.MapValueMust(types.StringType, properties)
	m.SizeBytes, m.VirtualSizeBytes = number(rec.SizeBytes), number(rec.VirtualSizeBytes)
	m.Checksum, m.HashAlgo, m.HashValue = text(rec.Checksum), text(rec.HashAlgo), text(rec.HashValue)
	m.Stores = types.ListValueMust(types.StringType, values(rec.Stores))
	m.CreatedAt = types.StringValue(rec.CreatedAt.UTC().Format(time.RFC3339))
	m.UpdatedAt = types.StringValue(rec.UpdatedAt.UTC().Format(time.RFC3339))
	sum := sha1.Sum([]byte(rec.ID)) //nolint:gosec // as Nova does it
	m.NovaBaseFileName = types.StringValue(hex.EncodeToString(sum[:]))
}

func (m *model) setLocation(at *location) {
	if at == nil {
		return // all of it is null
	}
	m.LocationURL, m.FSID, m.ThisCluster = types.StringValue(at.url), types.StringValue(at.fsid), types.BoolValue(at.here)
	m.Pool, m.Image, m.Snapshot = types.StringValue(at.spec.Pool), types.StringValue(at.spec.Image), types.StringValue(at.spec.Snapshot)
	if at.here {
		m.Spec, m.ImageSpec = types.StringValue(at.spec.String()), types.StringValue(at.spec.ImageSpec().String())
	}
}
