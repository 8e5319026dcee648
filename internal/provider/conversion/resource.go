// Package conversion is the resource rbd_image_conversion.
package conversion

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/unwrap"
)

const (
	noun           = "RBD image"
	defaultTimeout = 3 * time.Hour // of the creation
)

var (
	_ resource.ResourceWithConfigure   = &conversionResource{}
	_ resource.ResourceWithModifyPlan  = &conversionResource{}
	_ resource.ResourceWithImportState = &conversionResource{}
	_ resource.ResourceWithIdentity    = &conversionResource{}

	_ resource.ResourceWithValidateConfig = &conversionResource{}
)

func init() {
	report.Advise(qemuimg.ErrFormat, "State the format that the source has (`qemu-img info` tells); it is never probed.")
	report.Advise(qemuimg.ErrBackingFile, "Make it self-contained first: `qemu-img convert -O qcow2 SOURCE NEW`. Where all files are local ones in one folder, allow_backing_chain of the source takes them together.")
	report.Advise(qemuimg.ErrChain, "Every file of the chain must be a regular one in the folder of source.file, with its format stated: `qemu-img rebase -u -F FORMAT -b NAME FILE` writes both, without touching the data. Or make the source self-contained: `qemu-img convert -O qcow2 SOURCE NEW`.")
	report.Advise(qemuimg.ErrDataFile, "Make it self-contained first: `qemu-img convert -O qcow2 SOURCE NEW`.")
	report.Advise(qemuimg.ErrEncrypted, "Decrypt it first, on a machine that may have the key.")
	report.Advise(qemuimg.ErrChanged, "Nothing was made. Run again when nobody writes to the source.")
	report.Advise(qemuimg.ErrTruncated, "Nothing was made. Fetch the source again, and compare its checksum.")
	report.Advise(errWrappedImage, "Convert it from the file that it was published as, with source.file or source.url.")
	report.Advise(fetch.ErrNotFound, "Look for a typing error; publishers also remove old versions.")
	report.Advise(fetch.ErrChanged, "Nothing was made. Run again.")
	report.Advise(checksum.ErrMismatch, "Nothing was made. Either the source was damaged or tampered with, or it is another version than the checksum is of.")
	report.Advise(checksum.ErrNotListed, "Look into the list: a link such as latest.qcow2 is often not named in it. published_name says what to look for.")
	report.Advise(unwrap.ErrCorrupt, "Nothing was made. Fetch the source again, and compare its checksum.")
	report.Advise(errTooSmall, "Images are never cut off: leave size out, or raise it.")
}

// NewResource is rbd_image_conversion.
func NewResource() resource.Resource { return &conversionResource{} }

type conversionResource struct{ data *providerdata.Data }

func (r *conversionResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_conversion"
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *conversionResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = target.IdentitySchema()
}

func (r *conversionResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	if resp.Diagnostics.Append(req.Config.Get(ctx, &config)...); resp.Diagnostics.HasError() {
		return
	}
	config.Validate(&resp.Diagnostics)
	if config.Source.IsUnknown() || config.Source.IsNull() {
		return
	}
	var src sourceModel
	resp.Diagnostics.Append(config.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	if src.AllowBackingChain.ValueBool() && !src.Format.IsUnknown() && src.Format.ValueString() != "qcow2" {
		resp.Diagnostics.AddAttributeError(path.Root("source").AtName("allow_backing_chain"), "Invalid Attribute Combination",
			"A backing chain is converted of a qcow2 only, format is \""+src.Format.ValueString()+"\".")
	}
}

func (r *conversionResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *conversionResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	p := target.Planner{Data: r.data, Noun: noun}
	var state model
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		p.State = &state.Model
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		p.CheckDestroy(ctx, &resp.Diagnostics)
		return
	}
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	p.Model = plan.Model
	src, ok := readSource(ctx, plan, resp)
	if p.State != nil {
		p.Replacing = !state.Source.IsNull() && !state.Source.Equal(plan.Source)
		if ok && !p.Replacing {
			r.planRevision(ctx, state, plan, src, resp)
		}
	}
	if ok && (p.State == nil || p.Replacing || len(resp.RequiresReplace) > 0) {
		if plan.Settled() {
			p.Token = plan.token(src)
		}
		r.planSource(ctx, &p, src, resp)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	p.ModifyPlan(ctx, req, resp)
}

// readSource returns false while not all of the source is known.
func readSource(ctx context.Context, m model, resp *resource.ModifyPlanResponse) (sourceModel, bool) {
	var src sourceModel
	if m.Source.IsUnknown() || m.Source.IsNull() {
		return src, false
	}
	resp.Diagnostics.Append(m.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	return src, src.known()
}

// planRevision makes the image anew where the source has become another one on
// its server. A server that can't be asked is no drift.
func (r *conversionResource) planRevision(ctx context.Context, state, plan model, src sourceModel, resp *resource.ModifyPlanResponse) {
	if plan.OnSourceChange.ValueString() != onSourceChangeReplace || state.SourceRevision.IsNull() || !r.data.CanAsk() {
		return
	}
	now, err := revisionNow(ctx, src)
	if err != nil {
		resp.Diagnostics.AddAttributeWarning(path.Root("source"), "Unable to look for a change of the source", report.Detail(err))
		return
	}
	if now != "" && now != state.SourceRevision.ValueString() {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("source_revision"))
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("source_revision"), types.StringUnknown())...)
	}
}

