// SPDX-License-Identifier: MPL-2.0

package bootcheck

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// shownLines is how much of the console an error shows.
const shownLines = 25

// errTooSlow is the cause of a boot that was given up.
var errTooSlow = errors.New("boot_timeout has passed")

// origin is the snapshot that is booted.
type origin struct {
	spec       rbd.Spec
	imageID    string
	snapshotID uint64
}

func findOrigin(ctx context.Context, d *providerdata.Data, snapshot string) (origin, error) {
	spec, err := rbd.ParseSpec(snapshot)
	if err != nil {
		return origin{}, err
	}
	img, err := d.Ceph.Image(ctx, spec.ImageSpec())
	if err != nil {
		return origin{}, err
	}
	s, err := img.Snapshot(spec.Snapshot)
	return origin{spec, img.ID, s.ID}, err
}

// check boots the snapshot and fills in what was seen. The configuration has what
// is in no plan.
func (r *bootCheckResource) check(ctx context.Context, m *model, config tfsdk.Config, diags *diag.Diagnostics) {
	var secret types.String
	if diags.Append(config.GetAttribute(ctx, path.Root("user_data_wo"), &secret)...); diags.HasError() {
		return
	}
	if secret.IsNull() != m.SecretVersion.IsNull() {
		diags.AddAttributeError(path.Root("user_data_wo"), "No user_data_wo", "One of user_data_wo and user_data_wo_version is null: give both, or none.")
		return
	}
	result := qemu.BootResult{}
	err := m.boot(ctx, r.data, secret, nil, &result)
	if err == nil {
		return
	}
	diags.AddError(kind.Unable("boot", m.Snapshot.ValueString()), kind.Detail(err)+m.shown(result))
}

// shown is what an error shows of the console.
func (m model) shown(result qemu.BootResult) string {
	if text := lastLines(result.Console, shownLines); text != "" {
		return "\n\nThe end of its console:\n\n" + text
	}
	if result.Time > 0 {
		return "\n\nIt wrote nothing to its serial console: " + m.silence()
	}
	return ""
}

// boot boots the snapshot and fills in what was seen. said, where given, is told the
// lines of the console.
func (m *model) boot(ctx context.Context, d *providerdata.Data, secret types.String, said func(line string), result *qemu.BootResult) (err error) {
	sign, err := m.sign()
	if err != nil {
		return err
	}
	limit := m.BootTimeout.Amount()
	o, err := findOrigin(ctx, d, m.Snapshot.ValueString())
	if err != nil {
		return err
	}
	// Its qemu is seen as a use of the image.
	lock, err := d.Ceph.ShareImage(ctx, o.spec, "boot check")
	if err != nil {
		return err
	}
	defer lock.Release()
	overlay, err := guestoverlay.New(ctx, d.Guest(), o.spec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, overlay.Remove()) }()
	machine := qemu.Machine{
		Overlay: overlay.Path, Env: overlay.Env, Dir: overlay.Dir, Bus: m.DiskBus.ValueString(),
		Architecture: m.architecture().ValueString(), Firmware: m.firmware().ValueString(),
		MemoryMiB: m.memoryMiB(), CPUs: m.CPUs.ValueInt64(), Network: m.network(), Said: said,
	}
	if files := m.seed(o, secret); files != nil {
		machine.Seed = filepath.Join(overlay.Dir, "seed.iso")
		if err := qemu.WriteSeed(machine.Seed, files); err != nil {
			return err
		}
	}
	release, err := d.Guests.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	machine.Accelerator = guestfs.TCG
	if machine.Architecture == qemu.HostArchitecture() {
		machine.Accelerator = d.Guests.Accelerator(ctx)
	}
	tflog.Info(ctx, "booting a snapshot", map[string]any{"snapshot": o.spec.String(), "architecture": machine.Architecture, "firmware": machine.Firmware, "accelerator": machine.Accelerator, "network": machine.Network})
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w (%s)", errTooSlow, limit))
	defer cancel()
	err = overlay.Within(ctx, func(ctx context.Context) (err error) {
		*result, err = machine.Run(ctx, sign)
		return err
	})
	tflog.Debug(ctx, "the guest's console", map[string]any{"snapshot": o.spec.String(), "text": result.Console})
	if err != nil {
		return err
	}
	tflog.Info(ctx, "the guest is up", map[string]any{"snapshot": o.spec.String(), "time": result.Time.String()})
	m.set(o, machine.Accelerator, *result)
	return nil
}

// silence says why a guest may say nothing on its console.
func (m model) silence() string {
	if m.architecture().ValueString() == qemu.AArch64 {
		return "the guest may lack console=ttyAMA0 on its kernel's command line."
	}
	why := "the guest may lack console=ttyS0 on its kernel's command line"
	if m.firmware().ValueString() == qemu.BIOS {
		why += ", or boot by UEFI only, which takes firmware = \"" + qemu.UEFI + "\""
	}
	return why + "."
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
