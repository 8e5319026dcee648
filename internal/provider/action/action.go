// SPDX-License-Identifier: MPL-2.0

// Package action is the way of an action: from its configuration, through what a plan
// refuses, to what it does, and what it says meanwhile. There is a package below for
// each.
package action

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

// MostNamed is how many images or clones a message names.
const MostNamed = 50

// Action is one whose model is M: what Terraform asks of any action, once.
type Action[M any] struct {
	// TypeName is without the provider's name.
	TypeName  string
	Arguments func(context.Context) schema.Schema
	Kind      report.Kind
	// Verb says what is done, as in `Unable to VERB KIND "NAME"`.
	Verb string
	// Name is what it is done to.
	Name func(*providerdata.Data, M) string
	// OnlyGlance is of one that needs no cluster.
	OnlyGlance bool
	// At is the attribute that an error is about; nil, or path.Empty() from it, means
	// the whole.
	At func(M, error) path.Path
	// Timeouts are those of the model, and Timeout holds where it says nothing.
	Timeouts func(M) timeouts.Value
	Timeout  time.Duration
	// Check refuses what Do would refuse, and warns of what it loses. What is not
	// there may be made by the same run: see providerdata.Planned.
	Check func(ctx context.Context, d *providerdata.Data, m M, diags *diag.Diagnostics) error
	// Do does it. What it starts with progress.Start is shown on the terminal.
	Do func(ctx context.Context, d *providerdata.Data, m M, say Say) error
}

// New is the action as the framework has it.
func New[M any](way Action[M]) action.Action { return &configured[M]{way: way} }

type configured[M any] struct {
	way  Action[M]
	data *providerdata.Data
}

var (
	_ action.ActionWithConfigure  = &configured[struct{}]{}
	_ action.ActionWithModifyPlan = &configured[struct{}]{}
)

func (c *configured[M]) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + c.way.TypeName
}

func (c *configured[M]) Schema(ctx context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = c.way.Arguments(ctx)
}

func (c *configured[M]) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	c.data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

func (c *configured[M]) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	c.way.modifyPlan(ctx, c.data, req, resp)
}

func (c *configured[M]) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	c.way.invoke(ctx, c.data, req, resp)
}

// Say shows a line on the terminal, and in the log.
type Say func(format string, args ...any)

func (a Action[M]) modifyPlan(ctx context.Context, d *providerdata.Data, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	if !d.CanAsk() {
		return
	}
	if !a.OnlyGlance { // a wrong cluster stops here, whatever else is unknown
		if _, err := d.Ceph.FSID(ctx); err != nil {
			a.Kind.Error(&resp.Diagnostics, a.Verb, "", err)
			return
		}
	}
	var m M
	if !req.Config.Raw.IsFullyKnown() {
		return
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := a.Check(ctx, d, m, &resp.Diagnostics); err != nil {
		a.report(&resp.Diagnostics, d, m, err)
	}
}

func (a Action[M]) invoke(ctx context.Context, d *providerdata.Data, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m M
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !d.CanAsk() {
		a.Kind.Unconfigured(&resp.Diagnostics, a.Verb, a.Name(d, m))
		return
	}
	ctx, cancel, ok := deadline.With(ctx, a.Timeouts(m).Invoke, a.Timeout, &resp.Diagnostics)
	defer cancel()
	if !ok {
		return
	}
	out := newSender(resp.SendProgress)
	defer out.end()
	say := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		tflog.Info(ctx, line)
		out.send(line)
	}
	err := a.Do(progress.To(ctx, out.send), d, m, say)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("%w; timeouts.invoke allows no more", err)
	}
	if err != nil {
		a.report(&resp.Diagnostics, d, m, err)
	}
}

func (a Action[M]) report(diags *diag.Diagnostics, d *providerdata.Data, m M, err error) {
	at := path.Empty()
	if a.At != nil {
		at = a.At(m, err)
	}
	if at.Equal(path.Empty()) {
		a.Kind.Error(diags, a.Verb, a.Name(d, m), err)
	} else {
		a.Kind.AttributeError(diags, at, a.Verb, a.Name(d, m), err)
	}
}
