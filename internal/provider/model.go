// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// model is the provider's configuration; what is left out is nil.
type model struct {
	Ceph      *cephModel      `tfsdk:"ceph"`
	OpenStack *openstackModel `tfsdk:"openstack"`
	Guestfs   *guestfsModel   `tfsdk:"guestfs"`
}

type cephModel struct {
	ConfFile       types.String       `tfsdk:"conf_file"`
	User           types.String       `tfsdk:"user"`
	KeyringFile    types.String       `tfsdk:"keyring_file"`
	Key            types.String       `tfsdk:"key"`
	Monitors       types.List         `tfsdk:"monitors"`
	Options        types.Map          `tfsdk:"options"`
	Pool           types.String       `tfsdk:"pool"`
	Namespace      types.String       `tfsdk:"namespace"`
	FSID           types.String       `tfsdk:"fsid"`
	ConnectTimeout durationtype.Value `tfsdk:"connect_timeout"`
}

type guestfsModel struct {
	Accelerator   types.String       `tfsdk:"accelerator"`
	Memory        sizetype.Value     `tfsdk:"memory"`
	LaunchTimeout durationtype.Value `tfsdk:"launch_timeout"`
	Parallel      types.Int64        `tfsdk:"parallel"`
	MaxOverlay    sizetype.Value     `tfsdk:"max_overlay_size"`
}

func (m *cephModel) config(ctx context.Context, diags *diag.Diagnostics) rbd.Config {
	log := func(ctx context.Context, format string, args ...any) { tflog.Info(ctx, fmt.Sprintf(format, args...)) }
	if m == nil {
		return rbd.Config{Logf: log, Log: tflog.Info}
	}
	cfg := rbd.Config{
		Logf:           log,
		Log:            tflog.Info,
		ConfFile:       m.ConfFile.ValueString(),
		User:           m.User.ValueString(),
		KeyringFile:    m.KeyringFile.ValueString(),
		Key:            m.Key.ValueString(),
		FSID:           m.FSID.ValueString(),
		ConnectTimeout: m.ConnectTimeout.Amount(),
	}
	diags.Append(m.Monitors.ElementsAs(ctx, &cfg.Monitors, false)...)
	diags.Append(m.Options.ElementsAs(ctx, &cfg.Options, false)...)
	return cfg
}

func (m *guestfsModel) config() guestfs.Config {
	cfg := guestfs.Config{Logf: func(ctx context.Context, format string, args ...any) {
		tflog.Info(ctx, fmt.Sprintf(format, args...))
	}}
	if m == nil {
		return cfg
	}
	cfg.Accelerator = m.Accelerator.ValueString()
	cfg.MemoryMiB = int(m.Memory.Amount() >> 20)
	cfg.LaunchTimeout = m.LaunchTimeout.Amount()
	cfg.Parallel = int(m.Parallel.ValueInt64())
	cfg.MaxOverlay = int64(m.MaxOverlay.Amount()) //nolint:gosec // a size is no more than that
	return cfg
}
