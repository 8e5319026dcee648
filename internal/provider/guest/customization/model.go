// SPDX-License-Identifier: MPL-2.0

package customization

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/customization"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
)

type model struct {
	guestresource.Model

	Mkdir               types.List   `tfsdk:"mkdir"`
	CopyIn              types.List   `tfsdk:"copy_in"`
	Upload              types.Map    `tfsdk:"upload"`
	Packages            types.List   `tfsdk:"packages"`
	Install             types.List   `tfsdk:"install"`
	AppendLine          types.List   `tfsdk:"append_line"`
	Hostname            types.String `tfsdk:"hostname"`
	Timezone            types.String `tfsdk:"timezone"`
	RootPassword        types.String `tfsdk:"root_password_wo"`
	RootPasswordVersion types.Int64  `tfsdk:"root_password_wo_version"`
	SSHInject           types.Map    `tfsdk:"ssh_inject"`
	EnableServices      types.List   `tfsdk:"enable_services"`
	DisableServices     types.List   `tfsdk:"disable_services"`
	RunScripts          types.List   `tfsdk:"run"`
	RunCommands         types.List   `tfsdk:"run_command"`
	Delete              types.List   `tfsdk:"delete"`
	Truncate            types.List   `tfsdk:"truncate"`
	SELinuxRelabel      types.Bool   `tfsdk:"selinux_relabel"`
	Network             types.Bool   `tfsdk:"network"`
	Triggers            types.Map    `tfsdk:"triggers"`
	Messages            types.List   `tfsdk:"messages"`
}

type copyModel struct {
	Source    types.String `tfsdk:"source"`
	Directory types.String `tfsdk:"directory"`
}

type lineModel struct {
	Path types.String `tfsdk:"path"`
	Line types.String `tfsdk:"line"`
}

// work is what is to be done.
func (m *model) work() []attr.Value {
	return []attr.Value{
		m.Mkdir, m.CopyIn, m.Upload, m.Packages, m.Install, m.AppendLine, m.Hostname, m.Timezone, m.RootPasswordVersion,
		m.SSHInject, m.EnableServices, m.DisableServices, m.RunScripts, m.RunCommands, m.Delete, m.Truncate, m.SELinuxRelabel,
	}
}

// request is what the plan asks of the image; the password is in no plan.
func (m *model) request(ctx context.Context, password types.String, diags *diag.Diagnostics) (r customization.Request, err error) {
	r = customization.Request{Planned: m.Revision.ValueString(), Job: m.job(ctx, diags), Password: password.ValueString()}
	r.Image, err = m.Ref()
	return r, err
}

// set fills in what was done to the image.
func (m *model) set(ctx context.Context, done guestedit.Done, diags *diag.Diagnostics) {
	m.Set(done.Spec, done.ImageID, done.Revision)
	list, errs := types.ListValueFrom(ctx, types.StringType, done.Messages)
	diags.Append(errs...)
	m.Messages = list
}

func (m *model) known(ctx context.Context) bool {
	return guestresource.Known(ctx, append(m.work(), m.Network, m.Triggers)...)
}

// job is the configuration as plain Go, but for the password, which is in no
// plan.
func (m *model) job(ctx context.Context, diags *diag.Diagnostics) customization.Job {
	j := customization.Job{
		Hostname: m.Hostname.ValueString(), Timezone: m.Timezone.ValueString(), PasswordVersion: m.RootPasswordVersion.ValueInt64(),
		Relabel: m.SELinuxRelabel.ValueBool(), Network: m.Network.ValueBool(),
	}
	for _, l := range []struct {
		from types.List
		to   *[]string
	}{
		{m.Mkdir, &j.Mkdir}, {m.Packages, &j.Packages}, {m.Install, &j.Install}, {m.EnableServices, &j.Enable}, {m.DisableServices, &j.Disable},
		{m.RunScripts, &j.Run}, {m.RunCommands, &j.Commands}, {m.Delete, &j.Delete}, {m.Truncate, &j.Truncate},
	} {
		diags.Append(l.from.ElementsAs(ctx, l.to, false)...)
	}
	diags.Append(m.Upload.ElementsAs(ctx, &j.Upload, false)...)
	diags.Append(m.SSHInject.ElementsAs(ctx, &j.Keys, false)...)
	diags.Append(m.Triggers.ElementsAs(ctx, &j.Triggers, false)...)
	var copies []copyModel
	diags.Append(m.CopyIn.ElementsAs(ctx, &copies, false)...)
	for _, c := range copies {
		j.CopyIn = append(j.CopyIn, [2]string{c.Source.ValueString(), c.Directory.ValueString()})
	}
	var lines []lineModel
	diags.Append(m.AppendLine.ElementsAs(ctx, &lines, false)...)
	for _, l := range lines {
		j.Append = append(j.Append, [2]string{l.Path.ValueString(), l.Line.ValueString()})
	}
	return j
}
