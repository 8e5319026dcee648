package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// model is the provider's configuration; a block that is left out is nil.
type model struct {
	Ceph      *cephModel      `tfsdk:"ceph"`
	OpenStack *openstackModel `tfsdk:"openstack"`
	Guestfs   *guestfsModel   `tfsdk:"guestfs"`
}

type cephModel struct {
	ConfFile       types.String         `tfsdk:"conf_file"`
	User           types.String         `tfsdk:"user"`
	KeyringFile    types.String         `tfsdk:"keyring_file"`
	Key            types.String         `tfsdk:"key"`
	Monitors       types.List           `tfsdk:"monitors"`
	Options        types.Map            `tfsdk:"options"`
	Pool           types.String         `tfsdk:"pool"`
	Namespace      types.String         `tfsdk:"namespace"`
	FSID           types.String         `tfsdk:"fsid"`
	ConnectTimeout timetypes.GoDuration `tfsdk:"connect_timeout"`
}

type openstackModel struct {
	Cloud          types.String         `tfsdk:"cloud"`
	Region         types.String         `tfsdk:"region"`
	Endpoint       types.String         `tfsdk:"endpoint"`
	CACertFile     types.String         `tfsdk:"cacert_file"`
	RequestTimeout timetypes.GoDuration `tfsdk:"request_timeout"`
}

type guestfsModel struct {
	Accelerator   types.String         `tfsdk:"accelerator"`
	Memory        sizetype.Value       `tfsdk:"memory"`
	LaunchTimeout timetypes.GoDuration `tfsdk:"launch_timeout"`
	Parallel      types.Int64          `tfsdk:"parallel"`
}

func (m *cephModel) config(ctx context.Context, diags *diag.Diagnostics) rbd.Config {
	if m == nil {
		return rbd.Config{}
	}
	cfg := rbd.Config{
		ConfFile:       m.ConfFile.ValueString(),
		User:           m.User.ValueString(),
		KeyringFile:    m.KeyringFile.ValueString(),
		Key:            m.Key.ValueString(),
		FSID:           m.FSID.ValueString(),
		ConnectTimeout: duration(m.ConnectTimeout, diags),
	}
	diags.Append(m.Monitors.ElementsAs(ctx, &cfg.Monitors, false)...)
	diags.Append(m.Options.ElementsAs(ctx, &cfg.Options, false)...)
	return cfg
}

func (m *openstackModel) config(diags *diag.Diagnostics) glance.Config {
	if m == nil {
		return glance.Config{}
	}
	return glance.Config{
		Cloud:          m.Cloud.ValueString(),
		Region:         m.Region.ValueString(),
		Endpoint:       m.Endpoint.ValueString(),
		CACertFile:     m.CACertFile.ValueString(),
		RequestTimeout: duration(m.RequestTimeout, diags),
	}
}

func (m *guestfsModel) config(diags *diag.Diagnostics) guestfs.Config {
	cfg := guestfs.Config{Logf: func(ctx context.Context, format string, args ...any) {
		tflog.Info(ctx, fmt.Sprintf(format, args...))
	}}
	if m == nil {
		return cfg
	}
	cfg.Accelerator = m.Accelerator.ValueString()
	cfg.MemoryMiB = int(m.Memory.Bytes() >> 20)
	cfg.LaunchTimeout = duration(m.LaunchTimeout, diags)
	cfg.Parallel = int(m.Parallel.ValueInt64())
	return cfg
}

// duration is zero, for a backend's default, where none is given.
func duration(v timetypes.GoDuration, diags *diag.Diagnostics) time.Duration {
	if v.IsNull() || v.IsUnknown() {
		return 0
	}
	d, errs := v.ValueGoDuration()
	diags.Append(errs...)
	return d
}
