// SPDX-License-Identifier: MPL-2.0

package ownership

import (
	"errors"
	"fmt"
	"maps"
	"testing"
)

// errno is an error as go-ceph has it.
type errno int

func (e errno) Error() string  { return fmt.Sprint("errno ", int(e)) }
func (e errno) ErrorCode() int { return int(e) }

// open is an open image.
type open struct {
	id      string
	entries map[string]string
	err     error
}

func (o *open) GetId() (string, error) { return o.id, nil } //nolint:revive // go-ceph calls it so

func (o *open) GetMetadata(key string) (string, error) {
	v, ok := o.entries[key]
	if !ok && o.err == nil {
		return "", errno(-2)
	}
	return v, o.err
}

func (o *open) SetMetadata(key, value string) error {
	if o.err == nil {
		o.entries[key] = value
	}
	return o.err
}

func (o *open) RemoveMetadata(key string) error {
	if _, ok := o.entries[key]; !ok && o.err == nil {
		return errno(-2)
	}
	delete(o.entries, key)
	return o.err
}

func (o *open) ListMetadata() (map[string]string, error) { return o.entries, o.err }

// What is stored in Ceph stays as it is: older versions wrote it.
func TestStoredTexts(t *testing.T) {
	run := Run{State: "state", ID: "run"}
	text, err := Detach{ImageID: "ab12", Name: "disk", For: "glance"}.Text()
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		ImageKey:                             "terraform-provider-rbd.image",
		EditingKey:                           "terraform-provider-rbd.editing",
		StepsKey:                             "terraform-provider-rbd.steps",
		DetachKey:                            "terraform-provider-rbd.aside",
		SnapshotKey("a"):                     "terraform-provider-rbd.snapshot.a",
		NamespaceKey("n"):                    "terraform-provider-rbd.namespace.n",
		Label(run.Sign(Pending), "ab12"):     "pending@state.run:ab12",
		Label(Owned, "ab12"):                 "owned:ab12",
		Label(Undo, "ab12"):                  "undo:ab12",
		run.Sign(Creating):                   "creating@state.run",
		Run{}.Sign("token"):                  "token",
		PlaceholderToken("ab12"):             "decoy:ab12",
		text:                                 `{"rbd_image_id":"ab12","name":"disk","for":"glance"}`,
		AddStep("a b:ab12", "ab12", "c"):     "a b c",
		AddStep("a b:another", "ab12", "c"):  "c",
		ErrOtherState.Error():                "name is already taken: an unfinished run of another state made it",
		fmt.Sprint(IsPlaceholder("decoy:x")): "true",
	} {
		if got != want {
			t.Errorf("%q, older versions wrote %q", got, want)
		}
	}
}

// A label counts on the image only that it was put on: clones get a copy.
func TestLabelsOfAnotherImage(t *testing.T) {
	metadata := map[string]string{
		ImageKey: "token@state.run:ab12", SnapshotKey("s"): "pending@state.run:ab12", SnapshotKey("terraform-undo"): "undo:ab12",
		EditingKey: "pending:ab12", StepsKey: "a b a c c:ab12", DetachKey: `{"rbd_image_id":"ab12","name":"disk","for":"glance"}`,
	}
	for id, own := range map[string]bool{"ab12": true, "cd34": false} {
		l := Labels{ID: id, Metadata: metadata}
		token, by := l.Unclaimed()
		_, pending := l.SnapshotRun("s")
		_, detached := l.Detach()
		for what, is := range map[string]bool{
			"token": token == "token" && by == Run{State: "state", ID: "run"}, "snapshot": l.OwnsSnapshot("s"), "pending": pending,
			"undo": l.Undo("terraform-undo") == Undo, "editing": l.Editing(), "detached": detached,
			"steps": fmt.Sprint(l.StepsAfter("b")) == "[a c]",
		} {
			if is != own {
				t.Errorf("image %s, %s: %v", id, what, is)
			}
		}
		if l.Owned() {
			t.Error("a token is no state")
		}
	}
	if l := (Labels{ID: "ab12", Metadata: map[string]string{ImageKey: "owned:ab12", SnapshotKey("s"): "owned:ab12"}}); !l.Owned() || l.Undo("s") != "" {
		t.Error("a state has it, and no edit")
	}
}

func TestTakes(t *testing.T) {
	running := func(id string) bool { return id == "busy" }
	me := Run{State: "a", ID: "1"}
	for by, want := range map[Run]error{
		{State: "b", ID: "2"}: ErrOtherState, me: ErrThisRun, {State: "a", ID: "busy"}: ErrOtherRun, {State: "a", ID: "2"}: nil,
	} {
		if err := me.Takes(by, running); !errors.Is(err, want) || err != nil && !errors.Is(err, ErrExists) {
			t.Errorf("%+v: %v, want %v", by, err, want)
		}
	}
	if err := me.Takes(Run{State: "a", ID: "busy"}, nil); err != nil {
		t.Errorf("no run is known: %v", err)
	}
}

func TestOpenImage(t *testing.T) {
	o := &open{id: "ab12", entries: map[string]string{"mine": "1", Prefix + "old": "x:cd34"}}
	if err := Set(o, ImageKey, Owned); err != nil {
		t.Fatal(err)
	}
	if has, err := Has(o, ImageKey, Owned); err != nil || !has {
		t.Errorf("%v, %v", has, err)
	}
	if v, err := Read(o, "none"); v != "" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if err := Remove(o, "none"); err != nil {
		t.Error(err)
	}
	if err := DropCopied(o, nil, ImageKey); err != nil || !maps.Equal(o.entries, map[string]string{"mine": "1", ImageKey: "owned:ab12"}) {
		t.Errorf("%v, %v", o.entries, err)
	}
	o.err = errno(-13)
	if _, err := Read(o, ImageKey); !errors.Is(err, o.err) || err.Error() != `read image metadata "terraform-provider-rbd.image": errno -13` {
		t.Error(err)
	}
	if err := errors.Join(Set(o, ImageKey, Owned)); !errors.Is(err, o.err) {
		t.Error(err)
	}
}
