// SPDX-License-Identifier: MPL-2.0

package workdir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// A child that writes and writes is ended when its files take up too much.
func TestWatchEndsAChild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := Watch(t.Context(), dir, 8<<20)
	_, err := command.Run(ctx, command.Spec{Name: "sh", Args: []string{"-c", "cat /dev/zero | head -c 10G >fill; sleep 1000"}, Dir: sub, Limits: command.Limits{FileSize: 1 << 30}})
	full := stop()
	if !errors.Is(err, context.Canceled) || !errors.Is(full, ErrTooMuch) || !errors.Is(context.Cause(ctx), ErrTooMuch) || !strings.Contains(full.Error(), "at most 8388608") {
		t.Errorf("%v; %v", err, full)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// What is sparse takes up nothing.
	sparse := filepath.Join(dir, "sparse")
	if err := errors.Join(os.WriteFile(sparse, []byte("x"), 0o600), os.Truncate(sparse, 1<<30)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := Watch(t.Context(), dir, 1<<20)
	if err := errors.Join(ctx.Err(), stop()); err != nil {
		t.Error(err)
	}
	// A child that failed by what it wrote last, between two looks.
	_, stop = Watch(t.Context(), dir, 1<<20)
	if err := os.WriteFile(filepath.Join(dir, "more"), make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := stop(); !errors.Is(err, ErrTooMuch) {
		t.Errorf("got %v", err)
	}
	// Nothing is begun where it is too late already.
	ctx, stop = Watch(t.Context(), dir, 1<<20)
	if ctx.Err() == nil || !errors.Is(stop(), ErrTooMuch) {
		t.Error("it went on")
	}
	// A file system that is filled by whomever.
	looks := 0
	ctx, stop = watch(t.Context(), func() error {
		if looks++; looks > 2 {
			return ErrFilling
		}
		return nil
	})
	<-ctx.Done()
	if err := stop(); !errors.Is(err, ErrFilling) || looks != 3 {
		t.Errorf("%v after %d looks", err, looks)
	}
	for all, want := range map[uint64]uint64{1 << 20: 157285, 1 << 40: largestAhead + largestReserve} {
		if got := keptFree(all); got != want {
			t.Errorf("%d of %d bytes are kept free", got, all)
		}
	}
}
