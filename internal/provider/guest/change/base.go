package change

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/imageref"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

// DefaultTimeout bounds all operations where the configuration says nothing.
const DefaultTimeout = 30 * time.Minute

// Base is what is the same in all resources that change a guest.
type Base struct {
	Data *providerdata.Data
	// Type is the resource's without the provider's name, Noun what an error
	// calls it.
	Type, Noun string
}

// Metadata is that of resource.Resource.
func (b *Base) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + b.Type
}

// Configure is that of resource.ResourceWithConfigure.
func (b *Base) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	b.Data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

// ImportState takes pool[/namespace]/image.
func (b *Base) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	ImportImage(ctx, req, resp)
}

// Read looks for the image, which is all that can be read of work that leaves
// no other trace.
func (b *Base) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	s, limits := subjectOf(ctx, req.State.GetAttribute, &resp.Diagnostics)
	ctx, cancel, ok := deadline.With(ctx, limits.Read, DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if _, ok := ReadImage(ctx, b.Data, b.Noun, &s, resp); !ok {
		return
	}
	for name, v := range map[string]attr.Value{imageref.Name: s.Image, "spec": s.Image, "image_id": s.ImageID} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), v)...)
	}
}

// Delete leaves the guest as it is, but not in the middle of a change.
func (b *Base) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	s, limits := subjectOf(ctx, req.State.GetAttribute, &resp.Diagnostics)
	ctx, cancel, ok := deadline.With(ctx, limits.Delete, DefaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	if err := Recover(ctx, b.Data, s.Image.ValueString(), s.ImageID.ValueString()); err != nil {
		report.Error(&resp.Diagnostics, "delete", b.Noun, s.Image.ValueString(), err)
	}
}

func subjectOf(ctx context.Context, get func(context.Context, path.Path, any) diag.Diagnostics, diags *diag.Diagnostics) (s Subject, limits timeouts.Value) {
	for name, v := range map[string]any{imageref.Name: &s.Image, "image_id": &s.ImageID, "timeouts": &limits} {
		diags.Append(get(ctx, path.Root(name), v)...)
	}
	return s, limits
}

// PlanRun plans work that is done once for each revision: inputs, which must be
// fit for JSON, are all that the result depends on; nil stands for what is not
// known yet. state is nil where there is none, was its revision.
//
// It returns whether the apply will do the work, and the new revision.
func (b *Base) PlanRun(ctx context.Context, state, plan *Subject, was types.String, inputs any, resp *resource.ModifyPlanResponse) (runs bool, revision types.String) {
	img, same := PlanImage(ctx, b.Data, b.Noun, state, plan, false, resp)
	if resp.Diagnostics.HasError() {
		return false, types.StringUnknown()
	}
	revision = types.StringUnknown()
	if inputs != nil && !plan.ImageID.IsUnknown() {
		revision = types.StringValue(Revision(plan.ImageID.ValueString(), inputs))
	}
	runs = !same || !revision.Equal(was) || img != nil && img.EditInterrupted()
	if runs && same && img != nil {
		if _, err := Planned(ctx, b.Data, img.Spec, true); err != nil {
			report.AttributeError(&resp.Diagnostics, path.Root(imageref.Name), "plan a change of", b.Noun, img.Spec.String(), err)
		}
	}
	SetPlan(ctx, resp, map[string]attr.Value{"revision": revision})
	return runs, revision
}

// errChanged says that what was planned is not what would be done.
var errChanged = errors.New("a local file is not what it was when this was planned")

func init() {
	report.Advise(errChanged, "Run again, so that it is planned anew. The image was not changed.")
}

// Done is what the state has of work that was done.
type Done struct {
	Spec, ImageID, Revision types.String
	Messages                types.List
}

// RunOnce does work that PlanRun has planned, with this revision: work does it
// in the overlay, and returns what is to be remembered of it. action completes
// "Unable to …". It returns false where diags got an error.
func (b *Base) RunOnce(ctx context.Context, plan Subject, revision types.String, inputs any, action string,
	work func(context.Context, *Overlay) ([]string, error), diags *diag.Diagnostics,
) (Done, bool) {
	img, err := ApplyImage(ctx, b.Data, plan)
	if id := plan.ImageID.ValueString(); err == nil && revision.ValueString() != "" && revision.ValueString() != Revision(id, inputs) {
		err = errChanged
	}
	messages := []string{}
	if err == nil {
		err = Change{Make: func(ctx context.Context, o *Overlay) (bool, error) {
			said, err := work(ctx, o)
			messages = append(messages, said...)
			return true, err
		}}.Run(ctx, b.Data, img.Spec, img.ID)
	}
	if err != nil {
		report.Error(diags, action, b.Noun, plan.Image.ValueString(), err)
		return Done{}, false
	}
	list, errs := types.ListValueFrom(ctx, types.StringType, messages)
	diags.Append(errs...)
	return Done{
		Spec: types.StringValue(img.Spec.String()), ImageID: types.StringValue(img.ID),
		Revision: types.StringValue(Revision(img.ID, inputs)), Messages: list,
	}, !diags.HasError()
}

// Revision tells results apart: it changes with the image and with what was
// asked for, but not when the same is done again.
func Revision(imageID string, inputs any) string {
	b, err := json.Marshal(inputs)
	if err != nil {
		panic(fmt.Sprintf("revision of plain values: %v", err))
	}
	sum := sha256.Sum256(append([]byte(imageID+"\n"), b...))
	return hex.EncodeToString(sum[:6])
}