// planSource refuses a source that can't be converted, and tells the size of
// the result.
func (r *conversionResource) planSource(ctx context.Context, p *target.Planner, src sourceModel, resp *resource.ModifyPlanResponse) {
	if !r.data.CanAsk() {
		return
	}
	at, name := path.Root("source").AtName("file"), p.Model.Name.ValueString()
	switch {
	case !src.URL.IsNull():
		at = path.Root("source").AtName("url")
	case src.File.IsNull():
		// It may be made in the same run; creating will look again.
		if found, err := sourceExists(ctx, r.data, src); err == nil && !found {
			return
		}
		at = path.Root("source").AtName("image")
	}
	if src.ChecksumsURL.ValueString() != "" {
		if _, err := expected(ctx, src); err != nil {
			report.AttributeError(&resp.Diagnostics, path.Root("source").AtName("checksums_url"), "plan", noun, name, err)
			return
		}
	}
	virtual, known, err := r.virtualSize(ctx, src, resp)
	if err != nil {
		report.AttributeError(&resp.Diagnostics, at, "plan", noun, name, err)
		return
	}
	if !known {
		return
	}
	if err := checkSize(p.Model.Size.Bytes(), virtual); err != nil {
		report.AttributeError(&resp.Diagnostics, path.Root("size"), "plan", noun, name, err)
		return
	}
	if p.Model.Size.IsNull() {
		p.SizeBytes = &virtual
	}
}

// virtualSize is not known of what is compressed as a whole, and of some formats
// on a server.
func (r *conversionResource) virtualSize(ctx context.Context, src sourceModel, resp *resource.ModifyPlanResponse) (virtual uint64, known bool, err error) {
	if !src.URL.IsNull() {
		info, head, err := fetch.ReadHead(ctx, src.URL.ValueString(), qemuimg.HeadBytes)
		if err != nil || unwrap.Detect(head) != unwrap.None {
			return 0, false, err
		}
		s := qemuimg.Source{File: src.URL.ValueString(), Format: src.Format.ValueString(), Head: head}
		if err := s.CheckHead(); err != nil {
			return 0, false, err
		}
		virtual, known = qemuimg.VirtualSize(s.Format, head, info.SizeBytes)
		return virtual, known, nil
	}
	s, err := openSource(ctx, r.data, src, nil)
	if err != nil {
		return 0, false, err
	}
	defer func() {
		if err := s.close(); err != nil {
			resp.Diagnostics.AddWarning("Unable to remove a temporary folder", report.Detail(err))
		}
	}()
	if s.streamed {
		return 0, false, nil
	}
	if s.Format == "raw" && s.RBD != nil {
		virtual, known = qemuimg.VirtualSize("raw", nil, int64(s.sizeBytes)) //nolint:gosec // signed in librbd
		return virtual, known, nil
	}
	info, err := qemuimg.ReadInfo(ctx, s.Source)
	return info.VirtualSizeBytes, err == nil, err
}

func (r *conversionResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	var src sourceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(plan.Source.As(ctx, &src, basetypes.ObjectAsOptions{})...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	revision, err := convert(ctx, r.data, plan, src, plan.token(src))
	if err != nil {
		report.Error(&resp.Diagnostics, "create", noun, plan.RBDSpec().String(), err)
		return
	}
	plan.SourceRevision = types.StringNull()
	if revision != "" {
		plan.SourceRevision = types.StringValue(revision)
	}
	img, ok := target.ReadBack(ctx, r.data, noun, plan.RBDSpec(), "", &plan.Model, &resp.Diagnostics)
	if !ok {
		// Without an id in the state: the next apply finds the image by its token.
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	target.SetIdentity(ctx, img, resp)
}

func (r *conversionResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	target.Read[model](ctx, r.data, noun, req, resp)
}

func (r *conversionResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	target.Update[model](ctx, r.data, noun, req, resp, nil)
}

func (r *conversionResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	target.Delete[model](ctx, r.data, noun, req, resp)
}

func (r *conversionResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	target.Import(ctx, r.data, noun, req, resp)
}
