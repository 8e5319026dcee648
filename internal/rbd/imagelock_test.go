// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// waiting is how something ends that waits for ours in vain. On a busy machine a
// second may be over before it has seen that it must wait.
func waiting(t *testing.T, fn func(context.Context) error) (err error) {
	t.Helper()
	for limit := time.Second; limit < time.Minute; limit *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err = fn(ctx)
		cancel()
		if err == nil || errors.Is(err, ErrBusy) {
			break
		}
	}
	return err
}

// waitingFor is waiting for a lock.
func waitingFor(t *testing.T, lock func(context.Context, Spec, string) (*ImageLock, error), spec Spec, what string) error {
	t.Helper()
	return waiting(t, func(ctx context.Context) error {
		_, err := lock(ctx, spec, what)
		return err
	})
}

func mustLock(ctx context.Context, t *testing.T, lock func(context.Context, Spec, string) (*ImageLock, error), spec Spec, what string) *ImageLock {
	t.Helper()
	l, err := lock(ctx, spec, what)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Operations of any process wait for each other, and say whom they wait for.
func TestImageLocks(t *testing.T) {
	t.Parallel()
	spec, theirs := testSpec(t), another()
	var said atomic.Pointer[string]
	ours := NewCluster(Config{Logf: func(_ context.Context, format string, args ...any) {
		s := strings.TrimSpace(format) + args[1].(string)
		said.Store(&s)
	}})
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	one := mustLock(t.Context(), t, theirs.ShareImage, spec, "boot check")
	two := mustLock(t.Context(), t, ours.ShareImage, spec.WithSnapshot("any"), "conversion")
	two.Release()

	var busy *BusyError
	if err := waitingFor(t, ours.ReserveImage, spec, "edit"); !errors.As(err, &busy) || len(busy.Holders) != 1 ||
		busy.Holders[0].PID != os.Getpid() || busy.Holders[0].What != "boot check" || !errors.Is(err, ErrInUse) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reserved while it is shared: %v", err)
	}
	if s := said.Load(); s == nil || !strings.Contains(*s, "boot check") {
		t.Error("the wait was not logged")
	}
	got := make(chan *ImageLock, 1)
	go func() { got <- mustLock(context.Background(), t, ours.ReserveImage, spec, "edit") }()
	one.Release()
	edit := <-got
	for _, lock := range []func(context.Context, Spec, string) (*ImageLock, error){theirs.ShareImage, theirs.ReserveImage, ours.ReserveImage} {
		if err := waitingFor(t, lock, spec, "other"); !errors.As(err, &busy) || busy.Holders[0].What != "edit" {
			t.Errorf("while it is reserved: %v", err)
		}
	}
	if ok, err := edit.try(true, lockMustRenew); !ok || err != nil {
		t.Errorf("renewed: %t, %v", ok, err)
	}
	edit.Release()
	if _, err := holdersOf(mustIoctx(t, ours, spec), edit.id); err != nil {
		t.Error(err)
	}
	acctest.RBD(t, "rm", "--no-progress", spec.String())
	if _, err := ours.ReserveImage(t.Context(), spec, "edit"); !errors.Is(err, ErrImageNotFound) {
		t.Errorf("of an image that is gone: %v", err)
	}
}

