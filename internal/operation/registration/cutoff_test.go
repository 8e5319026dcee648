// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
)

// victim is a run that is cut off before a step, in a process of its own.
type victim struct {
	Op       string
	Before   registration.Step
	Cloud    string
	Endpoint string // of another API server, or empty
	Request  registration.Request
	Ref      registration.Ref
}

const (
	victimVariable = "REGISTRATION_TEST_VICTIM"
	killed         = 99 // exit code of a victim that came to its step
)

// The operations of the matrix.
const (
	opRegister   = "register"
	opAdopt      = "adopt"
	opDelete     = "delete"
	opHide       = "hide"
	opDeactivate = "deactivate"
	opUncopy     = "remove copies"
)

// whileCopying is when Glance was asked for a copy, and may be at it.
const whileCopying registration.Step = "wait for the copies"

// do is one operation.
func (l *life) do(ctx context.Context, op string) error {
	switch op {
	case opRegister:
		return l.Create(ctx)
	case opAdopt:
		_, err := l.Import(ctx)
		return err
	case opUncopy:
		return l.Uncopy(ctx)
	}
	return l.Retire(ctx, registration.OnDestroy(op))
}

// beVictim is the process of a victim.
func beVictim(text string) (code int) {
	var v victim
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	l := &life{req: v.Request, ref: v.Ref}
	if l.As(v.Cloud); v.Endpoint != "" {
		l.At(v.Cloud, v.Endpoint)
	}
	l.deps.Run.ID = "run that was killed"
	if v.Before == whileCopying {
		l.deps.Progress = killWhileCopying
	}
	l.deps.Begin = func(_ context.Context, s registration.Step) {
		if s == v.Before {
			os.Exit(killed) // as a kill: nothing is taken back
		}
	}
	_, _ = fmt.Fprintln(os.Stdout, "not killed:", l.do(context.Background(), v.Op))
	return 1
}

// killWhileCopying ends the process when the stores are looked at once more: Glance was
// asked in between.
func killWhileCopying(_ context.Context, what, _ string) (set func(done, total uint64), stop func()) {
	looks := 0
	return func(uint64, uint64) {
		if looks++; looks > 1 && strings.HasPrefix(what, "copy") {
			os.Exit(killed)
		}
	}, func() {}
}

// kill runs the operation until it is killed.
func (l *life) kill(t *testing.T, cloud, op string, before registration.Step) {
	t.Helper()
	text, err := json.Marshal(victim{op, before, cloud, l.endpoint, l.req, l.ref})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+string(text))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != killed {
		t.Fatalf("%s was not killed before %q: %v: %s", op, before, err, out)
	}
}

// cancel runs the operation, and ends its context before a step. What it has made
// is taken back.
func (l *life) cancel(t *testing.T, cloud, op string, before registration.Step) error {
	t.Helper()
	l.As(cloud)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.deps.Begin = func(_ context.Context, s registration.Step) {
		if s == before {
			cancel()
		}
	}
	err := l.do(ctx, op)
	if ctx.Err() == nil {
		t.Fatalf("%s did not come to %q: %v", op, before, err)
	}
	l.As(cloud)
	return err
}

// bystander is the registration of another state, of the same snapshot.
type bystander struct {
	g    *golden
	id   string
	note string
}

func newBystander(g *golden) bystander {
	b := bystander{g: g, id: registrationtest.LeaveCreation(g, "another state", true, true, true)}
	b.note = b.noted(b.id)
	return b
}

// noted is the journal entry of a record; empty without one.
func (b bystander) noted(id string) string {
	out, err := acctest.TryRBD(b.g.T, "image-meta", "get", b.g.Spec, registrationtest.Prefix+"glance."+id)
	if err != nil {
		return ""
	}
	return out
}

