// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// diskOptions are what libvirt_disk_xml takes beside the image.
type diskOptions struct {
	user, secretUUID, device, bus, dev, cache, discard string
}

// What libvirt and QEMU know for a network disk. They take a LUN only of iSCSI,
// and a floppy has a bus of its own.
var (
	devices  = []string{"disk", "cdrom"}
	buses    = []string{"virtio", "scsi", "sata", "ide", "usb"}
	caches   = []string{"default", "none", "writethrough", "writeback", "directsync", "unsafe"}
	discards = []string{"unmap", "ignore"}
	devName  = regexp.MustCompile(`^(vd|sd|hd|xvd)[a-z]+$`)
)

// parseDiskOptions fills in defaults. An option that is null is not given, as
// everywhere in Terraform.
func parseDiskOptions(given map[string]*string) (diskOptions, error) {
	var o diskOptions
	known := map[string]*string{
		"user": &o.user, "secret_uuid": &o.secretUUID, "device": &o.device,
		"bus": &o.bus, "dev": &o.dev, "cache": &o.cache, "discard": &o.discard,
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		field, ok := known[key]
		if !ok {
			return o, fmt.Errorf("%q is not an option: want %s", key, oneOf(slices.Sorted(maps.Keys(known))))
		}
		if value := given[key]; value != nil {
			if *value == "" {
				return o, fmt.Errorf("%s is empty", key)
			}
			*field = *value
		}
	}
	o.setDefaults()
	return o, o.check()
}

func (o *diskOptions) setDefaults() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&o.device, "disk")
	set(&o.cache, "writeback")
	set(&o.discard, "unmap")
	bus := "virtio"
	if o.device == "cdrom" {
		bus = "sata" // virtio has no medium to eject
	}
	set(&o.bus, bus)
	dev := "sda"
	switch o.bus {
	case "virtio":
		dev = "vda"
	case "ide":
		dev = "hda"
	}
	set(&o.dev, dev)
}

func (o *diskOptions) check() error {
	for _, c := range []struct {
		key, value string
		known      []string
	}{
		{"device", o.device, devices},
		{"bus", o.bus, buses},
		{"cache", o.cache, caches},
		{"discard", o.discard, discards},
	} {
		if !slices.Contains(c.known, c.value) {
			return fmt.Errorf("%s: %q is not one of %s", c.key, c.value, oneOf(c.known))
		}
	}
	switch {
	case !devName.MatchString(o.dev):
		return fmt.Errorf("dev: %q is not the name of a disk, such as vda or sdb", o.dev)
	case o.device == "cdrom" && o.bus == "virtio":
		return fmt.Errorf("bus: libvirt has no cdrom on virtio, want scsi, sata, ide or usb")
	case (o.user == "") != (o.secretUUID == ""):
		return fmt.Errorf("user and secret_uuid belong together: only one of them is given")
	case strings.HasPrefix(o.user, "client."):
		return fmt.Errorf("user: want %q, without \"client.\"", strings.TrimPrefix(o.user, "client."))
	case strings.ContainsFunc(o.user, notXML):
		return fmt.Errorf("user: %q can't be written in XML", o.user)
	}
	if o.secretUUID == "" {
		return nil
	}
	return checkUUID("the UUID of a libvirt secret", o.secretUUID)
}

// oneOf is "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
