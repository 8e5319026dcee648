// SPDX-License-Identifier: MPL-2.0

// Package lookup is the way of a data source: from its configuration, through one
// question to a backend, to its state.
package lookup

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
)

// Base is embedded in a data source.
type Base struct{ Data *providerdata.Data }

// Configure is that of datasource.DataSourceWithConfigure.
func (b *Base) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	b.Data = providerdata.From(req.ProviderData, &resp.Diagnostics)
}

// Lookup is the question of a data source whose model is M.
type Lookup[M any] struct {
	Kind report.Kind
	// Verb says what is done, as in `Unable to VERB KIND "NAME"`.
	Verb string
	// Name is what a configuration asks for.
	Name func(M) string
	// At is the attribute that an error is about; nil where that is never one
	// alone, and path.Empty() where it is not.
	At func(M, error) path.Path
	// Timeouts are those of the model, nil where it has none; Timeout is what
	// holds where it says nothing, without end if that is 0.
	Timeouts func(M) timeouts.Value
	Timeout  time.Duration
	// Ask fills the model. What it adds to diags is shown with what it has found.
	Ask func(ctx context.Context, d *providerdata.Data, m *M, diags *diag.Diagnostics) error
}

// Attribute is an At for errors that are all about one attribute.
func Attribute[M any](name string) func(M, error) path.Path {
	return func(M, error) path.Path { return path.Root(name) }
}

// Read is that of datasource.DataSource.
func (l Lookup[M]) Read(ctx context.Context, d *providerdata.Data, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	diags := &resp.Diagnostics
	var m M
	diags.Append(req.Config.Get(ctx, &m)...)
	if diags.HasError() {
		return
	}
	if !d.CanAsk() {
		l.Kind.Unconfigured(diags, l.Verb, l.Name(m))
		return
	}
	ctx, cancel, ok := l.within(ctx, m, diags)
	defer cancel()
	if !ok {
		return
	}
	if err := l.Ask(ctx, d, &m, diags); err != nil {
		at, name := path.Empty(), l.Name(m)
		if l.At != nil {
			at = l.At(m, err)
		}
		if at.Equal(path.Empty()) {
			l.Kind.Error(diags, l.Verb, name, err)
		} else {
			l.Kind.AttributeError(diags, at, l.Verb, name, err)
		}
		return
	}
	if diags.HasError() {
		return
	}
	diags.Append(resp.State.Set(ctx, &m)...)
}

func (l Lookup[M]) within(ctx context.Context, m M, diags *diag.Diagnostics) (bounded context.Context, cancel context.CancelFunc, ok bool) {
	switch {
	case l.Timeouts != nil:
		return deadline.Reading(ctx, l.Timeouts(m).Read, l.Timeout, diags)
	case l.Timeout > 0:
		bounded, cancel = context.WithTimeout(ctx, l.Timeout)
		return bounded, cancel, true
	}
	return ctx, func() {}, true
}