// remove takes the bystander away when all is over.
func (b bystander) remove(t *testing.T) {
	if err := client(t, asMember).Deactivate(t.Context(), b.id); err != nil {
		t.Error(err)
	}
	if _, err := client(t, asMember).DeleteRecord(t.Context(), b.id); err != nil {
		t.Error(err)
	}
	acctest.RBD(t, "rm", "--no-progress", "images/guard."+b.id)
	acctest.RBD(t, "image-meta", "rm", b.g.Spec, registrationtest.Prefix+"glance."+b.id)
}

// has says why there is not, beside the bystander, just what is wanted: the
// record with this ID, with its protector and its note, or nothing of it.
func (b bystander) has(id string, want bool, protector string) error {
	if now := b.noted(b.id); now != b.note {
		return fmt.Errorf("the note of another state is %s, was %s", now, b.note)
	}
	records := map[string]glance.Image{}
	all, err := client(b.g.T, asAdmin).FindByName(b.g.T.Context(), b.g.Name)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.Status == glance.StatusDeleted { // by a Glance that kept a dead record, as one does under load
			b.g.T.Logf("Glance kept %s", i.ID)
			continue
		}
		records[i.ID] = i
	}
	children := strings.Fields(acctest.RBD(b.g.T, "children", "--all", b.g.Spec+"@s"))
	wanted := map[string]bool{"images/guard." + b.id: true}
	if want {
		wanted["images/"+protector+"."+id] = true
	}
	for _, c := range children {
		if !wanted[c] {
			return fmt.Errorf("%s is left", c)
		}
	}
	if _, theirs := records[b.id]; !theirs || len(records) != len(wanted) || len(children) != len(wanted) {
		return fmt.Errorf("records %v, children %v; want %v", records, children, wanted)
	}
	if i := records[id]; want && (i.Status != glance.StatusActive || len(i.Locations) != 1 || i.Hidden) {
		return fmt.Errorf("the record is %+v", i)
	}
	if noted := b.noted(id) != ""; noted != want {
		return fmt.Errorf("a note about %s: %v, want %v", id, noted, want)
	}
	return b.g.Intact()
}

// matrix has the steps of each operation. Who deletes decides whether the RBD image
// is detached.
var matrix = []struct {
	name, op, who string
	protection    registration.Protection
	steps         []registration.Step
}{
	{"register", opRegister, asMember, registration.ProtectionGuard, []registration.Step{
		registration.StepNote, registration.StepProtect, registration.StepRecord, registration.StepAttributes, registration.StepLocation,
	}},
	{"register with an alias", opRegister, asMember, registration.ProtectionAlias, []registration.Step{
		registration.StepProtect, registration.StepRecord, registration.StepLocation,
	}},
	{"adopt", opAdopt, asMember, registration.ProtectionGuard, []registration.Step{registration.StepClaim}},
	{"delete", opDelete, asMember, registration.ProtectionGuard, []registration.Step{
		registration.StepDisable, registration.StepDeleting, registration.StepDelete, registration.StepUnprotect, registration.StepForget,
	}},
	// The steps before and after are those of everybody.
	{"delete as admin", opDelete, asAdmin, registration.ProtectionGuard, []registration.Step{
		registration.StepDetach, registration.StepDelete, registration.StepReattach, registration.StepUnprotect,
	}},
	{"delete with an alias", opDelete, asAdmin, registration.ProtectionAlias, []registration.Step{
		registration.StepDeleting, registration.StepDelete, registration.StepUnprotect,
	}},
	{"hide", opHide, asMember, registration.ProtectionGuard, []registration.Step{registration.StepRetire, registration.StepRetired}},
	{"deactivate", opDeactivate, asMember, registration.ProtectionGuard, []registration.Step{registration.StepRetire, registration.StepRetired}},
}

