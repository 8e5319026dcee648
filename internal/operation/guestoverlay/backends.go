// SPDX-License-Identifier: MPL-2.0

package guestoverlay

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Backends are what operations on guests join: the cluster that has the images,
// and the appliances.
type Backends struct {
	Ceph   *rbd.Cluster
	Guests *guestfs.Manager
	// Log gets a line for each thing that is done to a guest, DebugLog what helps to
	// find out why something failed.
	Log, DebugLog progress.Logger
}

// Info logs how far an operation has come.
func (b Backends) Info(ctx context.Context, message string, fields ...map[string]any) {
	if b.Log != nil {
		b.Log(ctx, message, fields...)
	}
}

// Debug logs what helps to find out why an operation failed.
func (b Backends) Debug(ctx context.Context, message string, fields ...map[string]any) {
	if b.DebugLog != nil {
		b.DebugLog(ctx, message, fields...)
	}
}
