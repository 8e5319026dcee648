// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Deps is what the operations work with.
type Deps struct {
	Ceph   *rbd.Cluster
	Glance *glance.Client

	// Run is the Terraform state, and the run of it that is at work.
	Run rbd.Run
	// Running tells whether the run with this ID is known to be at work.
	Running func(runID string) bool

	// What follows may be nil.

	// Warn takes what the user should know though the operation goes on.
	Warn func(Warning)
	// Begin is told of each step before it is taken.
	Begin func(context.Context, Step)
	// Log takes what failed and did not matter.
	Log func(ctx context.Context, message string, fields map[string]any)
	// Progress begins to follow what is read of a snapshot, in bytes; a total of
	// 0 is not known. stop ends it.
	Progress func(ctx context.Context, what, snapshot string) (set func(done, total uint64), stop func())
}

// Warning is for the user. Where there is an error, it comes before the detail.
type Warning struct {
	Summary string
	Err     error
	Detail  string
}

// Step is one of those of an operation that changes something.
type Step string

// The steps, in the order of a life. A run that is cut off before one of them is
// finished or taken back by the next.
const (
	StepNote       Step = "note the record on the RBD image"
	StepProtect    Step = "make the guard or alias"
	StepRecord     Step = "create the record"
	StepAttributes Step = "set the record's attributes"
	StepLocation   Step = "register the location"

	StepCopy       Step = "copy the image to further stores"
	StepRemoveCopy Step = "remove a copy from its store"

	StepClaim Step = "note that a state has the record"

	StepDisable   Step = "deactivate the record"
	StepDeleting  Step = "note that the record is being deleted"
	StepDetach    Step = "detach the RBD image"
	StepDelete    Step = "delete the record"
	StepReattach  Step = "give the RBD image its name back"
	StepUnprotect Step = "remove the guard or alias"
	StepForget    Step = "remove the note on the RBD image"

	StepRetire  Step = "take the record out of service"
	StepRetired Step = "note that no state has the record"
)

func (d Deps) warn(w Warning) {
	if d.Warn != nil {
		d.Warn(w)
	}
}

func (d Deps) begin(ctx context.Context, s Step) {
	if d.Begin != nil {
		d.Begin(ctx, s)
	}
}

func (d Deps) log(ctx context.Context, message string, fields map[string]any) {
	if d.Log != nil {
		d.Log(ctx, message, fields)
	}
}

func (d Deps) progress(ctx context.Context, what, snapshot string) (set func(done, total uint64), stop func()) {
	if d.Progress == nil {
		return nil, func() {}
	}
	return d.Progress(ctx, what, snapshot)
}
