// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// mirrored is an image at both ends.
type mirrored struct {
	t    *testing.T
	spec Spec
	c    [2]*Cluster
}

func (m mirrored) read(site int) (Image, Mirroring) {
	m.t.Helper()
	i, mirroring, err := m.c[site].Mirroring(m.t.Context(), m.spec)
	if err != nil && !errors.Is(err, ErrImageNotFound) { // it may be copied anew
		m.t.Fatal(err)
	}
	return i, mirroring
}

// await waits until a site has what is wanted.
func (m mirrored) await(site int, what string, holds func(Mirroring) bool) Image {
	m.t.Helper()
	var i Image
	acctest.Await(m.t, what, func() bool {
		var mirroring Mirroring
		i, mirroring = m.read(site)
		return holds(mirroring)
	})
	return i
}

func (m mirrored) write(site int, at int64, with byte) {
	m.t.Helper()
	p, err := m.c[site].openHandle(m.t.Context(), m.spec, readWrite)
	if err == nil {
		_, err = p.img.WriteAt(bytes.Repeat([]byte{with}, 1<<20), at)
		err = errors.Join(err, p.close())
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// has compares the first bytes of each MiB.
func (m mirrored) has(site int, want ...byte) {
	m.t.Helper()
	r, err := m.c[site].OpenReader(m.t.Context(), m.spec)
	if err != nil {
		m.t.Fatal(err)
	}
	defer r.Close()
	all, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		m.t.Fatal(err)
	}
	for i, b := range want {
		if got := all[i<<20 : (i+1)<<20]; !bytes.Equal(got, bytes.Repeat([]byte{b}, 1<<20)) {
			m.t.Errorf("site %d has %d at %d MiB, want %d", site, got[0], i, b)
		}
	}
}

func (m mirrored) expect(what string, err, want error) {
	m.t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		m.t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// An image goes to the second cluster, is promoted there when its demotion has
// arrived, and by force in the first one; what the second wrote since then is
// replaced when it is copied anew. What can't be is refused.
func TestMirroring(t *testing.T) {
	t.Parallel()
	dc2 := acctest.RequireMirror(t)
	spec, err := ParseSpec(acctest.Mirrored(t, dc2, "16M"))
	if err != nil {
		t.Fatal(err)
	}
	run := Run{State: "s1", ID: t.Name()}
	m := mirrored{t, spec, [2]*Cluster{NewCluster(Config{Run: run}), NewCluster(Config{ConfFile: dc2.Conf, User: "terraform", Run: run})}}
	ctx := t.Context()
	first, second := m.c[0], m.c[1]
	img, off := m.read(0)
	if off.State != "disabled" || off.GlobalID != "" {
		t.Errorf("not mirrored: %+v", off)
	}
	m.expect("demote what is not mirrored", first.DemoteImage(ctx, spec, img.ID), ErrNotMirrored)
	m.expect("enable in another pool", first.EnableMirroring(ctx, Spec{Pool: "vms", Image: "x"}, ""), ErrMirrorPool)
	m.write(0, 0, 1)
	m.expect("enable", first.EnableMirroring(ctx, spec, img.ID), nil)

	// by another run of the same state it is taken up; for any other it is taken
	later := NewCluster(Config{Run: Run{State: "s1", ID: "later"}})
	m.expect("take up", later.EnableMirroring(ctx, spec, img.ID), nil)
	m.expect("enable for another state", NewCluster(Config{Run: Run{State: "s2", ID: "later"}}).EnableMirroring(ctx, spec, img.ID), ErrOtherState)
	img, _ = m.read(0)
	m.expect("claim", first.ClaimMirroring(ctx, img), nil)
	m.expect("enable what a state has", later.EnableMirroring(ctx, spec, img.ID), ErrMirroredBefore)
	m.testSchedules()

	there := m.await(1, "it is copied", func(m Mirroring) bool { return !m.Synced().IsZero() })
	m.has(1, 1, 0)
	if _, is := m.read(1); is.Mode != "snapshot" || is.Primary || is.Demoted() || len(is.Peers) != 1 || is.Peers[0].Name != "dc1" {
		t.Errorf("the secondary: %+v", is)
	}
	var managed *MirroredError
	if err := first.CheckDelete(ctx, spec, img.ID, nil); !errors.As(err, &managed) || !managed.Managed || !managed.Primary {
		t.Errorf("delete the primary: %v", err)
	}
	m.expect("delete the secondary", second.CheckDelete(ctx, spec, there.ID, nil), ErrNotPrimary)
	m.expect("promote too early", second.PromoteImage(ctx, spec, there.ID, false), ErrPrimaryElsewhere)
	m.expect("disable the secondary", second.DisableMirroring(ctx, spec, there.ID), ErrNotPrimary)
	m.expect("resync the primary", first.ResyncImage(ctx, spec, img.ID), ErrPrimary)

	// an rbd-mirror is no user, who writes is one
	m.await(0, "the peer has reported", func(m Mirroring) bool { return m.Peers[0].Up })
	if _, is := m.read(0); is.Users != nil {
		t.Errorf("used by %v", is.Users)
	}
	user, err := first.openHandle(ctx, spec, readWrite)
	if err == nil {
		_, err = user.img.WriteAt(bytes.Repeat([]byte{2}, 1<<20), 1<<20)
	}
	if _, is := m.read(0); err != nil || is.Users == nil {
		t.Errorf("used by nobody, and written to (%v)", err)
	}
	m.expect("end of the user", user.close(), nil)

	// what was written last goes along
	m.expect("demote", first.DemoteImage(ctx, spec, img.ID), nil)
	m.await(1, "the demotion arrives", Mirroring.Demoted)
	m.promote(1, there.ID, false)
	m.has(1, 1, 2)
	m.write(1, 2<<20, 3)
	m.await(0, "it is a secondary now", func(m Mirroring) bool { return !m.Primary && !m.Demoted() && !m.Synced().IsZero() })
	m.has(0, 1, 2, 0)

	m.promote(0, img.ID, true)
	m.write(0, 3<<20, 4)
	m.expect("demote the other", second.DemoteImage(ctx, spec, there.ID), nil)
	m.expect("resync", second.ResyncImage(ctx, spec, there.ID), nil)
	m.await(1, "it is copied anew", func(is Mirroring) bool {
		now, _ := m.read(1)
		return now.ID != "" && now.ID != there.ID && !is.Demoted() && !is.Synced().IsZero()
	})
	m.has(1, 1, 2, 0)

	img, is := m.read(0)
	if now, other := m.read(1); is.GlobalID == "" || is.GlobalID != other.GlobalID || now.ID == there.ID {
		t.Errorf("ids %s and %s, %s and %s", is.GlobalID, other.GlobalID, now.ID, there.ID)
	}
	m.expect("disable", first.DisableMirroring(ctx, spec, img.ID), nil)
	m.expect("disable again", first.DisableMirroring(ctx, spec, img.ID), nil)
	acctest.Await(t, "the secondary goes", func() bool {
		_, err := second.Image(ctx, spec)
		return errors.Is(err, ErrImageNotFound)
	})
	acctest.Await(t, "the image can be removed", func() bool { return first.DeleteImage(ctx, spec, img.ID, nil) == nil })
}

// promote waits until the rbd-mirror has let go of the image.
func (m mirrored) promote(site int, id string, force bool) {
	m.t.Helper()
	acctest.Await(m.t, "it is promoted", func() bool {
		err := m.c[site].PromoteImage(m.t.Context(), m.spec, id, force)
		if err != nil && !errors.Is(err, ErrMirrorBusy) {
			m.t.Fatal(err)
		}
		return err == nil
	})
}

func (m mirrored) testSchedules() {
	m.t.Helper()
	ctx, c := m.t.Context(), m.c[0]
	want := MirrorSchedule{Interval: "1d", StartTime: "14:00:00+02:00"}
	m.expect("schedule", c.AddMirrorSchedule(ctx, m.spec, want), nil)
	m.expect("schedule again", c.AddMirrorSchedule(ctx, m.spec, want), nil)
	got, err := c.MirrorSchedules(ctx, m.spec)
	if err != nil || len(got) != 1 || got[0] != want {
		m.t.Errorf("schedules: %v, %v", got, err)
	}
	m.expect("remove the schedule", c.RemoveMirrorSchedule(ctx, m.spec, want), nil)
	m.expect("remove it again", c.RemoveMirrorSchedule(ctx, m.spec, want), nil)
	if got, err := c.MirrorSchedules(ctx, m.spec); err != nil || len(got) != 0 {
		m.t.Errorf("schedules are left: %v, %v", got, err)
	}
	m.expect("no interval", c.AddMirrorSchedule(ctx, m.spec, MirrorSchedule{Interval: "1x"}), ErrNoScheduler)
}

func TestMirrorDescription(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		description string
		replay      Replay
	}{
		`replaying, {"local_snapshot_timestamp":7,"remote_snapshot_timestamp":9,"replay_state":"syncing","syncing_percent":40}`: {"replaying", Replay{RemoteSnapshot: 9, LocalSnapshot: 7, SyncingPercent: 40}},
		`replaying, {"entries_behind_primary":3}`: {"replaying", Replay{Entries: 3}},
		"local image is primary":                  {"local image is primary", Replay{}},
		"replaying, {broken":                      {"replaying", Replay{}},
		"":                                        {},
	} {
		description, replay := parseDescription(text)
		if description != want.description || replay != want.replay {
			t.Errorf("%s: %q, %+v", text, description, replay)
		}
	}
	if got := (MirrorSite{Description: "local image is primary"}).Primary(); got {
		t.Error("a site that is down is primary")
	}
	if got := (Mirroring{}).Synced(); got != (time.Time{}) {
		t.Errorf("synced %v", got)
	}
}
