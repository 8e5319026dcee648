// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// NewLibvirtDiskXML is the function libvirt_disk_xml.
func NewLibvirtDiskXML() function.Function { return &libvirtDiskXML{} }

type libvirtDiskXML struct{}

func (*libvirtDiskXML) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "libvirt_disk_xml"
}

func (*libvirtDiskXML) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "The disk element of a libvirt domain",
		MarkdownDescription: "Returns the element `<disk type=\"network\">` of libvirt's domain XML for an RBD image, " +
			"as `virsh attach-device` and the `<devices>` of a domain take it: indented by two spaces, without an XML declaration.\n\n" +
			"The source has a `<host>` for each monitor. libvirt hands them to librados without their protocol. So where a host has " +
			"addresses of v1 and of v2, only those of v1 are written, as Nova does it. A monitor that has only v2 is written " +
			"with that address. One without a port and a protocol is written without a port, and librados tries its default ports.\n\n" +
			"A snapshot is named in a `<snapshot>`, and its disk is `<readonly/>`. An image in a namespace is written as `POOL/NAMESPACE/IMAGE`, " +
			"which libvirt understands since 11.6.0.\n\n" +
			"A last argument may give options, all of them strings; one that is null is not given:\n\n" +
			"- `user`: Ceph user without `client.`, the `username` of `<auth>`. Without it there is no `<auth>`.\n" +
			"- `secret_uuid`: UUID of the libvirt secret with the user's key. Given with `user`, or not at all.\n" +
			"- `device`: `disk` (default) or `cdrom`, which is read-only.\n" +
			"- `bus`: `virtio`, `scsi`, `sata`, `ide` or `usb`. Default is `virtio`, and `sata` for a cdrom, which can't be on `virtio`.\n" +
			"- `dev`: name of the disk, as `vdb`. Default is the first of the bus: `vda`, `hda` for `ide`, otherwise `sda`.\n" +
			"- `cache`: `default`, `none`, `writethrough`, `writeback` (default), `directsync` or `unsafe`.\n" +
			"- `discard`: `unmap` (default) or `ignore`.\n\n" +
			"Any other option or value is an error, and so is what is not a spec or not the address of a monitor. " +
			"A snapshot as a `disk` on `sata` or `ide` is an error, since QEMU has no read-only disk there.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "spec", MarkdownDescription: "Spec of the image or the snapshot, `pool[/namespace]/image[@snapshot]`."},
			function.ListParameter{Name: "monitors", ElementType: types.StringType, MarkdownDescription: "Addresses of the monitors, as `data.rbd_cluster` has them or in any other form of Ceph's `mon_host`: " +
				"`192.0.2.1`, `192.0.2.1:6789`, `v1:192.0.2.1:6789/0`, `[v2:[2001:db8::1]:3300,v1:[2001:db8::1]:6789]`. " +
				"Where the list is empty, librados finds them in the `ceph.conf` of the hypervisor."},
		},
		VariadicParameter: function.MapParameter{Name: "options", ElementType: types.StringType, MarkdownDescription: "Options, at most one object of them."},
		Return:            function.StringReturn{},
	}
}

func (*libvirtDiskXML) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	const posSpec, posMonitors, posOptions = 0, 1, 2
	var arg string
	var addresses []*string
	var given []map[string]*string
	if resp.Error = req.Arguments.Get(ctx, &arg, &addresses, &given); resp.Error != nil {
		return
	}
	if len(given) > 1 {
		resp.Error = function.NewArgumentFuncError(posOptions+1, "options are given more than once")
		return
	}
	spec, errSpec := diskSpec(arg)
	monitors, errMonitors := diskHosts(addresses)
	var options map[string]*string
	if len(given) == 1 {
		options = given[0]
	}
	o, errOptions := parseDiskOptions(options)
	if errSpec == nil && errOptions == nil {
		errOptions = o.checkReadOnly(spec)
	}
	resp.Error = function.ConcatFuncErrors(
		argumentError(posSpec, errSpec), argumentError(posMonitors, errMonitors), argumentError(posOptions, errOptions))
	if resp.Error != nil {
		return
	}
	text, err := newDisk(spec, monitors, o).String()
	if err != nil {
		resp.Error = function.NewFuncError(err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, text)
}

func diskSpec(arg string) (rbd.Spec, error) {
	spec, err := rbd.ParseSpec(arg)
	if err == nil && strings.ContainsFunc(arg, notXML) {
		err = fmt.Errorf("%q can't be written in XML", arg)
	}
	return spec, err
}

func diskHosts(addresses []*string) ([]host, error) {
	monitors := make([]string, len(addresses))
	for i, a := range addresses {
		if a == nil {
			return nil, errors.New("the address of a monitor is null")
		}
		monitors[i] = *a
	}
	return hosts(monitors)
}

// checkReadOnly refuses what libvirt defines, but QEMU can't start.
func (o diskOptions) checkReadOnly(spec rbd.Spec) error {
	if spec.Snapshot != "" && o.device == "disk" && (o.bus == "sata" || o.bus == "ide") {
		return fmt.Errorf("bus: the disk of a snapshot is read-only, which a disk on %s can't be", o.bus)
	}
	return nil
}

func newDisk(spec rbd.Spec, monitors []host, o diskOptions) disk {
	d := disk{
		Type:   "network",
		Device: o.device,
		Driver: diskDriver{Name: "qemu", Type: "raw", Cache: o.cache, Discard: o.discard},
		Source: diskSource{Protocol: "rbd", Name: spec.ImageSpec().String(), Hosts: monitors},
		Target: diskTarget{Dev: o.dev, Bus: o.bus},
	}
	if o.user != "" {
		d.Auth = &diskAuth{Username: o.user, Secret: diskSecret{Type: "ceph", UUID: o.secretUUID}}
	}
	if spec.Snapshot != "" {
		d.Source.Snapshot = &diskSnapshot{Name: spec.Snapshot}
	}
	if spec.Snapshot != "" || o.device == "cdrom" {
		d.ReadOnly = &struct{}{}
	}
	return d
}
