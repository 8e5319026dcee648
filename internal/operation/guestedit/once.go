// SPDX-License-Identifier: MPL-2.0

package guestedit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestinspect"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ErrChanged says that what was planned is not what would be done.
var ErrChanged = errors.New("a local file is not what it was when this was planned")

// Once is work that is done once for each revision.
type Once struct {
	Image ImageRef
	// Planned is the revision that was planned; empty where it was not known.
	Planned string
	// Inputs, which must be fit for JSON, are all that the result depends on.
	Inputs any
	// Step is the word by which the work is noted on the image.
	Step string
	// Work does it in the overlay, and returns what is to be remembered of it.
	Work func(context.Context, *guestoverlay.Overlay) ([]string, error)
}

// Done is what work has left: where, and what it said.
type Done struct {
	Spec              rbd.Spec
	ImageID, Revision string
	Messages          []string
}

// Do does the work, as a whole or not at all.
//
// Errors: ErrChanged, those of ImageRef.Find, guestinspect.CheckUsable, Change.Run
// and the work.
func (o Once) Do(ctx context.Context, b guestoverlay.Backends) (Done, error) {
	img, err := o.Image.Find(ctx, b.Ceph)
	if err != nil {
		return Done{}, err
	}
	if o.Planned != "" && o.Planned != Revision(o.Image.ID, o.Inputs) {
		return Done{}, ErrChanged
	}
	done := Done{Spec: img.Spec, ImageID: img.ID, Revision: Revision(img.ID, o.Inputs), Messages: []string{}}
	err = Change{
		Step: o.Step, Arguments: o.Inputs,
		Needed: func(ctx context.Context, spec rbd.Spec) (bool, error) {
			return true, guestinspect.CheckUsable(ctx, b, spec)
		},
		Make: func(ctx context.Context, overlay *guestoverlay.Overlay) (bool, error) {
			said, err := o.Work(ctx, overlay)
			done.Messages = append(done.Messages, said...)
			return true, err
		},
	}.Run(ctx, b, img.Spec, img.ID)
	if err != nil {
		return Done{}, err
	}
	return done, nil
}

// Revision tells results apart: it changes with the image and with what was
// asked for, but not when the same is done again.
func Revision(imageID string, inputs any) string {
	b, err := json.Marshal(inputs)
	if err != nil {
		panic(fmt.Sprintf("revision of plain values: %v", err))
	}
	sum := sha256.Sum256(append([]byte(imageID+"\n"), b...))
	return hex.EncodeToString(sum[:6])
}
