// Package export is the resource rbd_image_export.
package export

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	noun           = "export"
	createTimeout  = 3 * time.Hour
	defaultTimeout = 10 * time.Minute
	hashTimeout    = time.Hour // of what may read all of the file
)

var (
	_ resource.ResourceWithConfigure      = &exportResource{}
	_ resource.ResourceWithModifyPlan     = &exportResource{}
	_ resource.ResourceWithImportState    = &exportResource{}
	_ resource.ResourceWithValidateConfig = &exportResource{}
)

func init() {
	report.Advise(errFileExists, "This provider never overwrites a file: choose another name, move it away, or, if it is an export of this snapshot, take it over with `terraform import ADDRESS FILE,SNAPSHOT`.")
	report.Advise(errChanged, "It is left alone. Remove it or move it away, keep it with on_destroy = \"retain\", or plan again to see what it is now.")
	report.Advise(errNotRegular, "It is left alone. Move it away, and the next plan writes the file again.")
	report.Advise(errNoSpace, "Free some, or choose another folder. Compression makes a qcow2 smaller, by how much is not known before.")
	report.Advise(errNotOurs, "Look what it is, and move it away.")
	report.Advise(errSectors, "Export it with format = \"raw\".")
	report.Advise(errOther, "Only a raw or qcow2 file with exactly the content of the snapshot can be imported. Move it away to write a new one.")
}

// NewResource is rbd_image_export.
func NewResource() resource.Resource { return &exportResource{} }

type exportResource struct{ data *providerdata.Data }

func (r *exportResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_image_export"
}

func (r *exportResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (r *exportResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	ctx, cancel, ok := deadline.With(ctx, plan.Timeouts.Create, createTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	written, err := r.create(ctx, &plan)
	if err != nil {
		report.Error(&resp.Diagnostics, "create", noun, plan.File.ValueString(), err)
		return
	}
	plan.setFile(written.SizeBytes, written.SHA256, mode(plan.FileMode))
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(written.keep(ctx, resp.Private)...)
}

func (r *exportResource) create(ctx context.Context, plan *model) (record, error) {
	o, err := findOrigin(ctx, r.data, plan.Snapshot.ValueString())
	if err != nil {
		return record{}, err
	}
	if !plan.SnapshotID.IsUnknown() && !plan.isOf(o.imageID, o.snapshotID) {
		return record{}, rbd.ErrOtherSnapshot
	}
	j, err := plan.job(o)
	if err != nil {
		return record{}, err
	}
	plan.setOrigin(o)
	return j.write(ctx, r.data)
}

// Read needs no cluster: the file stays when the snapshot is gone.
func (r *exportResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	was := keptRecord(ctx, state, req.Private, &resp.Diagnostics)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Read, hashTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	is, fi, err := look(ctx, state, was)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		report.Error(&resp.Diagnostics, "read", noun, state.File.ValueString(), err)
		return
	}
	noteRefreshed(state)
	state.setFile(is.SizeBytes, is.SHA256, fi.Mode().Perm())
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	is.SHA256 = was.SHA256
	resp.Diagnostics.Append(is.keep(ctx, resp.Private)...)
}

// Update does what needs no new file.
func (r *exportResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	_, cancel, ok := deadline.With(ctx, plan.Timeouts.Update, defaultTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	file, err := plan.path()
	if err == nil {
		_, err = lstat(file)
	}
	if err == nil && mode(plan.FileMode) != mode(state.FileMode) {
		err = os.Chmod(file, mode(plan.FileMode))
	}
	if err != nil {
		report.Error(&resp.Diagnostics, "update", noun, plan.File.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

func (r *exportResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	seen := keptRecord(ctx, state, req.Private, &resp.Diagnostics)
	ctx, cancel, ok := deadline.With(ctx, state.Timeouts.Delete, hashTimeout, &resp.Diagnostics)
	defer cancel()
	if !ok || state.OnDestroy.ValueString() == onDestroyRetain {
		return
	}
	// What was there at the last refresh, and so in the plan, may go.
	err := expect(ctx, state, seen, state.SHA256.ValueString())
	var file string
	if err == nil {
		file, err = state.path()
	}
	if err == nil {
		err = remove(file)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(file))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		report.Error(&resp.Diagnostics, "delete", noun, state.File.ValueString(), err)
	}
}
