// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Only what a run of this state has left off is unfinished, and not what another
// process of the same run is making.
func TestLeft(t *testing.T) {
	begun.Store("begun", true)
	begun.Store("finished", true)
	finished.Store("finished", true)
	d := Deps{Run: rbd.Run{State: "ours", ID: "this run"}, Running: func(id string) bool { return id == "running" }}
	ours := func(run string) entry { return entry{StateID: "ours", RunID: run} }
	for imageID, tc := range map[string]struct {
		entry entry
		want  bool
	}{
		"killed":                      {ours("1"), true},
		"of an older release":         {ours(""), true},
		"another process of this run": {ours("this run"), false},
		"another run, at work":        {ours("running"), false},
		"another state":               {entry{StateID: "other", RunID: "1"}, false},
		"begun":                       {ours("this run"), true},
		"finished":                    {ours("this run"), false},
	} {
		if got := tc.entry.left(d, imageID); got != tc.want {
			t.Errorf("%s: %v", imageID, got)
		}
	}
}
