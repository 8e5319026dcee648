// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package librbd

/*
#include <errno.h>
#include <stdlib.h>
#include <rbd/librbd.h>

// How far a call is, and whether it is to end early. librbd writes it from threads
// of its own.
struct steps {
	uint64_t done, total;
	int stop;
};

static int note_step(uint64_t done, uint64_t total, void *arg) {
	struct steps *s = arg;
	__atomic_store_n(&s->done, done, __ATOMIC_RELAXED);
	__atomic_store_n(&s->total, total, __ATOMIC_RELAXED);
	return __atomic_load_n(&s->stop, __ATOMIC_RELAXED) ? -ECANCELED : 0;
}

static uint64_t steps_done(struct steps *s) { return __atomic_load_n(&s->done, __ATOMIC_RELAXED); }
static uint64_t steps_total(struct steps *s) { return __atomic_load_n(&s->total, __ATOMIC_RELAXED); }
static void stop_steps(struct steps *s) { __atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED); }

static int roll_back(rbd_image_t image, const char *snapshot, struct steps *s) {
	return rbd_snap_rollback_with_progress(image, snapshot, note_step, s);
}

static int execute_migration(rados_ioctx_t ioctx, const char *image, struct steps *s) {
	return rbd_migration_execute_with_progress(ioctx, image, note_step, s);
}
*/
import "C"

import (
	"context"
	"time"
	"unsafe"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// stepPoll is the time between two looks at how far a call is.
const stepPoll = 100 * time.Millisecond

// RollBack is `rbd snap rollback`. progress, where given, is called with objects.
// It ends with ctx after the objects that are under way: ECANCELED then.
func (b *Bare) RollBack(ctx context.Context, snapshot string, progress func(done, total uint64)) error {
	name := C.CString(snapshot)
	defer C.free(unsafe.Pointer(name))
	return longCall(ctx, progress, func(s *C.struct_steps) C.int { return C.roll_back(b.img, name, s) })
}

// ExecuteMigration is `rbd migration execute`. progress, where given, is called with
// objects. It ends with ctx after the objects that are under way: ECANCELED then.
func ExecuteMigration(ctx context.Context, ioctx *rados.IOContext, image string, progress func(done, total uint64)) error {
	name := C.CString(image)
	defer C.free(unsafe.Pointer(name))
	return longCall(ctx, progress, func(s *C.struct_steps) C.int {
		return C.execute_migration(C.rados_ioctx_t(ioctx.Pointer()), name, s)
	})
}

// longCall makes a call that notes how far it is.
func longCall(ctx context.Context, progress func(done, total uint64), call func(*C.struct_steps) C.int) error {
	steps := (*C.struct_steps)(C.calloc(1, C.sizeof_struct_steps))
	defer C.free(unsafe.Pointer(steps))
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(stepPoll)
		defer tick.Stop()
		stop := ctx.Done()
		for {
			select {
			case <-ended:
				return
			case <-stop:
				C.stop_steps(steps)
				stop = nil
			case <-tick.C:
				if total := uint64(C.steps_total(steps)); progress != nil && total > 0 {
					progress(uint64(C.steps_done(steps)), total)
				}
			}
		}
	}()
	rc := call(steps)
	close(ended)
	<-watched
	return asError(rc)
}
