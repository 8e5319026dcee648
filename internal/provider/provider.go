// SPDX-License-Identifier: MPL-2.0

// Package provider puts the resources and data sources together: the provider's
// configuration, and the lists of what it offers.
package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/flattenchildren"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/glancepreheat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/imagecopy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/imagesparsify"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/mirrorrole"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/snapshotrollback"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/trashpurge"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action/trashrestore"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/cluster"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/configcheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/export"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/functions"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/glanceimage"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/glancelocation"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/bootcheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/comparison"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/customization"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/growth"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestfile"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/inspection"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/sysprep"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/image"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imagemirror"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/images"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/lineage"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/mirrorpool"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/mirrorstatus"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/mirrortoken"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namespace"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/predestroy"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/provenance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/replica"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/snapshot"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/snapshots"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// Address is where the provider is found.
const Address = "registry.terraform.io/terraform-provider-rbd/rbd"

var (
	_ provider.ProviderWithFunctions          = &rbdProvider{}
	_ provider.ProviderWithListResources      = &rbdProvider{}
	_ provider.ProviderWithActions            = &rbdProvider{}
	_ provider.ProviderWithEphemeralResources = &rbdProvider{}
)

type rbdProvider struct{ version string }

// New returns what makes the provider.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &rbdProvider{version: version} }
}

// Server returns what makes the server of the provider, for tf6server.Serve.
func Server(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer {
		return predestroy.Wrap(configcheck.Wrap(providerserver.NewProtocol6(New(version)())()))
	}
}

func (p *rbdProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "rbd"
	resp.Version = p.version
}

// Configure makes the backends, none of which connects before it is used.
func (p *rbdProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	// A whole block may be unknown, which the model has no room for.
	d := &providerdata.Data{Unknown: !req.Config.Raw.IsFullyKnown()}
	resp.ResourceData, resp.DataSourceData, resp.ListResourceData = d, d, d
	resp.ActionData, resp.EphemeralResourceData = d, d
	if d.Unknown {
		tflog.Info(ctx, "the configuration is not fully known yet: nothing is checked against the cluster in this plan")
		return
	}
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if m.Ceph != nil {
		d.Pool, d.Namespace = m.Ceph.Pool.ValueString(), m.Ceph.Namespace.ValueString()
	}
	ceph := m.Ceph.config(ctx, &resp.Diagnostics)
	ceph.Run = rbd.Run{State: stateid.ID(), ID: stateid.RunID()}
	ceph.Running = stateid.Running
	ceph.Version = p.version
	d.Ceph = rbd.NewCluster(ceph)
	openstack := m.OpenStack.config(userAgent(p.version, req.TerraformVersion))
	if err := openstack.Check(); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("openstack"), "Unable to configure OpenStack", err.Error()+".")
	}
	d.Glance = glance.New(openstack)
	var err error
	// Whatever comes first after a run that was killed, a plan included, removes
	// what that has left on this machine.
	workdir.Sweep("")
	if d.Guests, err = guestfs.New(m.Guestfs.config()); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("guestfs"), "Unable to configure libguestfs", err.Error()+".")
	}
}

func (p *rbdProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		image.NewResource,
		conversion.NewResource,
		export.NewResource,
		replica.NewResource,
		imagemirror.NewResource,
		mirrorpool.NewResource,
		snapshot.NewResource,
		namespace.NewResource,
		glancelocation.NewResource,
		fileedit.NewResource,
		growth.NewResource,
		bootcheck.NewResource,
		customization.NewResource,
		sysprep.NewResource,
	}
}

func (p *rbdProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		cluster.NewDataSource,
		image.NewDataSource,
		checksum.NewDataSource,
		conversion.NewDataSource,
		images.NewDataSource,
		snapshots.NewDataSource,
		lineage.NewDataSource,
		provenance.NewDataSource,
		mirrorstatus.NewDataSource,
		glanceimage.NewDataSource,
		guestfile.NewDataSource,
		inspection.NewDataSource,
		comparison.NewDataSource,
	}
}

// EphemeralResources are what is never kept.
func (p *rbdProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{mirrortoken.NewEphemeralResource}
}

// ListResources are for `terraform query`.
func (p *rbdProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		image.NewListResource,
		snapshot.NewListResource,
		namespace.NewListResource,
		glancelocation.NewListResource,
	}
}

// Actions are for Terraform 1.14 and newer.
func (p *rbdProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{
		bootcheck.NewAction,
		flattenchildren.NewAction,
		glancepreheat.NewAction,
		imagecopy.NewAction,
		imagesparsify.NewAction,
		mirrorrole.NewDemote,
		mirrorrole.NewPromote,
		mirrorrole.NewResync,
		snapshotrollback.NewAction,
		trashpurge.NewAction,
		trashrestore.NewAction,
	}
}

func (p *rbdProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		functions.NewLocationURL,
		functions.NewParseLocationURL,
		functions.NewParseSpec,
		functions.NewNovaBaseFileName,
		functions.NewLibvirtDiskXML,
	}
}
