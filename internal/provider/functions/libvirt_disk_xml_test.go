// SPDX-License-Identifier: MPL-2.0

package functions_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func TestLibvirtDiskXML(t *testing.T) {
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		expectOutput(`provider::rbd::libvirt_disk_xml("vms/web-1", [])`, knownvalue.StringExact(`<disk type="network" device="disk">
  <driver name="qemu" type="raw" cache="writeback" discard="unmap"/>
  <source protocol="rbd" name="vms/web-1"/>
  <target dev="vda" bus="virtio"/>
</disk>`)),
		expectOutput(`provider::rbd::libvirt_disk_xml(
    "vms/web-1",
    ["v1:192.0.2.1:6789", "v2:192.0.2.1:3300", "[v2:[2001:db8::1]:3300/0,v1:[2001:db8::1]:6789/0]", "mon3.example.org"],
    {
      user        = "libvirt"
      secret_uuid = "9a3f6d0e-5f0b-4d52-8c7e-0c2a4f9d1b67"
      bus         = "scsi"
      dev         = "sdb"
      cache       = "none"
      discard     = "ignore"
    },
  )`, knownvalue.StringExact(`<disk type="network" device="disk">
  <driver name="qemu" type="raw" cache="none" discard="ignore"/>
  <auth username="libvirt">
    <secret type="ceph" uuid="9a3f6d0e-5f0b-4d52-8c7e-0c2a4f9d1b67"/>
  </auth>
  <source protocol="rbd" name="vms/web-1">
    <host name="192.0.2.1" port="6789"/>
    <host name="2001:db8::1" port="6789"/>
    <host name="mon3.example.org"/>
  </source>
  <target dev="sdb" bus="scsi"/>
</disk>`)),
		// a snapshot, in a namespace, of names that XML must escape
		expectOutput(`provider::rbd::libvirt_disk_xml("vms/tenant/a \"b\" 'c' <d> & é><@s<1>", ["192.0.2.1"], { user = null })`,
			knownvalue.StringExact(`<disk type="network" device="disk">
  <driver name="qemu" type="raw" cache="writeback" discard="unmap"/>
  <source protocol="rbd" name="vms/tenant/a &#34;b&#34; &#39;c&#39; &lt;d&gt; &amp; é&gt;&lt;">
    <host name="192.0.2.1"/>
    <snapshot name="s&lt;1&gt;"/>
  </source>
  <target dev="vda" bus="virtio"/>
  <readonly/>
</disk>`)),
		expectOutput(`provider::rbd::libvirt_disk_xml("images/debian-12.iso", [], { device = "cdrom" })`, knownvalue.StringExact(`<disk type="network" device="cdrom">
  <driver name="qemu" type="raw" cache="writeback" discard="unmap"/>
  <source protocol="rbd" name="images/debian-12.iso"/>
  <target dev="sda" bus="sata"/>
  <readonly/>
</disk>`)),
	}})
}

func TestLibvirtDiskXMLErrors(t *testing.T) {
	var steps []resource.TestStep
	for args, want := range map[string]string{
		`"web-1", []`:                  `"spec" parameter.*want pool`,
		`"vms/\uffff", []`:             `can't be written in XML`,
		`"vms/web-1", ["192.0.2.1:x"]`: `"monitors" parameter.*"192.0.2.1:x" is not the address of a monitor: want a port`,
		`"vms/web-1", [null]`:          `the address of a monitor is null`,
		`"vms/web-1", [], {}, {}`:      `"options" parameter.*options are given more than once`,
		`"vms/web-1", [], null`:        `argument must not be null`,
	} {
		steps = append(steps, expectError(`provider::rbd::libvirt_disk_xml(`+args+`)`, want))
	}
	for options, want := range map[string]string{
		`pool = "vms"`:     `"options" parameter.*"pool" is not an option: want bus, cache, dev, device, discard, secret_uuid or user`,
		`user = "libvirt"`: `user and secret_uuid belong together`,
		`secret_uuid = "9a3f6d0e-5f0b-4d52-8c7e-0c2a4f9d1b67"`:                          `user and secret_uuid belong together`,
		`user = "libvirt", secret_uuid = "key"`:                                         `"key" is not the UUID of a libvirt secret`,
		`user = "client.libvirt", secret_uuid = "9a3f6d0e-5f0b-4d52-8c7e-0c2a4f9d1b67"`: `want "libvirt", without "client."`,
		`user = ""`:                        `user is empty`,
		`bus = "nvme"`:                     `bus: "nvme" is not one of virtio, scsi, sata, ide or usb`,
		`cache = "off"`:                    `cache: "off" is not one of default`,
		`discard = "on"`:                   `discard: "on" is not one of unmap or ignore`,
		`device = "lun"`:                   `device: "lun" is not one of disk or cdrom`,
		`device = "cdrom", bus = "virtio"`: `libvirt has no cdrom on virtio`,
		`dev = "/dev/vda"`:                 `dev: "/dev/vda" is not the name of a disk`,
		`dev = "vda1"`:                     `dev: "vda1" is not the name of a disk`,
		`bus = "sata"`:                     `bus: the disk of a snapshot is read-only, which a disk on sata can't be`,
	} {
		steps = append(steps, expectError(`provider::rbd::libvirt_disk_xml("vms/web-1@s", [], { `+options+` })`, want))
	}
	providertest.Run(t, resource.TestCase{Steps: steps})
}
