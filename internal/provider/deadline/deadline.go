// SPDX-License-Identifier: MPL-2.0

// Package deadline bounds an operation by the timeouts of its resource.
package deadline

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Reading is With for a refresh or a data source.
func Reading(ctx context.Context, get func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
	standard time.Duration, diags *diag.Diagnostics,
) (bounded context.Context, cancel context.CancelFunc, ok bool) {
	return within(ctx, get, standard, diags)
}

// With bounds ctx by what get, a method of timeouts.Value, says, or by standard
// where the configuration says nothing. The caller calls cancel in any case; ok
// is false where diags has errors, from here or before. It is for changes, which
// wait for a cluster that does not answer at the moment.
func With(ctx context.Context, get func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
	standard time.Duration, diags *diag.Diagnostics,
) (bounded context.Context, cancel context.CancelFunc, ok bool) {
	return within(rbd.Patiently(ctx), get, standard, diags)
}

func within(ctx context.Context, get func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
	standard time.Duration, diags *diag.Diagnostics,
) (bounded context.Context, cancel context.CancelFunc, ok bool) {
	if diags.HasError() {
		return ctx, func() {}, false
	}
	limit, errs := get(ctx, standard)
	diags.Append(errs...)
	bounded, cancel = context.WithTimeout(ctx, limit)
	return bounded, cancel, !diags.HasError()
}
