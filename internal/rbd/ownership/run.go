// SPDX-License-Identifier: MPL-2.0

package ownership

import (
	"errors"
	"fmt"
	"strings"
)

// Run says on whose behalf things are made. It is noted on each until a
// state is known to have it.
type Run struct {
	// State identifies the Terraform state, and ID this run of Terraform, which
	// may use several processes of the provider.
	State, ID string
}

// ErrExists says that a name is taken.
var ErrExists = errors.New("name is already taken")

var (
	// ErrOtherState says that a run of another state made what has the name. It
	// is an ErrExists, as are the others here.
	ErrOtherState = fmt.Errorf("%w: an unfinished run of another state made it", ErrExists)
	// ErrOwned says that a state has it, whichever.
	ErrOwned = fmt.Errorf("%w: a state has it", ErrExists)
	// ErrOtherArguments says that a run of this state made it, and was cut off,
	// with other arguments.
	ErrOtherArguments = fmt.Errorf("%w: an unfinished run of this state made it with other arguments", ErrExists)
	// ErrOtherRun says that another run of this state made it, which is still at
	// work.
	ErrOtherRun = fmt.Errorf("%w: another run of this state, which goes on at the same time, made it", ErrExists)
	// ErrThisRun says that this run made it.
	ErrThisRun = fmt.Errorf("%w: another resource of this run made it", ErrExists)
)

// madeBy separates a token from the run.
const madeBy = "@"

// Sign notes the run beside a token. A run of no state leaves the token as it
// is.
func (r Run) Sign(token string) string {
	if r == (Run{}) {
		return token
	}
	return token + madeBy + r.State + "." + r.ID
}

// SplitRun is the reverse of Sign.
func SplitRun(text string) (token string, r Run) {
	at := strings.LastIndex(text, madeBy)
	if at < 0 {
		return text, Run{}
	}
	r.State, r.ID, _ = strings.Cut(text[at+len(madeBy):], ".")
	return text[:at], r
}

// Takes says whether this run may finish what by has left unfinished, and why
// not. What a process of the same run made is not unfinished: another resource
// has it, or is about to. running tells whether a run is known to be still at
// work; nil knows of none.
//
// Errors: ErrOtherState, ErrThisRun, ErrOtherRun.
func (r Run) Takes(by Run, running func(id string) bool) error {
	switch {
	case by.State != r.State:
		return ErrOtherState
	case by.ID == r.ID && r.ID != "":
		return ErrThisRun
	case running != nil && running(by.ID):
		return ErrOtherRun
	}
	return nil
}
