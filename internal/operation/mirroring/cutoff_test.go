// SPDX-License-Identifier: MPL-2.0

package mirroring

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// victim is a run that is killed before a step, in a process of its own.
type victim struct {
	Op      string
	Before  Step
	Conf    string
	Request Request
}

const (
	victimVariable = "MIRRORING_TEST_VICTIM"
	killed         = 99 // exit code of a victim that came to its step
)

func TestMain(m *testing.M) {
	if v := os.Getenv(victimVariable); v != "" {
		os.Exit(beVictim(v))
	}
	os.Exit(m.Run())
}

// do is one operation, as a run of this name.
func do(ctx context.Context, op, conf, run string, r Request) error {
	c := rbd.NewCluster(rbd.Config{ConfFile: conf, User: "terraform", Run: rbd.Run{State: "s1", ID: run}})
	switch op {
	case "enable":
		return Enable(ctx, c, r)
	case "update":
		return Update(ctx, c, r)
	}
	img, err := c.Image(ctx, r.Spec)
	if err != nil {
		return err
	}
	return Disable(ctx, c, r.Spec, img.ID)
}

func beVictim(text string) (code int) {
	var v victim
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	ctx := context.WithValue(context.Background(), beginKey{}, func(s Step) {
		if s == v.Before {
			os.Exit(killed) // as a kill: nothing is taken back
		}
	})
	_, _ = fmt.Fprintln(os.Stdout, "not killed:", do(ctx, v.Op, v.Conf, "run that was killed", v.Request))
	return 1
}

// ends is an image and its mirror.
type ends struct {
	t    *testing.T
	spec rbd.Spec
	conf [2]string
	env  [2][]string
}

// kills runs an operation at a site as often as there are steps, killed before each, and
// then to its end. What holds after each kill is checked.
func (e ends) kills(site int, op string, r Request, cuts map[Step]func() bool, steps ...Step) {
	e.t.Helper()
	r.Spec = e.spec
	for _, before := range steps {
		text, err := json.Marshal(victim{op, before, e.conf[site], r})
		if err != nil {
			e.t.Fatal(err)
		}
		cmd := exec.CommandContext(e.t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), victimVariable+"="+string(text))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != killed {
			e.t.Fatalf("%s was not killed before %q: %v: %s", op, before, err, out)
		}
		if holds := cuts[before]; holds != nil && !holds() {
			e.t.Errorf("%s, killed before %q, has done more, or less", op, before)
		}
	}
	if err := do(e.t.Context(), op, e.conf[site], "later", r); err != nil {
		e.t.Fatalf("%s after the kills: %v", op, err)
	}
}

func (e ends) cluster(site int) *rbd.Cluster {
	return rbd.NewCluster(rbd.Config{ConfFile: e.conf[site], User: "terraform"})
}

func (e ends) is(site int) (rbd.Image, rbd.Mirroring) {
	e.t.Helper()
	img, m, err := e.cluster(site).Mirroring(e.t.Context(), e.spec)
	if err != nil && !errors.Is(err, rbd.ErrImageNotFound) {
		e.t.Fatal(err)
	}
	return img, m
}

func (e ends) primary(site int) func() bool {
	return func() bool { _, m := e.is(site); return m.Primary }
}

func (e ends) schedules(site int) []rbd.MirrorSchedule {
	e.t.Helper()
	all, err := e.cluster(site).MirrorSchedules(e.t.Context(), e.spec)
	if err != nil {
		e.t.Fatal(err)
	}
	return all
}

// write changes the image, and lets the change go to the peer.
func (e ends) write(site int) (sum string) {
	e.t.Helper()
	e.rbd(site, "bench", "--io-type", "write", "--io-size", "256K", "--io-total", "1M", "--io-pattern", "rand", e.spec.String())
	return e.sum(site)
}

func (e ends) rbd(site int, args ...string) {
	e.t.Helper()
	if out, err := acctest.RBDIn(e.env[site], args...); err != nil {
		e.t.Fatalf("rbd %q: %v: %s", args, err, out)
	}
}

func (e ends) sum(site int) string {
	e.t.Helper()
	r, err := e.cluster(site).OpenReader(e.t.Context(), e.spec)
	if err != nil {
		e.t.Fatal(err)
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		e.t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Enabling, a failover, a resync and the end of the mirroring, each killed before each of
// its steps: the next run does what is left, and what was written is in both clusters.
func TestCutOffMirroring(t *testing.T) {
	t.Parallel()
	dc2 := acctest.RequireMirror(t)
	spec, err := rbd.ParseSpec(acctest.Mirrored(t, dc2, "8M"))
	if err != nil {
		t.Fatal(err)
	}
	e := ends{t: t, spec: spec, conf: [2]string{os.Getenv("CEPH_CONF"), dc2.Conf}, env: [2][]string{nil, dc2.Env}}
	daily, hourly := rbd.MirrorSchedule{Interval: "1d"}, rbd.MirrorSchedule{Interval: "1h"}
	both, one := []rbd.MirrorSchedule{daily, hourly}, []rbd.MirrorSchedule{daily}
	first := e.write(0)

	e.kills(0, "enable", Request{Primary: true, Schedules: both}, map[Step]func() bool{
		StepEnable:      func() bool { _, m := e.is(0); return m.GlobalID == "" },
		StepAddSchedule: e.primary(0),
	}, StepEnable, StepAddSchedule)
	if got := e.schedules(0); !slices.Equal(got, both) {
		t.Errorf("schedules %v, want %v", got, both)
	}
	e.kills(1, "enable", Request{}, nil, StepAwait)
	if got := e.sum(1); got != first {
		t.Error("the secondary has other data")
	}

	second := e.write(0)
	e.kills(0, "update", Request{Schedules: one}, map[Step]func() bool{
		StepDemote:         e.primary(0),
		StepRemoveSchedule: func() bool { return !e.primary(0)() && len(e.schedules(0)) == len(both) },
	}, StepDemote, StepRemoveSchedule)
	if got := e.schedules(0); !slices.Equal(got, one) {
		t.Errorf("schedules %v, want %v", got, one)
	}
	e.kills(1, "update", Request{Primary: true}, map[Step]func() bool{StepPromote: func() bool { return !e.primary(1)() }}, StepPromote)
	if !e.primary(1)() || e.sum(1) != second {
		t.Error("what was written last before the demotion is not in the new primary")
	}

	third := e.write(1)
	e.rbd(1, "mirror", "image", "snapshot", spec.String())
	old, _ := e.is(0)
	e.kills(0, "update", Request{Resync: true}, map[Step]func() bool{
		StepResync: func() bool { now, _ := e.is(0); return now.ID == old.ID },
	}, StepResync, StepAwait)
	if now, m := e.is(0); now.ID == old.ID || m.Primary || e.sum(0) != third {
		t.Errorf("it was not copied anew: id %s, was %s", now.ID, old.ID)
	}

	e.kills(1, "disable", Request{}, map[Step]func() bool{StepDisable: e.primary(1)}, StepDisable)
	if _, m := e.is(1); m.GlobalID != "" || e.sum(1) != third {
		t.Error("it is mirrored still, or has other data")
	}
	acctest.Await(t, "the secondary goes", func() bool {
		_, err := e.cluster(0).Image(t.Context(), spec)
		return errors.Is(err, rbd.ErrImageNotFound)
	})
}
