// SPDX-License-Identifier: MPL-2.0

package guestoverlay

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/disktools"
)

// The tools of Exported and Launch, by whose version the others of their package are
// told.
const (
	sfdisk    = "sfdisk"
	e2fsck    = "e2fsck"
	guestfish = "guestfish"
	qemuImg   = "qemu-img"
)

// Tools are the versions of the tools that have written to the overlay and from it,
// as far as they tell them.
func (o *Overlay) Tools(ctx context.Context) map[string]string {
	out := map[string]string{}
	for _, name := range append([]string{qemuImg}, o.used...) {
		of := func() string { return command.Version(ctx, name, "--version") }
		if name == sfdisk || name == e2fsck {
			of = func() string { return disktools.Version(ctx, name) }
		}
		if version := of(); version != "" {
			out[name] = version
		}
	}
	return out
}
