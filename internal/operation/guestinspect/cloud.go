// SPDX-License-Identifier: MPL-2.0

package guestinspect

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
)

// maxConfig is the largest file that is searched, in bytes; a grub.cfg or the
// configuration of a kernel has some hundred KiB.
const maxConfig = 4 << 20

// Cloud is what an image needs in a cloud; nil means that it could not be told.
type Cloud struct {
	CloudInit     *bool
	Virtio        *bool
	SerialConsole *bool
	// MACAddressFiles name a network card by its address; NoFixedMAC says that
	// there are none.
	NoFixedMAC      *bool
	MACAddressFiles []string
}

// files searches the files of a guest whose root is mounted.
type files struct {
	//nolint:containedctx // it lives for one call that has the context
	ctx context.Context
	s   *guestfs.Session
}

// glob lists the paths that match any of the patterns.
func (f files) glob(patterns ...string) (all []string, err error) {
	for _, p := range patterns {
		found, err := f.s.Glob(f.ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// matching lists those files among the paths in which re matches, and those that
// were read.
func (f files) matching(re *regexp.Regexp, paths []string) (matching, read []string, err error) {
	for _, p := range paths {
		b, err := f.s.Read(f.ctx, p, maxConfig)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, guestfs.ErrFileType), errors.Is(err, guestfs.ErrTooLarge), errors.Is(err, guestfs.ErrNotMounted):
			continue
		case err != nil:
			return nil, nil, err
		}
		read = append(read, p)
		if re.Match(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))) {
			matching = append(matching, p)
		}
	}
	return matching, read, nil
}

func yes(b bool) *bool { return &b }

// cloudOf looks for what a cloud asks of an image, as far as that is known
// of its kind of operating system.
func cloudOf(ctx context.Context, s *guestfs.Session, o guestfs.OS) (c Cloud, err error) {
	if o.Type != "linux" {
		return c, nil
	}
	f := files{ctx, s}
	for _, look := range []func(*Cloud) error{f.cloudInit, f.virtio, f.macAddresses, f.serialConsole} {
		if err := look(&c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// cloudInit: the program is there. Whether it is enabled is for the boot to
// decide, as cloud-init's own generator does.
func (f files) cloudInit(c *Cloud) error {
	found, err := f.glob("/usr/bin/cloud-init", "/usr/local/bin/cloud-init", "/usr/sbin/cloud-init")
	c.CloudInit = yes(len(found) > 0)
	return err
}

var (
	blockBuiltIn = regexp.MustCompile(`(?m)^CONFIG_VIRTIO_BLK=y$|^CONFIG_SCSI_VIRTIO=y$`)
	netBuiltIn   = regexp.MustCompile(`(?m)^CONFIG_VIRTIO_NET=y$`)
)

// virtio: some kernel has the drivers of a disk and of a network card, built in
// or as modules. Without a kernel's configuration and without modules it can't
// be told.
func (f files) virtio(c *Cloud) error {
	var has [2]bool
	known := false
	configs, err := f.glob("/boot/config-*", "/lib/modules/*/config", "/usr/lib/modules/*/config")
	if err != nil {
		return err
	}
	for i, re := range []*regexp.Regexp{blockBuiltIn, netBuiltIn} {
		matching, read, err := f.matching(re, configs)
		if err != nil {
			return err
		}
		has[i], known = len(matching) > 0, known || len(read) > 0
	}
	trees, err := f.glob("/lib/modules/*/kernel/drivers", "/usr/lib/modules/*/kernel/drivers")
	if err != nil {
		return err
	}
	known = known || len(trees) > 0
	for i, names := range [][]string{{"block/virtio_blk.ko*", "scsi/virtio_scsi.ko*"}, {"net/virtio_net.ko*"}} {
		var patterns []string
		for _, name := range names {
			patterns = append(patterns, "/lib/modules/*/kernel/drivers/"+name, "/usr/lib/modules/*/kernel/drivers/"+name)
		}
		found, err := f.glob(patterns...)
		if err != nil {
			return err
		}
		has[i] = has[i] || len(found) > 0
	}
	if known {
		c.Virtio = yes(has[0] && has[1])
	}
	return nil
}

const mac = `["']?(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}`

// macPlaces are where a card is named by its address, and how.
var macPlaces = []struct {
	files []string
	re    *regexp.Regexp
}{
	{[]string{"/etc/udev/rules.d/*.rules"}, regexp.MustCompile(`(?im)^[^#\n]*ATTRS?\{address\}\s*==?\s*` + mac)},
	{[]string{"/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*"}, regexp.MustCompile(`(?im)^\s*(?:HWADDR|MACADDR|LLADDR)\s*=\s*` + mac)},
	{[]string{"/etc/NetworkManager/system-connections/*"}, regexp.MustCompile(`(?im)^\s*(?:cloned-)?mac-address\s*=\s*` + mac)},
	{[]string{"/etc/netplan/*.yaml"}, regexp.MustCompile(`(?im)^[^#\n]*\bmacaddress\s*:\s*` + mac)},
	{[]string{"/etc/systemd/network/*.link", "/etc/systemd/network/*.network"}, regexp.MustCompile(`(?im)^\s*(?:Permanent)?MACAddress\s*=\s*` + mac)},
	{[]string{"/etc/network/interfaces", "/etc/network/interfaces.d/*"}, regexp.MustCompile(`(?im)^\s*hwaddress\s+(?:ether\s+)?` + mac)},
}

func (f files) macAddresses(c *Cloud) error {
	for _, place := range macPlaces {
		paths, err := f.glob(place.files...)
		if err != nil {
			return err
		}
		matching, _, err := f.matching(place.re, paths)
		if err != nil {
			return err
		}
		c.MACAddressFiles = append(c.MACAddressFiles, matching...)
	}
	slices.Sort(c.MACAddressFiles)
	c.NoFixedMAC = yes(len(c.MACAddressFiles) == 0)
	return nil
}

var serial = regexp.MustCompile(`(?m)^[^#\n]*\bconsole=(?:ttyS|ttyAMA|hvc|ttysclp)[0-9]`)

// serialConsole: a boot loader passes it to the kernel. Where no configuration
// of a boot loader is found it can't be told.
func (f files) serialConsole(c *Cloud) error {
	paths, err := f.glob("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/menu.lst", "/boot/efi/EFI/*/grub.cfg",
		"/boot/loader/entries/*.conf", "/boot/grub2/grubenv", "/boot/extlinux/extlinux.conf", "/boot/extlinux.conf",
		"/boot/syslinux/syslinux.cfg", "/extlinux.conf", "/syslinux.cfg", "/etc/kernel/cmdline")
	if err != nil {
		return err
	}
	matching, read, err := f.matching(serial, paths)
	if err == nil && len(read) > 0 {
		c.SerialConsole = yes(len(matching) > 0)
	}
	return err
}
