// SPDX-License-Identifier: MPL-2.0

package inspection

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
)

type model struct {
	Image            types.String      `tfsdk:"image"`
	Packages         types.Bool        `tfsdk:"packages"`
	OperatingSystems []systemModel     `tfsdk:"operating_systems"`
	FileSystems      []fileSystemModel `tfsdk:"file_systems"`
	Timeouts         timeouts.Value    `tfsdk:"timeouts"`
}

type systemModel struct {
	RootDevice    types.String      `tfsdk:"root_device"`
	Type          types.String      `tfsdk:"type"`
	Distro        types.String      `tfsdk:"distro"`
	ProductName   types.String      `tfsdk:"product_name"`
	MajorVersion  types.Int64       `tfsdk:"major_version"`
	MinorVersion  types.Int64       `tfsdk:"minor_version"`
	Architecture  types.String      `tfsdk:"architecture"`
	Hostname      types.String      `tfsdk:"hostname"`
	PackageFormat types.String      `tfsdk:"package_format"`
	Mounts        map[string]string `tfsdk:"mounts"`
	Missing       map[string]string `tfsdk:"missing_mounts"`
	Packages      []packageModel    `tfsdk:"packages"`

	CloudInit       types.Bool `tfsdk:"cloud_init"`
	Virtio          types.Bool `tfsdk:"virtio"`
	SerialConsole   types.Bool `tfsdk:"serial_console"`
	NoFixedMAC      types.Bool `tfsdk:"no_fixed_mac_addresses"`
	MACAddressFiles []string   `tfsdk:"mac_address_files"`
}

type packageModel struct {
	Name         types.String `tfsdk:"name"`
	Version      types.String `tfsdk:"version"`
	Architecture types.String `tfsdk:"architecture"`
}

type fileSystemModel struct {
	Device    types.String `tfsdk:"device"`
	Type      types.String `tfsdk:"type"`
	Label     types.String `tfsdk:"label"`
	UUID      types.String `tfsdk:"uuid"`
	SizeBytes types.Int64  `tfsdk:"size_bytes"`
	FreeBytes types.Int64  `tfsdk:"free_bytes"`
}

func (m *model) set(f guestinspect.Findings) {
	m.OperatingSystems = []systemModel{}
	for _, s := range f.Systems {
		m.OperatingSystems = append(m.OperatingSystems, modelOf(s, m.Packages.ValueBool()))
	}
	m.FileSystems = []fileSystemModel{}
	for _, f := range f.FileSystems {
		fm := fileSystemModel{
			Device: known(f.Device), Type: known(f.Type), Label: known(f.Label), UUID: known(f.UUID),
			SizeBytes: types.Int64Value(f.SizeBytes), FreeBytes: types.Int64Null(),
		}
		if f.FreeBytes >= 0 {
			fm.FreeBytes = types.Int64Value(f.FreeBytes)
		}
		m.FileSystems = append(m.FileSystems, fm)
	}
}

func modelOf(s guestinspect.System, packages bool) systemModel {
	m := systemModel{
		RootDevice: known(s.OS.Root), Type: known(s.OS.Type), Distro: known(s.OS.Distro), ProductName: known(s.OS.ProductName),
		MajorVersion: types.Int64Value(int64(s.OS.MajorVersion)), MinorVersion: types.Int64Value(int64(s.OS.MinorVersion)),
		Architecture: known(s.OS.Arch), Hostname: known(s.OS.Hostname), PackageFormat: known(s.OS.PackageFormat),
		Mounts: map[string]string{}, Missing: map[string]string{},
		CloudInit: types.BoolPointerValue(s.Cloud.CloudInit), Virtio: types.BoolPointerValue(s.Cloud.Virtio),
		SerialConsole: types.BoolPointerValue(s.Cloud.SerialConsole), NoFixedMAC: types.BoolPointerValue(s.Cloud.NoFixedMAC),
		MACAddressFiles: s.Cloud.MACAddressFiles,
	}
	if m.MACAddressFiles == nil && s.Cloud.NoFixedMAC != nil {
		m.MACAddressFiles = []string{}
	}
	for _, at := range s.Mounted.Mounts {
		m.Mounts[at.Path] = at.Device
	}
	for _, at := range s.Mounted.Missing {
		m.Missing[at.Path] = at.Spec
	}
	if !packages {
		return m
	}
	m.Packages = []packageModel{}
	for _, p := range s.Packages {
		version := p.Version
		if p.Epoch != "" {
			version = p.Epoch + ":" + version
		}
		if p.Release != "" {
			version += "-" + p.Release
		}
		m.Packages = append(m.Packages, packageModel{known(p.Name), known(version), known(p.Arch)})
	}
	return m
}

// known is null for what libguestfs does not know.
func known(s string) types.String {
	if s == "" || strings.EqualFold(s, "unknown") {
		return types.StringNull()
	}
	return types.StringValue(s)
}
