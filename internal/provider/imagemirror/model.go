// SPDX-License-Identifier: MPL-2.0

package imagemirror

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/mirroring"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type model struct {
	Image     types.String `tfsdk:"image"`
	Primary   types.Bool   `tfsdk:"primary"`
	Force     types.Bool   `tfsdk:"force"`
	Resync    types.String `tfsdk:"resync"`
	Schedule  types.Set    `tfsdk:"schedule"`
	OnDestroy types.String `tfsdk:"on_destroy"`

	Spec     types.String   `tfsdk:"spec"`
	ImageID  types.String   `tfsdk:"image_id"`
	GlobalID types.String   `tfsdk:"global_id"`
	Mode     types.String   `tfsdk:"mode"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// onDestroyDisable ends the mirroring.
const onDestroyDisable = "disable"

// scheduleType is that of an element of schedule.
var scheduleType = types.ObjectType{AttrTypes: map[string]attr.Type{"interval": types.StringType, "start_time": types.StringType}}

func stringValue(s string) types.String { return types.StringValue(s) }

// request is what an apply does; state is nil for a new resource.
func (m model) request(state *model) (mirroring.Request, error) {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	r := mirroring.Request{Spec: spec, Primary: m.Primary.ValueBool(), Force: m.Force.ValueBool(), Resync: state != nil && m.resyncs(*state)}
	if state == nil && !m.Schedule.IsNull() || state != nil && !m.Schedule.Equal(state.Schedule) || r.Resync && !m.Schedule.IsNull() {
		r.Schedules = m.schedules()
	}
	return r, err
}

// resyncs tells whether the trigger was changed.
func (m model) resyncs(state model) bool { return !m.Resync.IsNull() && !m.Resync.Equal(state.Resync) }

// schedules are those of a known set, none where it is null.
func (m model) schedules() []rbd.MirrorSchedule {
	out := []rbd.MirrorSchedule{}
	for _, e := range m.Schedule.Elements() {
		if o, ok := e.(types.Object); ok {
			interval, _ := o.Attributes()["interval"].(types.String)
			start, _ := o.Attributes()["start_time"].(types.String)
			out = append(out, rbd.MirrorSchedule{Interval: interval.ValueString(), StartTime: start.ValueString()})
		}
	}
	return out
}

func (m *model) setSchedules(all []rbd.MirrorSchedule) {
	if len(all) == 0 {
		if m.Schedule.IsNull() || len(m.Schedule.Elements()) > 0 {
			m.Schedule = types.SetNull(scheduleType)
		}
		return
	}
	var elements []attr.Value
	for _, s := range all {
		start := types.StringNull()
		if s.StartTime != "" {
			start = types.StringValue(s.StartTime)
		}
		elements = append(elements, types.ObjectValueMust(scheduleType.AttrTypes, map[string]attr.Value{"interval": types.StringValue(s.Interval), "start_time": start}))
	}
	m.Schedule = types.SetValueMust(scheduleType, elements)
}

func (m *model) setRead(img rbd.Image, is rbd.Mirroring) {
	m.Image = types.StringValue(img.Spec.String())
	m.Spec = m.Image
	m.ImageID = types.StringValue(img.ID)
	m.GlobalID = types.StringValue(is.GlobalID)
	m.Mode = types.StringValue(is.Mode)
	m.Primary = types.BoolValue(is.Primary)
	if m.Force.IsNull() { // just imported
		m.Force = types.BoolValue(false)
	}
	if m.OnDestroy.IsNull() {
		m.OnDestroy = types.StringValue(onDestroyDisable)
	}
}

// at is the image of a plan, found by the ids of the state.
func (m model) at(state model) model {
	state.Image = m.Image
	return state
}

func setIdentity(ctx context.Context, img rbd.Image, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to != nil {
		diags.Append(to.Set(ctx, target.IdentityOf(img))...)
	}
}

// keepIdentity is for a read that reads nothing, see target.
func keepIdentity(ctx context.Context, d *providerdata.Data, m model, to *tfsdk.ResourceIdentity, diags *diag.Diagnostics) {
	if to == nil || !to.Raw.IsFullyNull() {
		return
	}
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	var fsid string
	if err == nil && d.CanAsk() {
		fsid, err = d.Ceph.FSID(ctx)
	}
	if err != nil {
		kind.Error(diags, "read", m.Image.ValueString(), err)
		return
	}
	setIdentity(ctx, rbd.Image{Spec: spec, FSID: fsid, ID: m.ImageID.ValueString()}, to, diags)
}
