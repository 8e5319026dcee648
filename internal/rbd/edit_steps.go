// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// NoteStep notes on the image who has changed it, by a word without spaces.
func (e *Edit) NoteStep(ctx context.Context, word string) error {
	return e.step(ctx, func() error {
		label, err := ownership.Read(e.h.img, ownership.StepsKey)
		if err != nil {
			return err
		}
		return ownership.Set(e.h.img, ownership.StepsKey, ownership.AddStep(label, e.id, word))
	})
}

// StepsAfter are the words of those who have edited the image since the last edit
// with this word, each once; none where there was no such edit.
func (i Image) StepsAfter(word string) []string { return i.labels().StepsAfter(word) }
