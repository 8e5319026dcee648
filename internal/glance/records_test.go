// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

func ptr[T any](v T) *T { return &v }

func TestRecordLifeInLab(t *testing.T) {
	t.Parallel()
	c := labClient(t, asMember)
	ctx := t.Context()
	g := sharedGolden(t)

	id := NewID()
	img := newRecord(t, c, func(o *CreateOpts) {
		o.ID = id
		o.MinDiskGiB, o.MinRAMMiB = 1, 64
		o.Tags = []string{"b", "a"}
		o.Hidden = true
		o.Properties = map[string]string{"hw_disk_bus": "scsi", "a/b~c": "1", "metadata": "x", "description": "it's"}
	})
	if img.ID != id || img.Status != StatusQueued || !img.Hidden || img.MinDiskGiB != 1 || img.MinRAMMiB != 64 ||
		img.DiskFormat != "raw" || img.ContainerFormat != "bare" || img.Visibility != "private" || img.SizeBytes != 0 ||
		!slices.Equal(img.Tags, []string{"a", "b"}) || img.CreatedAt.IsZero() || img.Owner == "" {
		t.Fatalf("created %+v", img)
	}
	want := map[string]string{"hw_disk_bus": "scsi", "a/b~c": "1", "metadata": "x", "description": "it's"}
	if !maps.Equal(img.Properties, want) {
		t.Fatalf("properties %v, want %v", img.Properties, want)
	}
	if _, err := c.Create(ctx, CreateOpts{ID: id, Name: "again"}); !errors.Is(err, ErrConflict) {
		t.Fatalf("created the same ID again: %v", err)
	}

	hash := strings.Repeat("ab", 64)
	img, err := c.AddLocation(ctx, id, g.url, nil, &ValidationData{
		HashAlgo: "sha512", HashValue: hash, Checksum: strings.Repeat("0f", 16),
	})
	if err != nil {
		t.Fatal(err)
	}
	if img.Status != StatusActive || img.SizeBytes != 8<<20 || img.VirtualSizeBytes != 0 ||
		img.HashAlgo != "sha512" || img.HashValue != hash || img.Checksum != strings.Repeat("0f", 16) ||
		!img.LocationsVisible || len(img.Locations) != 1 || img.Locations[0].URL != g.url ||
		img.Locations[0].Metadata["store"] != "rbd" || img.DirectURL != g.url || !slices.Equal(img.Stores, []string{"rbd"}) {
		t.Fatalf("with a location: %+v", img)
	}
	if _, err := c.AddLocation(ctx, id, g.url, map[string]string{"store": "rbd"}, nil); !errors.Is(err, ErrBadRequest) {
		t.Fatalf("the same location again: %v", err)
	}

	img, err = c.Update(ctx, id, Changes{
		Name: ptr("glance-test-renamed"), Visibility: ptr("shared"), Tags: &[]string{"z", "y", "z"},
		MinDiskGiB: ptr(int64(2)), MinRAMMiB: ptr(int64(0)), Protected: ptr(true), Hidden: ptr(false),
		SetProperties:    map[string]string{"hw_disk_bus": "virtio", "new~1/": "ü", "os_type": "linux"},
		RemoveProperties: []string{"a/b~c", "never there"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want = map[string]string{"hw_disk_bus": "virtio", "new~1/": "ü", "os_type": "linux", "metadata": "x", "description": "it's"}
	if img.Name != "glance-test-renamed" || img.Visibility != "shared" || !slices.Equal(img.Tags, []string{"y", "z"}) ||
		img.MinDiskGiB != 2 || img.MinRAMMiB != 0 || !img.Protected || img.Hidden || !maps.Equal(img.Properties, want) {
		t.Fatalf("updated %+v", img)
	}
	if img, err = c.Update(ctx, id, Changes{Tags: &[]string{}}); err != nil || len(img.Tags) != 0 {
		t.Fatalf("no tags: %v, %v", img, err)
	}
	if got, err := c.Get(ctx, id); err != nil || got.UpdatedAt != img.UpdatedAt || !maps.Equal(got.Properties, want) {
		t.Fatalf("read back %+v: %v", got, err)
	}
	for _, step := range []func() error{
		func() error { return c.Unprotect(ctx, id) },
		func() error { return c.Unprotect(ctx, id) },
		func() error { return c.Deactivate(ctx, id) },
		func() error { return c.Deactivate(ctx, id) },
		func() error { return c.Reactivate(ctx, id) },
		func() error { return c.Reactivate(ctx, id) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if img, err = c.Get(ctx, id); err != nil || img.Protected || img.Status != StatusActive || len(img.Locations) != 1 {
		t.Fatalf("after the actions: %+v: %v", img, err)
	}
	if !g.intact(t) {
		t.Fatal("the RBD image was touched")
	}
}

func TestRefusalsInLab(t *testing.T) {
	t.Parallel()
	c, other := labClient(t, asMember), labClient(t, asOther)
	ctx := t.Context()
	g := sharedGolden(t)
	img := newRecord(t, c, func(o *CreateOpts) { o.Visibility = "community" })
	private := newRecord(t, c, nil)
	bare := newRecord(t, c, func(o *CreateOpts) { o.DiskFormat, o.ContainerFormat = "", "" })

	_, addAsOther := other.AddLocation(ctx, img.ID, g.url, nil, nil)
	_, missing := c.AddLocation(ctx, img.ID, g.url+"-missing", nil, nil)
	_, noFormat := c.AddLocation(ctx, bare.ID, g.url, nil, nil)
	_, wrongHash := c.AddLocation(ctx, img.ID, g.url, nil, &ValidationData{HashAlgo: "sha256", HashValue: strings.Repeat("ab", 32)})
	_, noPool := c.AddLocation(ctx, img.ID, strings.Replace(g.url, "/images/", "/no-such-pool/", 1), map[string]string{"store": "rbd"}, nil)
	_, public := c.Update(ctx, img.ID, Changes{Visibility: ptr("public")})
	_, reserved := c.Update(ctx, img.ID, Changes{SetProperties: map[string]string{"os_glance_x": "1"}})
	_, badVisibility := c.Create(ctx, CreateOpts{Name: "glance-test", Visibility: "nobody"})
	_, unseen := other.Get(ctx, private.ID)
	_, absent := c.Get(ctx, NewID())
	_, empty := c.Get(ctx, "")
	for name, test := range map[string]struct{ got, want error }{
		"location, by policy":          {addAsOther, ErrLocationsDisabled},
		"location, also forbidden":     {addAsOther, ErrForbidden},
		"location, missing snapshot":   {missing, ErrBadRequest},
		"location, no format":          {noFormat, ErrBadRequest},
		"location, hash of other algo": {wrongHash, ErrConflict},
		"location, missing pool":       {noPool, ErrServer},
		"public by a member":           {public, ErrForbidden},
		"reserved property":            {reserved, ErrBadRequest},
		"visibility":                   {badVisibility, ErrBadRequest},
		"private of another project":   {unseen, ErrNotFound},
		"absent":                       {absent, ErrNotFound},
		"no ID":                        {empty, ErrBadRequest},
		"deactivate queued":            {c.Deactivate(ctx, img.ID), ErrForbidden},
		"deactivate absent":            {c.Deactivate(ctx, NewID()), ErrNotFound},
		"unprotect absent":             {c.Unprotect(ctx, NewID()), ErrNotFound},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	for _, part := range []string{"set_image_location", `user "other"`, img.Owner} {
		if !strings.Contains(addAsOther.Error(), part) {
			t.Errorf("no %q in: %v", part, addAsOther)
		}
	}
	if got, err := c.Get(ctx, img.ID); err != nil || got.Status != StatusQueued {
		t.Errorf("after the refusals: %+v: %v", got, err)
	}
	if !g.intact(t) {
		t.Error("the RBD image was touched")
	}
}

func TestListInLab(t *testing.T) {
	t.Parallel()
	c := labClient(t, asMember)
	ctx := t.Context()
	name := "glance-test:in:" + NewID()[:8] + `,"x" & y`
	mark := NewID()
	props := map[string]string{"glance_test": mark, "glance_test_max": "7"}
	a := newRecord(t, c, func(o *CreateOpts) { o.Name, o.Tags, o.Properties = name, []string{"t1", "t2"}, props })
	b := newRecord(t, c, func(o *CreateOpts) { o.Name, o.Hidden, o.Properties = name, true, props })
	d := newRecord(t, c, func(o *CreateOpts) { o.Name = strings.ToUpper(name) })

	check := func(what string, got []Image, err error, want ...string) {
		t.Helper()
		var ids []string
		for _, i := range got {
			ids = append(ids, i.ID)
		}
		slices.Sort(ids)
		slices.Sort(want)
		if err != nil || !slices.Equal(ids, want) {
			t.Errorf("%s: %v, want %v: %v", what, ids, want, err)
		}
	}
	got, err := c.FindByName(ctx, name)
	check("by name", got, err, a.ID, b.ID)
	got, err = c.FindByName(ctx, strings.ToUpper(name))
	check("by name in capitals", got, err, d.ID)
	got, err = c.List(ctx, Filter{Name: name, Status: StatusQueued, DiskFormat: "raw", Visibility: "private", Owner: a.Owner})
	check("by attributes", got, err, a.ID)
	got, err = c.List(ctx, Filter{Tags: []string{"t1", "t2"}, Properties: props})
	check("by tags and properties", got, err, a.ID)
	got, err = c.List(ctx, Filter{Properties: props, Hidden: true})
	check("hidden", got, err, b.ID)
	got, err = c.List(ctx, Filter{Properties: map[string]string{"glance_test": mark, "glance_test_max": "8"}})
	check("with another value", got, err)
}

func TestFindByRBDImageInLab(t *testing.T) {
	t.Parallel()
	member, admin, other := labClient(t, asMember), labClient(t, asAdmin), labClient(t, asOther)
	ctx := t.Context()
	fsid := labEnv(t, "RBD_LAB_FSID")
	g := newGolden(t)
	one, two := newActive(t, member, g), newActive(t, member, g)
	if _, err := member.Update(ctx, two.ID, Changes{Hidden: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	find := func(c *Client) *References {
		t.Helper()
		refs, err := c.FindByRBDImage(ctx, fsid, "images", g.name)
		if err != nil {
			t.Fatal(err)
		}
		return refs
	}
	ids := func(r *References) []string {
		var ids []string
		for _, i := range r.Images {
			ids = append(ids, i.ID)
		}
		slices.Sort(ids)
		return ids
	}
	both := []string{one.ID, two.ID}
	slices.Sort(both)
	if r := find(member); !slices.Equal(ids(r), both) || r.AllProjects {
		t.Errorf("member: %v, all projects %v, want %v", ids(r), r.AllProjects, both)
	}
	if r := find(other); len(r.Images) != 0 || r.AllProjects {
		t.Errorf("other project: %v", ids(r))
	}
	if err := member.Deactivate(ctx, one.ID); err != nil {
		t.Fatal(err)
	}
	if r := find(member); !slices.Equal(ids(r), []string{two.ID}) || r.Unseen < 1 {
		t.Errorf("member, one deactivated: %v, %d unseen", ids(r), r.Unseen)
	}
	if r := find(admin); !slices.Equal(ids(r), both) || !r.AllProjects {
		t.Errorf("admin: %v, all projects %v, want %v", ids(r), r.AllProjects, both)
	}
}
