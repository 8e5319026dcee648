// SPDX-License-Identifier: MPL-2.0

package bootcheck

import (
	"cmp"
	"fmt"
	"math"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

const (
	defaultMemory      = "1GiB"
	defaultBootTimeout = "5m"
)

type model struct {
	Snapshot       types.String       `tfsdk:"snapshot"`
	ConsolePattern types.String       `tfsdk:"console_pattern"`
	SSHBanner      types.String       `tfsdk:"ssh_banner"`
	FailurePattern types.String       `tfsdk:"failure_pattern"`
	UserData       types.String       `tfsdk:"user_data"`
	SecretData     types.String       `tfsdk:"user_data_wo"`
	SecretVersion  types.Int64        `tfsdk:"user_data_wo_version"`
	MetaData       types.String       `tfsdk:"meta_data"`
	NetworkConfig  types.String       `tfsdk:"network_config"`
	Network        types.String       `tfsdk:"network"`
	Architecture   types.String       `tfsdk:"architecture"`
	Firmware       types.String       `tfsdk:"firmware"`
	DiskBus        types.String       `tfsdk:"disk_bus"`
	Memory         sizetype.Value     `tfsdk:"memory"`
	CPUs           types.Int64        `tfsdk:"cpus"`
	BootTimeout    durationtype.Value `tfsdk:"boot_timeout"`
	Triggers       types.Map          `tfsdk:"triggers"`
	Spec           types.String       `tfsdk:"spec"`
	ImageID        types.String       `tfsdk:"image_id"`
	SnapshotID     types.Int64        `tfsdk:"snapshot_id"`
	Seconds        types.Float64      `tfsdk:"seconds"`
	Accelerator    types.String       `tfsdk:"accelerator"`
	Line           types.String       `tfsdk:"line"`
	Banner         types.String       `tfsdk:"banner"`
	Console        types.String       `tfsdk:"console"`
	Timeouts       timeouts.Value     `tfsdk:"timeouts"`
}

// arguments are those that the result depends on, but for the snapshot.
func (m model) arguments() []attr.Value {
	return []attr.Value{
		m.ConsolePattern, m.SSHBanner, m.FailurePattern, m.UserData, m.SecretVersion, m.MetaData, m.NetworkConfig, m.Network,
		m.architecture(), m.firmware(), m.DiskBus, types.Int64Value(m.memoryMiB()), m.CPUs, m.BootTimeout, m.Triggers,
	}
}

func (m model) memoryMiB() int64 {
	if !m.Memory.Known() {
		return 0
	}
	return int64(m.Memory.Amount() >> 20)
}

// forget has the results be told by the apply.
func (m *model) forget() {
	m.ImageID, m.Accelerator, m.Console = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	m.SnapshotID, m.Seconds = types.Int64Unknown(), types.Float64Unknown()
	m.Line, m.Banner = types.StringUnknown(), types.StringUnknown()
	if m.ConsolePattern.IsNull() {
		m.Line = types.StringNull()
	}
	if m.SSHBanner.IsNull() {
		m.Banner = types.StringNull()
	}
}

// keep has the results be those of the state.
func (m *model) keep(state model) {
	m.ImageID, m.Accelerator, m.Console = state.ImageID, state.Accelerator, state.Console
	m.SnapshotID, m.Seconds, m.Line, m.Banner = state.SnapshotID, state.Seconds, state.Line, state.Banner
}

func (m model) computed() map[string]attr.Value {
	return map[string]attr.Value{
		"spec": m.Spec, "image_id": m.ImageID, "snapshot_id": m.SnapshotID, "seconds": m.Seconds,
		"accelerator": m.Accelerator, "line": m.Line, "banner": m.Banner, "console": m.Console,
	}
}

// set fills in what a boot has shown.
func (m *model) set(o origin, accelerator string, r qemu.BootResult) {
	m.Spec, m.ImageID = types.StringValue(o.spec.String()), types.StringValue(o.imageID)
	m.SnapshotID = types.Int64Value(int64(o.snapshotID)) //nolint:gosec // a counter
	m.Seconds = types.Float64Value(math.Round(r.Time.Seconds()*10) / 10)
	m.Accelerator, m.Console = types.StringValue(accelerator), types.StringValue(r.Console)
	m.Line, m.Banner = types.StringNull(), types.StringNull()
	if !m.ConsolePattern.IsNull() {
		m.Line = types.StringValue(r.Line)
	}
	if !m.SSHBanner.IsNull() {
		m.Banner = types.StringValue(r.Banner)
	}
}

func (m model) sign() (qemu.BootSign, error) {
	var s qemu.BootSign
	for _, p := range []struct {
		from types.String
		to   **regexp.Regexp
	}{{m.ConsolePattern, &s.Console}, {m.SSHBanner, &s.SSH}, {m.FailurePattern, &s.Failure}} {
		if p.from.IsNull() {
			continue
		}
		re, err := regexp.Compile(p.from.ValueString())
		if err != nil {
			return s, err
		}
		*p.to = re
	}
	return s, nil
}

// seed are the files for cloud-init, nil for none. The secret user data are in no
// plan.
func (m model) seed(o origin, secret types.String) map[string]string {
	if m.UserData.IsNull() && secret.IsNull() && m.MetaData.IsNull() && m.NetworkConfig.IsNull() {
		return nil
	}
	files := map[string]string{
		// Both must be there, or cloud-init does not take it for a seed.
		"user-data": cmp.Or(m.UserData.ValueString(), secret.ValueString(), "#cloud-config\n"),
		"meta-data": cmp.Or(m.MetaData.ValueString(), fmt.Sprintf("instance-id: %s-%d\n", o.imageID, o.snapshotID)),
	}
	if !m.NetworkConfig.IsNull() {
		files["network-config"] = m.NetworkConfig.ValueString()
	}
	return files
}

func (m model) network() string {
	if m.Network.IsNull() && !m.SSHBanner.IsNull() {
		return qemu.Isolated
	}
	return cmp.Or(m.Network.ValueString(), qemu.NoNetwork)
}

// architecture is the guest's; not known where the argument is not.
func (m model) architecture() types.String {
	if m.Architecture.IsNull() {
		return types.StringValue(qemu.X8664)
	}
	return m.Architecture
}

// firmware is the machine's: what is not given follows from the architecture.
func (m model) firmware() types.String {
	switch {
	case !m.Firmware.IsNull():
		return m.Firmware
	case m.Architecture.IsUnknown():
		return types.StringUnknown()
	case m.Architecture.ValueString() == qemu.AArch64:
		return types.StringValue(qemu.UEFI)
	}
	return types.StringValue(qemu.BIOS)
}
