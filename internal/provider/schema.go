// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
)

func (p *rbdProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Virtual-machine images on Ceph RBD, from the qcow2 to the protected snapshot that Glance knows.\n\n" +
			"Connections are opened on first use; whoever manages no Glance image configures no `openstack`. " +
			"Use one provider configuration (an alias) for each cluster.",
		Attributes: map[string]schema.Attribute{
			"ceph":      cephAttribute(),
			"openstack": openstackAttribute(),
			"guestfs":   guestfsAttribute(),
		},
	}
}

func cephAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "The Ceph cluster. What is left out comes from `CEPH_CONF`, `CEPH_ARGS` and ceph.conf, as for the `rbd` command.",
		Attributes: map[string]schema.Attribute{
			"conf_file": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{namecheck.Given()},
				MarkdownDescription: "Path of ceph.conf. Default: `CEPH_CONF`, else `/etc/ceph/ceph.conf`; none where `monitors` is set.",
			},
			"user": schema.StringAttribute{
				Optional:            true,
				Validators:          []validator.String{namecheck.Given()},
				MarkdownDescription: "Ceph user, without `client.`. Default: `--id` of `CEPH_ARGS`, else `admin`.",
			},
			"keyring_file": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Keyring with the user's key. Default: what ceph.conf says.",
				Validators:          []validator.String{namecheck.Given(), siblings.Conflict("key")},
			},
			"key": schema.StringAttribute{
				Optional: true, Sensitive: true, Validators: []validator.String{namecheck.Key()},
				MarkdownDescription: "The user's key, in place of a keyring; best from an ephemeral variable. It is never written to state, plan or log.",
			},
			"monitors": schema.ListAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Addresses of the monitors as in `mon_host`, such as `v2:192.0.2.1:3300`. With these and `key`, no file is needed.",
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(namecheck.Given())},
			},
			"options": schema.MapAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "More ceph options of the client, such as `rbd_concurrent_management_ops`.",
			},
			"pool": schema.StringAttribute{
				Optional: true, Validators: []validator.String{namecheck.Pool()},
				MarkdownDescription: "Pool of images that name none.",
			},
			"namespace": schema.StringAttribute{
				Optional: true, Validators: []validator.String{namecheck.Namespace()},
				MarkdownDescription: "RBD namespace of images that name none. Default: the pool's default one.",
			},
			"fsid": schema.StringAttribute{
				Optional: true, Validators: []validator.String{namecheck.FSID()},
				MarkdownDescription: "The cluster that is meant. Any other is refused when the plan is made, " +
					"so that a module aimed at the wrong data center stops before it starts.",
			},
			"connect_timeout": schema.StringAttribute{
				Optional: true, CustomType: durationtype.Type{}, Validators: []validator.String{durationtype.Limit()},
				MarkdownDescription: "Time within which a monitor must have answered, and an OSD what a plan or a refresh asks of it; " +
					"a change waits for the cluster until its own timeout, and for the monitors at least 75 s. Default: `15s`.",
			},
		},
	}
}

func guestfsAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "The libguestfs appliance in which guests are changed, and the machine in which they are booted.",
		Attributes: map[string]schema.Attribute{
			"accelerator": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "`auto` (default: KVM if an appliance comes up with it within a short time, else TCG; found out once), " +
					"`kvm` or `tcg`.",
				Validators: []validator.String{stringvalidator.OneOf(guestfs.Auto, guestfs.KVM, guestfs.TCG)},
			},
			"memory": schema.StringAttribute{
				Optional: true, CustomType: sizetype.Type{}, Validators: []validator.String{sizetype.AtLeast(1 << 20)},
				MarkdownDescription: "Memory of an appliance. Default: libguestfs's own choice. " + sizetype.Description,
			},
			"launch_timeout": schema.StringAttribute{
				Optional: true, CustomType: durationtype.Type{}, Validators: []validator.String{durationtype.Limit()},
				MarkdownDescription: "Time within which an appliance must be up. Default: `5m`.",
			},
			"parallel": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "How many appliances and boot checks may run at once; each takes about 600 MB of memory and a core. Default: `1`.",
				Validators:          []validator.Int64{int64validator.AtLeast(1)},
			},
			"max_overlay_size": schema.StringAttribute{
				Optional: true, CustomType: sizetype.Type{}, Validators: []validator.String{sizetype.AtLeast(1 << 20)},
				MarkdownDescription: "How much the overlay of a guest that is changed or booted may take up in `TMPDIR`: one that writes more is stopped at once, and the image is not changed. " +
					"Default: the size of its disk. In any case it is stopped before `TMPDIR` is full. " + sizetype.Description,
			},
		},
	}
}
