// SPDX-License-Identifier: MPL-2.0

// Package progress logs how far a long step of a resource has come.
package progress

import (
	"context"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
)

// Log is what Start gives.
type Log = progress.Log

// Start begins to log, see internal/progress. Stop must be called.
func Start(ctx context.Context, what, image string) *Log {
	return progress.Start(ctx, tflog.Info, what, image)
}
