// SPDX-License-Identifier: MPL-2.0

package listing_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/listing"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func many(n int) []rbd.Spec {
	out := make([]rbd.Spec, n)
	for i := range out {
		out[i] = rbd.Spec{Pool: "p", Image: fmt.Sprintf("%03d", i)}
	}
	return out
}

// Ten are read at a time, those that are slow too, and the order stays.
func TestStream(t *testing.T) {
	t.Parallel()
	var now, most, begun atomic.Int64
	read := func(_ context.Context, spec rbd.Spec) []list.ListResult {
		begun.Add(1)
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		defer now.Add(-1)
		if spec.Image[2]%3 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		switch spec.Image[2] {
		case '4': // gone
			return nil
		case '5':
			return listing.Unread(report.NewKind("image"), spec.String(), rbd.ErrPermission)
		}
		return []list.ListResult{{DisplayName: spec.Image}}
	}
	var got []string
	warnings := 0
	for r := range listing.Stream(t.Context(), many(200), 0, read) {
		if r.DisplayName == "" {
			warnings += r.Diagnostics.WarningsCount()
			continue
		}
		got = append(got, r.DisplayName)
	}
	if len(got) != 160 || !slices.IsSorted(got) || warnings != 20 {
		t.Errorf("%d results, %d warnings: %v", len(got), warnings, got)
	}
	if most.Load() > 10 || most.Load() < 5 {
		t.Errorf("%d were read at a time", most.Load())
	}

	begun.Store(0)
	got = nil
	for r := range listing.Stream(t.Context(), many(200), 7, read) {
		got = append(got, r.DisplayName)
	}
	// 000 to 008, with a warning for 005 and without 004.
	if len(got) != 8 || got[7] != "008" || begun.Load() > 20 {
		t.Errorf("%v, and %d were begun", got, begun.Load())
	}
}

// A listing that is cut off says so, in place of a warning for each image.
func TestStreamInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := func(ctx context.Context, spec rbd.Spec) []list.ListResult {
		if spec.Image < "003" {
			return []list.ListResult{{DisplayName: spec.Image}}
		}
		<-ctx.Done()
		return listing.Unread(report.NewKind("image"), spec.String(), ctx.Err())
	}
	results, errs, warnings := 0, 0, 0
	for r := range listing.Stream(ctx, many(50), 0, read) {
		if r.DisplayName == "002" {
			cancel()
		}
		if r.DisplayName != "" {
			results++
		}
		errs += r.Diagnostics.ErrorsCount()
		warnings += r.Diagnostics.WarningsCount()
	}
	if results != 3 || errs != 1 || warnings != 0 {
		t.Errorf("%d results, %d errors, %d warnings", results, errs, warnings)
	}
}
