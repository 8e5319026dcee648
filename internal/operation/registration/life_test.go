// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"context"
	"os"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// The lab's callers.
const (
	asMember = registrationtest.AsMember
	asAdmin  = registrationtest.AsAdmin
	asOther  = registrationtest.AsOther
)

var (
	client    = registrationtest.Client
	cloud     = registrationtest.Cloud
	newGolden = registrationtest.NewGolden
)

type golden = registrationtest.Golden

// testState is the state that the tests work for.
const testState = "state of the tests"

// life is a registration from its request to its end, as a state keeps it.
type life struct {
	deps registration.Deps
	req  registration.Request
	ref  registration.Ref
	// endpoint is that of another API server, see At.
	endpoint string
}

// newLife is one that is still to be registered.
func newLife(cloud, snapshot, name string) *life {
	spec, err := rbd.ParseSpec(snapshot)
	if err != nil {
		panic(err)
	}
	l := &life{req: registration.Request{
		Snapshot: spec, Name: name, Visibility: "private", DiskFormat: "raw", ContainerFormat: "bare",
		Protection: registration.ProtectionGuard,
	}}
	l.As(cloud)
	return l
}

// As makes another user run the next step.
func (l *life) As(cloud string) { l.asks(registrationtest.ClientOf(cloud)) }

func (l *life) asks(c *glance.Client) {
	l.deps = registration.Deps{
		Ceph: rbd.NewCluster(rbd.Config{FSID: os.Getenv("RBD_LAB_FSID")}), Glance: c,
		Run: rbd.Run{State: testState, ID: "run of the tests"}, Running: func(string) bool { return false },
	}
}

// AskedBy is the same with another client, which leaves this one as it is.
func (l *life) AskedBy(c *glance.Client) *life {
	other := *l
	other.asks(c)
	return &other
}

// At makes another user run the next step, at another API server.
func (l *life) At(cloud, endpoint string) {
	l.endpoint = endpoint
	l.asks(glance.New(glance.Config{Cloud: cloud, Endpoint: endpoint, RetryTimeout: 3 * time.Second}))
}

// Through sends the next steps to Glance by way of another address. Faults are
// not waited out for long.
func (l *life) Through(cloud, address string, timeout time.Duration) {
	l.Waiting(cloud, address, timeout, 300*time.Millisecond)
}

// Waiting is Through where faults are waited out for so long.
func (l *life) Waiting(cloud, address string, timeout, retry time.Duration) {
	l.asks(glance.New(glance.Config{Cloud: cloud, Endpoint: address, RequestTimeout: timeout, RetryTimeout: retry}))
}

// Protect chooses the protection, before Create.
func (l *life) Protect(p registration.Protection) {
	l.req.Protection, l.req.AliasPool = p, ""
	if p == registration.ProtectionAlias {
		l.req.AliasPool = l.req.Snapshot.Pool
	}
}

// ID is that of the record.
func (l *life) ID() string { return l.ref.ImageID }

// Given chooses the ID of the record, before Create.
func (l *life) Given(id string) { l.req.ImageID = id }

func (l *life) note(res registration.Result, err error) error {
	if err == nil && res.Image != nil {
		l.ref = res.Ref
		l.ref.Owner = res.Image.Owner
	}
	return err
}

func (l *life) Create(ctx context.Context) error {
	return l.note(registration.Register(ctx, l.deps, l.req))
}

// Settle is what is done when the run ends in order.
func (l *life) Settle(ctx context.Context) error {
	return registration.Confirm(ctx, l.deps, l.ref)
}

// Unfinished is the record that the next Create goes on with.
func (l *life) Unfinished(ctx context.Context) (string, error) {
	return registration.Unfinished(ctx, l.deps, l.req)
}

// Read refreshes, and tells whether the record is there.
func (l *life) Read(ctx context.Context) (bool, error) {
	a, err := registration.Read(ctx, l.deps, registration.Question{Ref: l.ref})
	return a.Image != nil || a.Deleting, l.note(a.Result, err)
}

// Import reads the record as an import does.
func (l *life) Import(ctx context.Context) (bool, error) {
	ref, err := registration.Adopt(ctx, l.deps, l.ref.ImageID)
	if err != nil {
		return false, err
	}
	a, err := registration.Read(ctx, l.deps, registration.Question{Ref: ref, Adopted: true})
	return a.Image != nil || a.Deleting, l.note(a.Result, err)
}

// Update makes everything as it is requested.
func (l *life) Update(ctx context.Context) error {
	return l.note(registration.Update(ctx, l.deps, registration.Change{Ref: l.ref, Before: l.req, Want: l.req}))
}

// Uncopy removes the copies that are requested.
func (l *life) Uncopy(ctx context.Context) error {
	want := l.req
	want.Copies = nil
	return l.note(registration.Update(ctx, l.deps, registration.Change{Ref: l.ref, Before: l.req, Want: want}))
}

func (l *life) Delete(ctx context.Context) error { return l.Retire(ctx, registration.OnDestroyDelete) }

// Retire is Delete where the record may stay.
func (l *life) Retire(ctx context.Context, how registration.OnDestroy) error {
	return registration.Destroy(ctx, l.deps, l.ref, how)
}
