// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/blocks"
)

// ErrNoFirmware says that this machine has no UEFI firmware for the guest.
var ErrNoFirmware = errors.New("no UEFI firmware is installed")

// Firmwares of a machine.
const (
	BIOS = "bios"
	UEFI = "uefi"
)

// descriptorFolders have the firmware descriptors, as qemu's docs/interop/firmware.json
// has it: a file of the first hides one of the same name in the second.
var descriptorFolders = []string{"/etc/qemu/firmware", "/usr/share/qemu/firmware"}

const (
	// maxDescriptors and maxDescriptor bound what is read. Distributions have a
	// dozen descriptors, of less than a kilobyte.
	maxDescriptors, maxDescriptor = 200, 64 << 10
	// maxFlash is the size of the larger flash devices, those of aarch64's virt.
	maxFlash = 64 << 20
)

// uefiMachine is the beginning of the versioned names of the machine types that
// boot by UEFI, which the descriptors have.
var uefiMachine = map[string]string{X8664: "pc-q35-", AArch64: "virt-"}

// flash is UEFI firmware: its code, and what its variables are at first.
type flash struct{ code, vars flashFile }

type flashFile struct {
	Filename string `json:"filename"`
	Format   string `json:"format"`
}

// descriptor is what is read of a firmware descriptor.
type descriptor struct {
	InterfaceTypes []string `json:"interface-types"`
	Mapping        struct {
		Device     string    `json:"device"`
		Mode       string    `json:"mode"`
		Executable flashFile `json:"executable"`
		NVRAM      flashFile `json:"nvram-template"`
	} `json:"mapping"`
	Targets []struct {
		Architecture string   `json:"architecture"`
		Machines     []string `json:"machines"`
	} `json:"targets"`
	Features []string `json:"features"`
}

// findFlash finds the first firmware, by the order of the descriptors' names, for an
// architecture. What can't be read, or is something else, is passed over.
//
// Errors: ErrNoFirmware.
func findFlash(folders []string, architecture string) (flash, error) {
	for _, path := range descriptors(folders) {
		var d descriptor
		if b, err := readDescriptor(path); err != nil || json.Unmarshal(b, &d) != nil || !d.boots(architecture) {
			continue
		}
		f := flash{d.Mapping.Executable, d.Mapping.NVRAM}
		if f.code.usable() && f.vars.usable() {
			return f, nil
		}
	}
	return flash{}, fmt.Errorf("%w: no descriptor in %s has one for %s without Secure Boot", ErrNoFirmware, strings.Join(folders, " or "), architecture)
}

// descriptors are the paths of the descriptors in the order in which they count.
func descriptors(folders []string) []string {
	paths := map[string]string{}
	var names []string
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if _, hidden := paths[name]; !hidden && filepath.Ext(name) == ".json" && len(names) < maxDescriptors {
				paths[name] = filepath.Join(folder, name)
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for i, n := range names {
		names[i] = paths[n]
	}
	return names
}

func readDescriptor(path string) ([]byte, error) {
	// A pipe in its place would be waited for.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxDescriptor {
		return nil, fmt.Errorf("%s is no descriptor", path)
	}
	return os.ReadFile(path)
}

// boots tells whether it is UEFI for a flash device and needs nothing that the
// machine does not have. With keys enrolled it would refuse what they did not sign.
func (d descriptor) boots(architecture string) bool {
	if !slices.Contains(d.InterfaceTypes, "uefi") || d.Mapping.Device != "flash" || (d.Mapping.Mode != "" && d.Mapping.Mode != "split") {
		return false
	}
	for _, f := range []string{"secure-boot", "enrolled-keys", "requires-smm"} {
		if slices.Contains(d.Features, f) {
			return false
		}
	}
	for _, t := range d.Targets {
		if t.Architecture == architecture && slices.ContainsFunc(t.Machines, func(m string) bool {
			return strings.HasPrefix(m, uefiMachine[architecture])
		}) {
			return true
		}
	}
	return false
}

func (f flashFile) usable() bool {
	if !filepath.IsAbs(f.Filename) || (f.Format != "raw" && f.Format != "qcow2") {
		return false
	}
	info, err := os.Stat(f.Filename)
	return err == nil && info.Mode().IsRegular() && info.Size() > 0 && info.Size() <= maxFlash
}

// args are qemu's for the code, which can't be written to, and the variables in vars,
// a copy of the template.
func (f flash) args(vars string) []string {
	drive := func(unit string, file flashFile, more [2]string) string {
		return options([][2]string{
			{"if", "pflash"}, {"unit", unit}, {"format", file.Format}, more,
			{"file.driver", "file"}, {"file.filename", file.Filename},
		}...)
	}
	return []string{
		"-drive", drive("0", f.code, [2]string{"readonly", "on"}),
		"-drive", drive("1", flashFile{vars, f.vars.Format}, [2]string{"cache", "unsafe"}),
	}
}

// copyVars copies the template of the variables, with holes: that of aarch64 is 64
// MiB of nearly nothing.
func (f flash) copyVars(to string) (err error) {
	in, err := os.Open(f.vars.Filename)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	size, b := int64(0), make([]byte, 64<<10)
	for last := false; !last; {
		var n int
		if n, last, err = blocks.Read(io.LimitReader(in, maxFlash-size), b); err != nil {
			return err
		}
		if !blocks.AllZero(b[:n]) {
			if _, err = out.WriteAt(b[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
	}
	return out.Truncate(size)
}

// firmwareArgs are those of the machine's firmware, none for the BIOS that qemu has
// by itself. The variables are copied to the machine's folder.
func (m Machine) firmwareArgs() ([]string, error) {
	if m.Firmware != UEFI {
		return nil, nil
	}
	f, err := findFlash(descriptorFolders, m.Architecture)
	if err != nil {
		return nil, err
	}
	vars := filepath.Join(m.Dir, "uefi-vars.fd")
	if err := f.copyVars(vars); err != nil {
		return nil, fmt.Errorf("copying the UEFI variables: %w", err)
	}
	return f.args(vars), nil
}