// The lock of a process that was killed is nobody's, and one that lost its lock
// knows it.
func TestImageLockOfTheDead(t *testing.T) {
	t.Parallel()
	spec, ours := testSpec(t), NewCluster(Config{})
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	l := mustLock(t.Context(), t, ours.ReserveImage, spec, "edit")
	l.Release()

	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	h := newHolder("edit")
	h.PID, h.start = child.Process.Pid, startOf(child.Process.Pid)
	dead := &ImageLock{c: ours, spec: spec, id: l.id, cookie: h.cookie(), ioctx: mustIoctx(t, ours, spec)}
	if ok, err := dead.try(true, 0); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := waitingFor(t, ours.ReserveImage, spec, "edit"); !errors.Is(err, ErrBusy) {
		t.Errorf("while its process lives: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	l = mustLock(t.Context(), t, ours.ReserveImage, spec, "edit")
	if !l.patient {
		t.Error("no patience for the watch that the dead may have left")
	}
	if ok, err := dead.try(true, lockMustRenew); ok || err != nil && !errors.Is(err, ErrImageNotFound) {
		t.Errorf("the dead has it still: %t, %v", ok, err)
	}
	l.Release()
	if ok, err := dead.try(true, lockMustRenew); ok || !errors.Is(err, ErrImageNotFound) {
		t.Errorf("the dead has it again: %t, %v", ok, err)
	}
}

// A lock that ran out while nothing was heard of the cluster is taken again, unless
// somebody else has it by now, or the image is gone.
func TestImageLockThatRanOut(t *testing.T) {
	t.Parallel()
	spec, ours := testSpec(t), NewCluster(Config{})
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	runOut := func() *ImageLock {
		l := mustLock(t.Context(), t, ours.ReserveImage, spec, "edit")
		l.renewed.Store(time.Now().Add(-2 * lockDuration).UnixNano())
		if err := l.Held(); !errors.Is(err, ErrLockLost) {
			t.Errorf("it has run out: %v", err)
		}
		if _, err := l.ioctx.Unlock(l.oid(), lockName, l.cookie); err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := runOut()
	l.keep(true)
	if err := l.Held(); err != nil {
		t.Error(err)
	}
	if err := waitingFor(t, another().ReserveImage, spec, "edit"); !errors.Is(err, ErrBusy) {
		t.Errorf("it was not taken again: %v", err)
	}
	l.Release()

	l = runOut()
	other := mustLock(t.Context(), t, another().ShareImage, spec, "boot check")
	l.keep(true)
	if err := l.Held(); !errors.Is(err, ErrLockLost) {
		t.Errorf("another has it: %v", err)
	}
	other.Release()
	l.Release()

	l = runOut()
	acctest.RBD(t, "rm", "--no-progress", spec.String())
	l.keep(true)
	if err := l.Held(); !errors.Is(err, ErrLockLost) {
		t.Errorf("the image is gone: %v", err)
	}
	if _, err := l.ioctx.Stat(l.oid()); errno(err) != syscall.ENOENT {
		t.Errorf("there is a header again: %v", err)
	}
	l.Release()
}

// A use of ours is waited for, a stranger's is refused by name.
func TestCheckUnusedWaitsForOurs(t *testing.T) {
	t.Parallel()
	spec, ours, theirs := testSpec(t), NewCluster(Config{}), another()
	acctest.RBD(t, "create", "--size", "8M", spec.String())
	l := mustLock(t.Context(), t, theirs.ShareImage, spec, "boot check")
	h, err := theirs.openHandle(t.Context(), spec, readWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := waiting(t, func(ctx context.Context) error { return ours.CheckUnused(ctx, spec, "") }); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "boot check") {
		t.Errorf("got %v", err)
	}
	img, err := ours.Image(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 2)
	go func() { waits <- ours.CheckUnused(context.Background(), spec, img.ID) }()
	go func() {
		e, err := ours.BeginEdit(context.Background(), spec, img.ID)
		if err == nil {
			err = e.End()
		}
		waits <- err
	}()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	l.Release()
	for range 2 {
		if err := <-waits; err != nil {
			t.Error(err)
		}
	}
	if h, err = theirs.openHandle(t.Context(), spec, readWrite); err != nil {
		t.Fatal(err)
	}
	var used *InUseError
	if err := ours.CheckUnused(t.Context(), spec, ""); !errors.As(err, &used) || len(used.Watchers) != 1 || errors.Is(err, ErrBusy) {
		t.Errorf("a stranger: %v", err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

func TestHolder(t *testing.T) {
	h := newHolder("boot/check")
	cookie := h.cookie()
	got := parseHolder(cookie, "client.1")
	if got.What != "boot-check" || got.PID != os.Getpid() || got.gone() || len(cookie) > 120 || cookie == h.cookie() {
		t.Errorf("%+v of %q", got, cookie)
	}
	for _, odd := range []string{"", "a/b", "a/b/c/d/e/f", "a/b/-1/d/e/f", strings.Repeat("/", 5), strings.Repeat("x/", 100)} {
		if h := parseHolder(odd, ""); h.gone() || h.String() == "" {
			t.Errorf("%q: %+v", odd, h)
		}
	}
	other := got
	other.machine = "elsewhere"
	other.start = "0"
	if other.gone() {
		t.Error("of another machine nothing is known")
	}
	other.machine = got.machine
	if !other.gone() {
		t.Error("another process has its id now")
	}
}

func mustIoctx(t *testing.T, c *Cluster, spec Spec) *rados.IOContext {
	t.Helper()
	cn, release, err := c.connect(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	ioctx, err := cn.openPool(spec.Pool, spec.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ioctx.Destroy(); release() })
	return ioctx
}
