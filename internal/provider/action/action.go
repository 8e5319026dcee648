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
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

// Base is embedded in an action.
type Base struct{ Data *providerdata.Data }

// Configure is that of action.ActionWithConfigure.
func (b *Base) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	b.Data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

// Action is one whose model is M.
type Action[M any] struct {
	Kind report.Kind
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

// Say shows a line on the terminal, and in the log.
type Say func(format string, args ...any)

// ModifyPlan is that of action.ActionWithModifyPlan.
func (a Action[M]) ModifyPlan(ctx context.Context, d *providerdata.Data, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
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

// Invoke is that of action.Action.
func (a Action[M]) Invoke(ctx context.Context, d *providerdata.Data, req action.InvokeRequest, resp *action.InvokeResponse) {
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
