// SPDX-License-Identifier: MPL-2.0

package undo

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestRunTakesBackLastFirst(t *testing.T) {
	var s Stack
	var done []string
	bad := errors.New("bad")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what is taken back is so because ctx has ended
	for _, n := range []string{"one", "two"} {
		s.Add("take back "+n, func(ctx context.Context) error {
			done = append(done, n)
			if n == "two" {
				return bad
			}
			return ctx.Err()
		})
	}
	cause := errors.New("cause")
	err := cause
	s.Run(ctx, &err)
	if strings.Join(done, " ") != "two one" {
		t.Errorf("taken back: %v", done)
	}
	if !errors.Is(err, cause) || !errors.Is(err, bad) || !strings.Contains(err.Error(), "could not take back two") || strings.Contains(err.Error(), "one") {
		t.Errorf("%v", err)
	}
}

func TestDoneKeeps(t *testing.T) {
	var s Stack
	s.Add("take back", func(context.Context) error { t.Error("taken back"); return nil })
	s.Done()
	var err error
	s.Run(t.Context(), &err)
	if err != nil {
		t.Error(err)
	}
}

// A step sees that the caller stopped waiting, also while steps are taken back.
func TestHurried(t *testing.T) {
	if Hurried(t.Context()) {
		t.Error("hurried, and nothing is taken back")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var s Stack
	var seen []bool
	s.Add("look", func(ctx context.Context) error { seen = append(seen, Hurried(ctx)); return nil })
	s.Add("stop", func(ctx context.Context) error { seen = append(seen, Hurried(ctx)); cancel(); return nil })
	err := errors.New("cause")
	s.Run(ctx, &err)
	if len(seen) != 2 || seen[0] || !seen[1] {
		t.Errorf("hurried: %v", seen)
	}
}
