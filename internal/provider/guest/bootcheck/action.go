// SPDX-License-Identifier: MPL-2.0

package bootcheck

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	frameworkaction "github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/action"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// actionModel has the arguments of the resource that an invocation can have.
type actionModel struct {
	Snapshot       types.String       `tfsdk:"snapshot"`
	ConsolePattern types.String       `tfsdk:"console_pattern"`
	SSHBanner      types.String       `tfsdk:"ssh_banner"`
	FailurePattern types.String       `tfsdk:"failure_pattern"`
	UserData       types.String       `tfsdk:"user_data"`
	MetaData       types.String       `tfsdk:"meta_data"`
	NetworkConfig  types.String       `tfsdk:"network_config"`
	Network        types.String       `tfsdk:"network"`
	Architecture   types.String       `tfsdk:"architecture"`
	Firmware       types.String       `tfsdk:"firmware"`
	DiskBus        types.String       `tfsdk:"disk_bus"`
	Memory         sizetype.Value     `tfsdk:"memory"`
	CPUs           types.Int64        `tfsdk:"cpus"`
	BootTimeout    durationtype.Value `tfsdk:"boot_timeout"`
	Timeouts       timeouts.Value     `tfsdk:"timeouts"`
}

// resource is the same as the resource has it, with its defaults.
func (a actionModel) resource() (model, error) {
	m := model{
		Snapshot: a.Snapshot, ConsolePattern: a.ConsolePattern, SSHBanner: a.SSHBanner, FailurePattern: a.FailurePattern,
		UserData: a.UserData, MetaData: a.MetaData, NetworkConfig: a.NetworkConfig, Network: a.Network,
		Architecture: a.Architecture, Firmware: a.Firmware, Memory: a.Memory, BootTimeout: a.BootTimeout,
		DiskBus: types.StringValue(cmp.Or(a.DiskBus.ValueString(), qemu.VirtioBlk)),
		CPUs:    types.Int64Value(max(a.CPUs.ValueInt64(), 1)),
	}
	if a.BootTimeout.IsNull() {
		m.BootTimeout = durationtype.New(defaultBootTimeout)
	}
	if a.Memory.IsNull() {
		bytes, err := sizetype.Parse(defaultMemory)
		if err != nil {
			return m, err
		}
		m.Memory = sizetype.New(bytes)
	}
	return m, nil
}

// NewAction is the action rbd_guest_boot_check.
func NewAction() frameworkaction.Action { return action.New(way) }

var way = action.Action[actionModel]{
	TypeName: "guest_boot_check", Arguments: actionArguments,
	Kind: kind, Verb: "boot",
	Name:     func(_ *providerdata.Data, a actionModel) string { return a.Snapshot.ValueString() },
	At:       func(actionModel, error) path.Path { return path.Root("snapshot") },
	Timeouts: func(a actionModel) timeouts.Value { return a.Timeouts }, Timeout: defaultTimeout,
	Check: checkAction, Do: doAction,
}

func checkAction(ctx context.Context, d *providerdata.Data, a actionModel, diags *diag.Diagnostics) error {
	m, err := a.resource()
	if err != nil {
		return err
	}
	if m.validate(diags); diags.HasError() {
		return nil
	}
	spec, err := rbd.ParseSpec(m.Snapshot.ValueString())
	if err != nil {
		return err
	}
	if _, err = findOrigin(ctx, d, m.Snapshot.ValueString()); d.Planned.Explains(spec, err) {
		return nil // this run makes it
	}
	return err
}

func doAction(ctx context.Context, d *providerdata.Data, a actionModel, say action.Say) error {
	m, err := a.resource()
	if err != nil {
		return err
	}
	t := &teller{say: say}
	end := t.begin()
	defer end()
	var result qemu.BootResult
	if err := m.boot(ctx, d, types.StringNull(), t.line, &result); err != nil {
		return &consoleError{err, m.shown(result)}
	}
	say("%s is up after %.1f s, with %s: %s", m.Spec.ValueString(), m.Seconds.ValueFloat64(), m.Accelerator.ValueString(),
		cmp.Or(m.Line.ValueString(), m.Banner.ValueString()))
	return nil
}

// consoleError is an error with what the guest wrote.
type consoleError struct {
	err   error
	shown string
}

func (e *consoleError) Error() string { return e.err.Error() + e.shown }
func (e *consoleError) Unwrap() error { return e.err }

// tellInterval is the time between two lines that are shown of the console.
const tellInterval = 10 * time.Second

// teller shows what the guest says: the first line, and then the last one now and
// again.
type teller struct {
	say action.Say

	mu           sync.Mutex
	last         string
	begun, fresh bool
}

// line is told a line of the console.
func (t *teller) line(text string) {
	if text == "" {
		return
	}
	t.mu.Lock()
	t.last, t.fresh = text, true
	first := !t.begun
	t.begun = true
	t.mu.Unlock()
	if first {
		t.tell()
	}
}

func (t *teller) tell() {
	t.mu.Lock()
	text, is := t.last, t.fresh
	t.fresh = false
	t.mu.Unlock()
	if is {
		t.say("the guest says: %s", text)
	}
}

// begin shows lines until the function that it returns is called.
func (t *teller) begin() (end func()) {
	over := make(chan struct{})
	go func() {
		tick := time.NewTicker(tellInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				t.tell()
			case <-over:
				return
			}
		}
	}()
	return func() { close(over) }
}
