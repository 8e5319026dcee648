// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// NoteMirrored notes that this run enables the mirroring of a pool, or of a namespace of
// it.
func (p *Planned) NoteMirrored(at rbd.Spec) { p.Add(mirrorOf(at), PlannedID{}) }

// AwaitMirrored tells whether NoteMirrored was called for where an image is. Where the
// pool's name is written out, Terraform may plan its mirroring afterwards.
func (p *Planned) AwaitMirrored(ctx context.Context, image rbd.Spec) bool {
	_, ok := p.Await(ctx, mirrorOf(image))
	return ok
}

// mirrorOf is a spec that no image and no snapshot has.
func mirrorOf(at rbd.Spec) rbd.Spec {
	return rbd.Spec{Pool: at.Pool, Namespace: at.Namespace, Snapshot: "mirroring"}
}

// AgreeOn notes a value that all resources of a run must have alike, and tells which one
// another has given where that is another.
func (p *Planned) AgreeOn(what, value string) (other string, ok bool) {
	c := &p.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	if was, taken := c.all[what]; taken && was.had != value {
		return was.had, false
	}
	if c.all == nil {
		c.all = map[string]claim{}
	}
	c.all[what] = claim{had: value}
	return value, true
}