// Each operation is cut off before each of its steps, killed or cancelled, and run
// again. What another state has of the same snapshot is left alone.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for _, row := range matrix {
		for _, how := range []string{"killed", "cancelled"} {
			t.Run(row.name+" "+how, func(t *testing.T) {
				t.Parallel()
				g := newGolden(t)
				b := newBystander(&g)
				for _, step := range row.steps {
					t.Run(string(step), func(t *testing.T) {
						b.g.T = t
						l := newLife(cloud(asMember), g.Spec+"@s", g.Name)
						l.Protect(row.protection)
						if row.op == opRegister {
							cutRegistration(t, b, l, how, step)
						} else {
							cutDestroy(t, b, l, how, row.op, row.who, step)
						}
					})
				}
				b.g.T = t
				b.remove(t)
			})
		}
	}
}

// cut cuts an operation off.
func cut(t *testing.T, l *life, how, who, op string, before registration.Step) (err error) {
	t.Helper()
	if how == "cancelled" {
		return l.cancel(t, cloud(who), op, before)
	}
	l.kill(t, cloud(who), op, before)
	l.As(cloud(who))
	return nil
}

func cutRegistration(t *testing.T, b bystander, l *life, how string, before registration.Step) {
	ctx := t.Context()
	err := cut(t, l, how, asMember, opRegister, before)
	noted := how == "killed" && before != registration.StepNote
	if how == "cancelled" {
		// What Glance was asked for, and may still do, is left to the next run.
		noted = errors.Is(err, glance.ErrUndecided)
		if err == nil {
			t.Error("no error")
		}
		if back := b.has("", false, ""); back != nil && !noted {
			t.Errorf("after it was taken back, since %v: %v", err, back)
		}
	}
	left, err := l.Unfinished(ctx)
	if noted != (left != "") || err != nil {
		t.Errorf("unfinished is %q, %v", left, err)
	}
	if err := l.Create(ctx); err != nil {
		t.Fatal(err)
	}
	if left != "" && l.ID() != left {
		t.Errorf("the ID is %s, that of the killed run was %s", l.ID(), left)
	}
	if err := b.has(l.ID(), true, string(l.req.Protection)); err != nil {
		t.Error(err)
	}
	l.As(cloud(asAdmin))
	if err := errors.Join(l.Delete(ctx), b.has(l.ID(), false, "")); err != nil {
		t.Error(err)
	}
}

// recordIsThere tells whether a deletion that is cut off before this step has not
// deleted the record.
func recordIsThere(before registration.Step) bool {
	switch before {
	case registration.StepReattach, registration.StepUnprotect, registration.StepForget:
		return false
	}
	return true
}

func cutDestroy(t *testing.T, b bystander, l *life, how, op, who string, before registration.Step) {
	ctx := t.Context()
	if err := errors.Join(l.Create(ctx), l.Settle(ctx)); err != nil {
		t.Fatal(err)
	}
	if op == opAdopt {
		forgetOwner(t, b, l.ID())
	}
	_ = cut(t, l, how, who, op, before)
	if recordIsThere(before) { // who wants to keep it, can
		there, err := l.Read(ctx)
		if !there || err != nil {
			t.Errorf("there: %v, %v", there, err)
		}
		if err := l.Update(ctx); err != nil {
			t.Errorf("taking back: %v", err)
		}
		if err := b.has(l.ID(), true, string(l.req.Protection)); err != nil {
			t.Errorf("after it was taken back: %v", err)
		}
		_ = cut(t, l, how, who, op, before) // once more, to bring it to its end
	}
	if err := l.do(ctx, op); err != nil {
		t.Errorf("again: %v", err)
	}
	if op != opDelete {
		if op != opAdopt && !strings.Contains(b.noted(l.ID()), `"state":"retired"`) {
			t.Errorf("the note is %s", b.noted(l.ID()))
		}
		l.As(cloud(asAdmin))
		if err := l.Delete(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := b.has(l.ID(), false, ""); err != nil {
		t.Error(err)
	}
}

// forgetOwner makes a record as it is before it is adopted: without a note.
func forgetOwner(t *testing.T, b bystander, id string) {
	acctest.RBD(t, "image-meta", "rm", b.g.Spec, registrationtest.Prefix+"glance."+id)
}
