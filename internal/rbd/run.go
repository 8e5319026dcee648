// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// Run says on whose behalf a Cluster makes things. It is noted on each until a
// state is known to have it.
type Run = ownership.Run

// Why a thing that exists is not taken over. All are an ErrExists.
var (
	// ErrOtherState says that a run of another state made it.
	ErrOtherState = ownership.ErrOtherState
	// ErrOwned says that a state has it, whichever.
	ErrOwned = ownership.ErrOwned
	// ErrOtherArguments says that a run of this state made it, and was cut off,
	// with other arguments.
	ErrOtherArguments = ownership.ErrOtherArguments
	// ErrOtherRun says that another run of this state made it, which is still at
	// work.
	ErrOtherRun = ownership.ErrOtherRun
	// ErrThisRun says that this run made it.
	ErrThisRun = ownership.ErrThisRun
)

// takes says whether this run may finish what by has left unfinished, and why
// not.
func (c *Cluster) takes(by Run) error { return c.cfg.Run.Takes(by, c.cfg.Running) }

// Unfinished tells whether an error is about something that a run has left
// unfinished, and that this one may not finish.
func Unfinished(err error) bool {
	return errors.Is(err, ErrOtherState) || errors.Is(err, ErrOtherArguments) ||
		errors.Is(err, ErrOtherRun) || errors.Is(err, ErrThisRun)
}
