// SPDX-License-Identifier: MPL-2.0

package replication_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/replication"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// childWork is the environment variable with what this process is to do, slowly.
const childWork = "REPLICATION_TEST_CHILD"

// work is a first copy, or where there is a replica, an update of that.
type work struct {
	Snapshot string
	Planned  replication.ID
	Target   rbd.Spec
	Before   *replication.Before
}

func workOf(r replication.Request, before *replication.Before) work {
	return work{r.Source.Snapshot, r.Planned, r.Target, before}
}

func (w work) run(ctx context.Context, d replication.Deps) (err error) {
	r := request(w.Snapshot, w.Target)
	r.Planned = w.Planned
	if w.Before == nil {
		_, err = replication.Do(ctx, d, r)
	} else {
		_, err = replication.Update(ctx, d, *w.Before, r)
	}
	return err
}

func TestMain(m *testing.M) {
	text := os.Getenv(childWork)
	if text == "" {
		os.Exit(m.Run())
	}
	var w work
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		os.Exit(3)
	}
	if err := w.run(context.Background(), slow(os.Getenv("RBD_LAB_FSID"), "killed")); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(3)
	}
	os.Exit(0)
}

// slow is a cluster of which no more than 4 MiB/s are read or written, so that
// something can happen meanwhile.
func slow(fsid, run string) replication.Deps {
	return deps(rbd.Config{FSID: fsid, Options: map[string]string{"rbd_qos_bps_limit": "4194304"}}, "state", run)
}

// cutOffSize is what takes such a cluster some seconds to copy.
const cutOffSize = 16 * mib

// interrupt tells the work to end as soon as it has begun.
func interrupt(t *testing.T, w work, begun func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.run(ctx, slow(acctest.FSID(t), "interrupted")) }()
	acctest.Await(t, "data of "+w.Target.String(), begun)
	cancel()
	if err := <-ended; err == nil || !regexp.MustCompile(`canceled|interrupted|ended`).MatchString(err.Error()) {
		t.Errorf("it ended with: %v", err)
	}
}

// kill does the work in a process of its own, and kills that as soon as it has
// begun.
func kill(t *testing.T, w work, begun func() bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childWork+"="+string(text))
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acctest.Await(t, "data of "+w.Target.String(), begun)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || child.ProcessState.Exited() {
		t.Errorf("it was not killed: %v", err)
	}
}

// data tells whether there is some in an image, since a snapshot of it where one is
// named.
func data(t *testing.T, spec string, since ...string) func() bool {
	return func() bool {
		args := []string{"diff", "--whole-object", spec}
		for _, s := range since {
			args = append(args, "--from-snap", s)
		}
		out, err := acctest.TryRBD(t, args...)
		return err == nil && strings.Contains(out, "data")
	}
}

// A first copy that is told to end while it copies leaves nothing.
func TestDoInterrupted(t *testing.T) {
	t.Parallel()
	p := newPair(t, acctest.Name(t), cutOffSize)
	a := p.snapshot("a")
	interrupt(t, workOf(a, nil), data(t, p.copied.String()+".tfpending"))
	p.left()
	p.do(a)
}

// A first copy that is killed while it copies leaves nothing under the image's own
// name, and no other state takes its place; the next run of the same state makes
// the image.
func TestDoKilled(t *testing.T) {
	t.Parallel()
	p := newPair(t, acctest.Name(t), cutOffSize)
	a := p.snapshot("a")
	temporary := p.copied.String() + ".tfpending"
	kill(t, workOf(a, nil), data(t, temporary))
	imagestest.Forget(t, temporary)
	p.left(p.copied.Image + ".tfpending")
	if err := workOf(a, nil).run(t.Context(), lab(t, "other", "1")); err == nil || !strings.Contains(err.Error(), "another state") {
		t.Errorf("by another state: %v", err)
	}
	p.do(a)
}

// An update that is told to end, or killed, while it copies leaves the snapshots as
// they were, and the note says that the content is neither the one nor the other.
// The next run finishes it, takes it back, or goes on to what is wanted by then.
func TestUpdateCutOff(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	for what, tc := range map[string]struct {
		cut  func(*testing.T, work, func() bool)
		next func(p pair, before replication.Before, a, b replication.Request)
	}{
		"interrupted-back": {interrupt, func(p pair, before replication.Before, a, b replication.Request) {
			p.plans(before, a, replication.Restore)
			p.update(before, a)
			p.plans(before, a, replication.Nothing)
			p.plans(before, b, replication.Advance)
			p.update(before, b)
		}},
		"killed-again": {kill, func(p pair, before replication.Before, _, b replication.Request) {
			p.plans(before, b, replication.Advance)
			p.update(before, b)
		}},
		"killed-on": {kill, func(p pair, before replication.Before, _, _ replication.Request) {
			c := p.change(mib, "c")
			p.plans(before, c, replication.Advance)
			p.update(before, c)
		}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, name+"-"+what, cutOffSize)
			a := p.snapshot("a")
			before := p.do(a)
			b := p.change(cutOffSize, "b")
			tc.cut(t, workOf(b, &before), data(t, p.copied.String(), "a"))
			imagestest.Forget(t, p.copied.String())
			p.same("a", p.copied.String()+"@a")
			if _, note := p.read(); note.Writing != b.Planned.SnapshotID || p.before() != before || p.snapshots() != "a" {
				t.Errorf("noted is %+v, with the snapshots %s", note, p.snapshots())
			}
			tc.next(p, before, a, b)
		})
	}
}

// plans fails the test where something else is planned.
func (p pair) plans(before replication.Before, r replication.Request, want replication.Step) {
	p.t.Helper()
	src, err := replication.Find(p.t.Context(), p.d, r.Source)
	if err != nil {
		p.t.Fatal(err)
	}
	got, err := replication.Plan(p.t.Context(), p.d, &before, &src, false)
	if err != nil || got.Do != want || got.Why != nil || got.Refused != nil || got.Written != nil {
		p.t.Errorf("%s: planned is %+v, %v, want %d", r.Source.Snapshot, got, err, want)
	}
}
