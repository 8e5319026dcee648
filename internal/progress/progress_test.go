// SPDX-License-Identifier: MPL-2.0

package progress

import (
	"context"
	"maps"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status status
		text   string
		fields map[string]any
	}{
		{status{done: 1 << 30, total: 4 << 30, took: 10 * time.Second}, "25.0 % of 4096 MiB, 102 MiB/s, 30s left", map[string]any{"percent": 25.0, "mib_per_s": int64(102), "left": "30s"}},
		{status{done: 4 << 30, total: 4 << 30, took: 10 * time.Second}, "100.0 % of 4096 MiB, 410 MiB/s", map[string]any{"percent": 100.0, "mib_per_s": int64(409)}},
		{status{done: 5 << 30, total: 4 << 30, took: 10 * time.Second}, "100.0 % of 4096 MiB, 512 MiB/s", map[string]any{"percent": 100.0, "mib_per_s": int64(512)}},
		{status{done: 0, total: 4 << 30, took: time.Second}, "0.0 % of 4096 MiB, 0 MiB/s", map[string]any{"percent": 0.0, "mib_per_s": int64(0)}},
		{status{done: 64 << 20, total: 0, took: 2 * time.Second}, "64 MiB, 32 MiB/s", map[string]any{"mib_per_s": int64(32)}},
		{status{done: 1 << 20, total: 2 << 20, took: 0}, "50.0 % of 2 MiB, 1000 MiB/s", map[string]any{"percent": 50.0, "mib_per_s": int64(1000)}},
		{status{done: 1, total: 4, shares: true, took: 10 * time.Second}, "25.0 %, 30s left", map[string]any{"percent": 25.0, "left": "30s"}},
	} {
		if got := tc.status.String(); got != tc.text {
			t.Errorf("%+v is %q, want %q", tc.status, got, tc.text)
		}
		if got := tc.status.fields(); !maps.Equal(got, tc.fields) {
			t.Errorf("%+v has the fields %v, want %v", tc.status, got, tc.fields)
		}
	}
}

// A listener hears what the log gets, and one step ends with a line.
func TestListener(t *testing.T) {
	t.Parallel()
	var heard, logged []string
	ctx := To(t.Context(), func(line string) { heard = append(heard, line) })
	l := Start(ctx, func(_ context.Context, message string, fields ...map[string]any) {
		logged = append(logged, message+" "+fields[0]["image"].(string))
	}, "export", "vms/a@s")
	l.begin = time.Now().Add(-time.Hour)
	l.Set(0, 1<<20)
	l.log("under way")
	l.Stop()
	if len(heard) != 2 || heard[0] != "export under way: 0.0 % of 1 MiB, 0 MiB/s" || len(logged) != 2 || logged[1] != "export ended vms/a@s" {
		t.Errorf("heard %q, logged %q", heard, logged)
	}
	half := Start(ctx, nil, "flatten", "vms/a")
	half.SetShare(2)
	half.Stop()
	if len(heard) != 3 || heard[2] != "flatten ended: 100.0 %" {
		t.Errorf("heard %q", heard)
	}
	Start(t.Context(), nil, "export", "vms/a@s").Stop() // nobody listens
}
