// Package deadline bounds an operation by the timeouts block of its resource.
package deadline

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// With bounds ctx by what get, a method of timeouts.Value, says, or by standard
// where the configuration says nothing. The caller calls cancel in any case; ok
// is false where diags has errors, from here or before.
func With(ctx context.Context, get func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
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
