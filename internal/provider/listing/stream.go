// SPDX-License-Identifier: MPL-2.0

// Package listing is what all list resources have in common: results that come in
// order while several things are read at once, and what is said of one that can't be.
package listing

import (
	"context"
	"iter"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// atOnce is how many images are read at the same time, as in a listing of
// internal/rbd.
const atOnce = 10

// timeout is for the reading of one thing.
const timeout = 10 * time.Minute

var kind = report.NewKind("listing")

// Stream gives what read makes of each thing, in the order of things, up to
// limit results; 0 means all. Things are read ahead of whoever takes the results,
// and no more of them once that is nobody.
func Stream[T any](ctx context.Context, things []T, limit int64, read func(context.Context, T) []list.ListResult) iter.Seq[list.ListResult] {
	return func(push func(list.ListResult) bool) {
		reading, cancel := context.WithCancel(ctx)
		defer cancel()
		given := int64(0)
		for results := range readAhead(reading, things, read) {
			if ctx.Err() != nil {
				break
			}
			for _, r := range results {
				if !push(r) {
					return
				}
				if r.DisplayName != "" { // the others are warnings
					given++
				}
				if limit > 0 && given >= limit {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			push(list.ListResult{Diagnostics: diag.Diagnostics{diag.NewErrorDiagnostic("The listing was interrupted", kind.Detail(err))}})
		}
	}
}

// readAhead keeps the order though it reads several at a time.
func readAhead[T any](ctx context.Context, things []T, read func(context.Context, T) []list.ListResult) iter.Seq[[]list.ListResult] {
	return func(yield func([]list.ListResult) bool) {
		// The one that is waited for is in the channel no more.
		queue := make(chan chan []list.ListResult, atOnce-1)
		go func() {
			defer close(queue)
			for _, thing := range things {
				done := make(chan []list.ListResult, 1)
				select {
				case queue <- done:
				case <-ctx.Done():
					return
				}
				go func() {
					ctx, cancel := context.WithTimeout(ctx, timeout)
					defer cancel()
					done <- read(ctx, thing)
				}()
			}
		}()
		for done := range queue {
			if !yield(<-done) {
				return
			}
		}
	}
}

// Unread is what a listing says of what it can't read: nothing where that is
// gone, else that it is left out.
func Unread(kind report.Kind, name string, err error) []list.ListResult {
	if rbd.IsNotFound(err) {
		return nil
	}
	return LeftOut(kind, name, err)
}

// LeftOut is a warning. For an error Terraform would drop all that was listed.
func LeftOut(kind report.Kind, name string, err error) []list.ListResult {
	return []list.ListResult{{Diagnostics: diag.Diagnostics{
		diag.NewWarningDiagnostic(kind.Unable("list", name), kind.Detail(err)+"\n\nIt is left out of the list."),
	}}}
}
