// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/stateid"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// deps is what an operation works with. What it warns of goes to diags.
func (r *locationResource) deps(diags *diag.Diagnostics) registration.Deps {
	return depsOf(r.data, diags)
}

func depsOf(data *providerdata.Data, diags *diag.Diagnostics) registration.Deps {
	return registration.Deps{
		Ceph: data.Ceph, Glance: data.Glance,
		Run: rbd.Run{State: stateid.ID(), ID: stateid.RunID()}, Running: stateid.Running,
		Warn:  func(w registration.Warning) { warn(diags, w) },
		Log:   func(ctx context.Context, message string, fields map[string]any) { tflog.Warn(ctx, message, fields) },
		Begin: func(ctx context.Context, s registration.Step) { tflog.Debug(ctx, string(s)) },
		Progress: func(ctx context.Context, what, snapshot string) (func(done, total uint64), func()) {
			log := progress.Start(ctx, what, snapshot)
			return log.Set, log.Stop
		},
	}
}

// warn puts the advice for an error before the detail.
func warn(diags *diag.Diagnostics, w registration.Warning) {
	detail := w.Detail
	if w.Err != nil {
		detail = kind.Detail(w.Err)
		if w.Detail != "" {
			detail += "\n\n" + w.Detail
		}
	}
	diags.AddWarning(w.Summary, detail)
}

// Sweep removes guards, aliases and notes of the image's records that are proven
// gone, for whoever is about to remove what they guard, and holds the lock of the
// image. What can't be told stays, and is in the way.
func Sweep(ctx context.Context, data *providerdata.Data, img rbd.Image) {
	var diags diag.Diagnostics // an alias that stays is in the way, which is told then
	registration.Sweep(ctx, depsOf(data, &diags), img)
}
