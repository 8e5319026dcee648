// SPDX-License-Identifier: MPL-2.0

package workdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

var (
	// ErrFilling says that the folder for temporary files gets too full.
	ErrFilling = errors.New("TMPDIR gets too full")
	// ErrTooMuch says that temporary files take up more than they may.
	ErrTooMuch = errors.New("more is written than may be")
)

const (
	// watchInterval is the time between two looks.
	watchInterval = 50 * time.Millisecond
	// What may be written between two looks is kept free, in bytes or as a part of
	// what there is.
	largestAhead = 192 << 20
	aheadPart    = 10
)

// Watch looks at a folder while others write to files in it. As soon as these
// take up more than most bytes (0: any number), or the file system is nearly full,
// the context that it returns ends, with ErrTooMuch or ErrFilling as its cause.
//
// The caller must call stop, which returns that cause, or what is the matter now.
func Watch(ctx context.Context, folder string, most int64) (watched context.Context, stop func() error) {
	return watch(ctx, func() error { return inBounds(folder, most) })
}

func watch(ctx context.Context, look func() error) (context.Context, func() error) {
	ctx, cancel := context.WithCancelCause(ctx)
	if err := look(); err != nil {
		cancel(err)
		return ctx, func() error { return err }
	}
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := look(); err != nil {
					cancel(err)
					ended <- err
					return
				}
			case <-end:
				ended <- look()
				return
			}
		}
	}()
	return ctx, func() error {
		close(end)
		defer cancel(nil)
		return <-ended
	}
}

// inBounds says what is the matter with a folder's files and file system.
func inBounds(folder string, most int64) error {
	if used, err := usage(folder); err == nil && most > 0 && used > most {
		return fmt.Errorf("%w: %d bytes in %s, at most %d", ErrTooMuch, used, folder, most)
	}
	all, free, err := hostfile.Space(folder)
	if err != nil {
		return nil //nolint:nilerr // who writes there will tell
	}
	if want := keptFree(all); free < want {
		return fmt.Errorf("%w: %s has %d bytes left, %d are kept free", ErrFilling, folder, free, want)
	}
	return nil
}

func keptFree(all uint64) uint64 {
	return min(largestAhead, all/aheadPart) + min(largestReserve, all/reservePart)
}

// usage is what the files in a folder take up, in bytes.
func usage(folder string) (sum int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			var fi fs.FileInfo
			if fi, err = d.Info(); err == nil {
				sum += hostfile.Allocated(fi)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has gone meanwhile
		}
		return err
	})
	return sum, err
}
