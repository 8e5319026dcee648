// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// check fails the test unless these were listed, without the place and without
// a warning.
func (l listing) check(t *testing.T, place string, want ...string) {
	t.Helper()
	if len(l.errors)+len(l.warnings) > 0 {
		t.Error(l.errors, l.warnings)
	}
	var got []string
	for _, n := range l.names {
		got = append(got, strings.TrimPrefix(n, place))
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

// offersItsImport fails the test unless each result is what the read after an
// import by its identity gives, and the configuration that is generated for it
// changes nothing.
func (c *client) offersItsImport(name string, l listing) {
	c.t.Helper()
	for i, id := range l.identities {
		got := c.imported(name, id)
		if d := differences(c.t, l.resources[i], got.state); len(d) > 0 {
			c.t.Errorf("%s is listed otherwise than imported: %s", l.names[i], d)
		}
		if !reflect.DeepEqual(got.identity, id) {
			c.t.Errorf("%s was imported with the identity %v, want %v", l.names[i], got.identity, id)
		}
		planned := c.plan(name, got, c.generated(name, l.resources[i]))
		if d := differences(c.t, c.read(c.resourceType(name), planned.PlannedState), got.state); len(d)+len(planned.RequiresReplace) > 0 {
			c.t.Errorf("the configuration generated for %s changes %s, replaces for %v", l.names[i], d, planned.RequiresReplace)
		}
	}
}

func TestProtocolListImages(t *testing.T) {
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	c := newClient(t, object{"pool": "vms", "namespace": ns})
	id := imagestest.Make(t, place+"b", "create", "--size", "5M", "--data-pool", "volumes", "--object-size", "1M", "--stripe-unit", "64K", "--stripe-count", "4")
	acctest.RBD(t, "image-meta", "set", place+"b", "somebody", "else")
	imagestest.Snapshot(t, place+"b@s", true)
	imagestest.Make(t, place+"empty", "create", "--size", "0", "--image-feature", "layering,exclusive-lock")
	imagestest.Clone(t, 1, place+"b@s", place+"v1")
	imagestest.Clone(t, 2, place+"b@s", place+"v2")
	for spec, mark := range map[string]string{"x.tfpending": "image", "guard": "guard", "decoy": "image"} {
		// A mark has the id of the image that it is on.
		own := imagestest.Make(t, place+spec, "create", "--size", "1M")
		acctest.RBD(t, "image-meta", "set", place+spec, "terraform-provider-rbd."+mark, "somebody:"+own)
	}
	imagestest.Make(t, place+"trashed", "create", "--size", "1M")
	imagestest.Trash(t, place+"trashed")
	ours := c.refreshed("rbd_image", c.apply("rbd_image", instance{}, object{"name": "a", "size": "8MiB"}))
	c.destroy("rbd_image", ours)

	all := c.query("rbd_image", 0, true, object{})
	all.check(t, place, "a", "b", "empty", "v1", "v2")
	if want := (object{"fsid": acctest.FSID(t), "pool": "vms", "namespace": ns, "image_id": id}); !reflect.DeepEqual(all.identities[1], want) {
		t.Errorf("the identity of b is %v, want %v", all.identities[1], want)
	}
	managed := func(yes bool) listing { return c.query("rbd_image", 0, false, object{"managed": yes}) }
	managed(true).check(t, place, "a")
	managed(false).check(t, place, "b", "empty", "v1", "v2")
	c.query("rbd_image", 2, false, object{}).check(t, place, "a", "b")
	c.query("rbd_image", 0, false, object{"name_regex": "^v"}).check(t, place, "v1", "v2")
	if without := c.query("rbd_image", 1, false, object{}); !without.resources[0].IsNull() {
		t.Error("the whole resource was given unasked")
	}

	c.offersItsImport("rbd_image", all)
	// Now they are in a state.
	managed(false).check(t, place)
	// From elsewhere the place is to be named, and the provider's is not taken.
	elsewhere := newClient(t, object{"pool": "images"})
	elsewhere.query("rbd_image", 1, false, object{"pool": "vms", "namespace": ns}).check(t, place, "a")
	name := providertest.Name(t)
	imagestest.Make(t, "vms/"+name, "create", "--size", "1M")
	outside := c.query("rbd_image", 0, true, object{"namespace": "", "name_regex": "^" + name + "$"})
	outside.check(t, "vms/", name)
	c.offersItsImport("rbd_image", outside)
}

func TestProtocolListSnapshots(t *testing.T) {
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	c := newClient(t, object{"pool": "vms", "namespace": ns})
	for _, name := range []string{"a", "b"} {
		imagestest.Make(t, place+name, "create", "--size", "8M")
		imagestest.Snapshot(t, place+name+"@z", false)
		imagestest.Snapshot(t, place+name+"@golden", true)
	}
	imagestest.Snapshot(t, place+"b@kept", false)
	imagestest.Clone(t, 2, place+"b@kept", place+"c1")
	acctest.RBD(t, "snap", "rm", "--no-progress", place+"b@kept") // goes to the trash namespace
	imagestest.Clone(t, 1, place+"b@golden", place+"c2")
	imagestest.Clone(t, 2, place+"b@golden", place+"c1-2")
	ours := c.refreshed("rbd_snapshot", c.apply("rbd_snapshot", instance{}, object{"image": place + "a", "name": "ours"}))
	// What an interrupted run has begun, and what an edit goes back to.
	pending := imagestest.Make(t, place+"d", "create", "--size", "1M")
	for snap, word := range map[string]string{"begun": "pending", "terraform-undo": "undo"} {
		imagestest.Snapshot(t, place+"d@"+snap, false)
		acctest.RBD(t, "image-meta", "set", place+"d", "terraform-provider-rbd.snapshot."+snap, word+":"+pending)
	}

	all := c.query("rbd_snapshot", 0, true, object{})
	all.check(t, place, "a@golden", "a@ours", "a@z", "b@golden", "b@z")
	if got := all.identities[1]; !reflect.DeepEqual(got, ours.identity) {
		t.Errorf("the identity is %v, want %v", got, ours.identity)
	}
	c.query("rbd_snapshot", 4, true, object{}).check(t, place, "a@golden", "a@ours", "a@z", "b@golden")
	c.query("rbd_snapshot", 0, false, object{"name_regex": "^g"}).check(t, place, "a@golden", "b@golden")
	c.query("rbd_snapshot", 0, false, object{"image_regex": "^b$", "name_regex": "z"}).check(t, place, "b@z")
	c.query("rbd_snapshot", 0, false, object{"image": place + "b"}).check(t, place, "b@golden", "b@z")
	c.query("rbd_snapshot", 0, false, object{"image": place + "a", "managed": true}).check(t, place, "a@ours")
	c.offersItsImport("rbd_snapshot", all)
	c.query("rbd_snapshot", 0, false, object{"managed": false}).check(t, place)
}

func TestProtocolListNamespaces(t *testing.T) {
	ns := imagestest.Namespace(t, "vms")
	other := "vms/" + ns + "-other"
	acctest.RBD(t, "namespace", "create", other)
	t.Cleanup(func() { acctest.RBD(t, "namespace", "rm", other) })
	c := newClient(t, object{"pool": "vms"})
	all := c.query("rbd_namespace", 0, true, object{"name_regex": "^" + ns + "$"})
	all.check(t, "vms/", ns)
	c.offersItsImport("rbd_namespace", all)
	if got := c.query("rbd_namespace", 1, false, object{}); len(got.names) != 1 || !got.resources[0].IsNull() {
		t.Errorf("with the limit 1: %q, or the whole resource was given unasked", got.names)
	}
	if got := c.query("rbd_namespace", 0, false, object{"pool": "images"}); slices.Contains(got.names, "vms/"+ns) || len(got.errors) > 0 {
		t.Errorf("in another pool: %q %q", got.names, got.errors)
	}
}

// recordOf is an image of Glance, as somebody makes it by hand. Without a location it
// has no data.
func recordOf(t *testing.T, o glance.CreateOpts, locations ...string) (id string) {
	t.Helper()
	client := glance.New(glance.Config{Cloud: os.Getenv("OS_CLOUD")})
	o.DiskFormat, o.ContainerFormat = "raw", "bare"
	rec, err := client.Create(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		_ = client.Deactivate(ctx, rec.ID)
		if _, err := client.DeleteRecord(ctx, rec.ID); err != nil {
			t.Error(err)
		}
	})
	for _, url := range locations {
		if _, err := client.AddLocation(t.Context(), rec.ID, url, map[string]string{"store": "rbd"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return rec.ID
}

// The records of Glance whose data is in this cluster, whoever has made them: and
// nothing is noted about one before it is imported.
func TestProtocolListLocations(t *testing.T) {
	name, kind := providertest.Name(t), "rbd_glance_image_location"
	c := newClient(t, nil)
	image := "images/" + name
	imagestest.Make(t, image, "create", "--size", "8M")
	for _, snapshot := range []string{"@s", "@gone"} {
		imagestest.Snapshot(t, image+snapshot, true)
	}
	here := "rbd://" + acctest.FSID(t) + "/images/" + name
	byHand := recordOf(t, glance.CreateOpts{Name: name + "-b", Tags: []string{"a", "b"}, Properties: map[string]string{"os_type": "linux"}}, here+"/s")
	hidden := recordOf(t, glance.CreateOpts{Name: name + "-c", Hidden: true}, here+"/s")
	recordOf(t, glance.CreateOpts{Name: name + "-queued"})
	recordOf(t, glance.CreateOpts{Name: name + "-elsewhere"}, "rbd://"+glance.NewID()+"/images/"+name+"/s")
	lost := recordOf(t, glance.CreateOpts{Name: name + "-lost"}, here+"/gone")
	acctest.RBD(t, "snap", "unprotect", image+"@gone")
	acctest.RBD(t, "snap", "rm", "--no-progress", image+"@gone")
	ours := c.apply(kind, instance{}, object{"snapshot": image + "@s", "name": name + "-a"})
	c.destroy(kind, ours)
	alias := c.apply(kind, instance{}, object{"snapshot": image + "@s", "name": name + "-d", "protection": "alias"})
	c.destroy(kind, alias)
	row := func(letter string, id any) string { return fmt.Sprintf("%s (%s)", letter, id) }
	a, b, h, d := row("a", ours.get(t, "image_id")), row("b", byHand), row("c", hidden), row("d", alias.get(t, "image_id"))
	noted := acctest.RBD(t, "image-meta", "ls", image)

	all := c.query("rbd_glance_image_location", 0, true, object{"name_regex": "^" + name})
	if len(all.warnings) != 1 || !strings.Contains(all.warnings[0], lost) || !strings.Contains(all.warnings[0], "left out") {
		t.Errorf("the record whose snapshot is gone: %q", all.warnings)
	}
	all.warnings = nil
	all.check(t, name+"-", a, b, h, d)
	only := func(limit int64, arguments object) listing {
		arguments["name_regex"] = "^" + name + "-[a-d]$"
		return c.query(kind, limit, false, arguments)
	}
	only(0, object{"tags": []any{"b"}}).check(t, name+"-", b)
	only(0, object{"pool": "vms"}).check(t, name+"-")
	only(0, object{"visibility": "shared"}).check(t, name+"-", b, h)
	only(0, object{"owner": glance.NewID()}).check(t, name+"-")
	only(2, object{}).check(t, name+"-", a, b)
	only(0, object{"managed": true}).check(t, name+"-", a, d)
	only(0, object{"managed": false}).check(t, name+"-", b, h)
	if after := acctest.RBD(t, "image-meta", "ls", image); after != noted {
		t.Errorf("the list has noted something:\n%s\nwas\n%s", after, noted)
	}
	c.offersItsImport(kind, all)
	only(0, object{"managed": false}).check(t, name+"-")
}

// Many are listed in order though they are read together, and those that
// come and go meanwhile are no error.
func TestProtocolListInOrder(t *testing.T) {
	ns := imagestest.Namespace(t, "vms")
	c := newClient(t, object{"pool": "vms", "namespace": ns})
	var want []string
	for i := range 25 {
		name := fmt.Sprintf("%02d", i)
		want = append(want, name)
		imagestest.Make(t, "vms/"+ns+"/"+name, "create", "--size", "1M")
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, args := range [][]string{{"create", "--size", "1M"}, {"rm", "--no-progress"}} {
				if out, err := acctest.TryRBD(t, append(args, "vms/"+ns+"/10-goes")...); err != nil {
					t.Error(out)
				}
			}
		}
	}()
	for range 10 {
		got := c.query("rbd_image", 0, true, object{})
		got.names = slices.DeleteFunc(got.names, func(n string) bool { return strings.HasSuffix(n, "-goes") })
		got.check(t, "vms/"+ns+"/", want...)
	}
	close(stop)
	<-stopped
}

// What can't be read is left out with a warning that names it: for an error
// Terraform drops the whole list.
func TestProtocolListUnreadable(t *testing.T) {
	ns, name := imagestest.Namespace(t, "vms"), providertest.Name(t)
	place := "vms/" + ns + "/"
	imagestest.Make(t, "volumes/"+name, "create", "--size", "8M")
	imagestest.Snapshot(t, "volumes/"+name+"@s", true)
	imagestest.Clone(t, 2, "volumes/"+name+"@s", place+"closed")
	imagestest.Make(t, place+"open", "create", "--size", "8M")
	imagestest.Snapshot(t, place+"open@s", false)
	user, key := imagestest.User(t, "profile rbd-read-only pool=vms")
	c := newClient(t, object{"pool": "vms", "namespace": ns, "user": user, "key": key})
	for what, want := range map[string]string{"rbd_image": place + "open", "rbd_snapshot": place + "open@s"} {
		got := c.query(what, 0, true, object{})
		if !slices.Equal(got.names, []string{want}) {
			t.Errorf("listed %q, want %s", got.names, want)
		}
		c.offersItsImport(what, got) // as far as the user may read
		if len(got.errors) > 0 || len(got.warnings) != 1 || !strings.Contains(got.warnings[0], `"`+place+`closed"`) || !strings.Contains(got.warnings[0], "left out") {
			t.Errorf("%s: errors %q, warnings %q", what, got.errors, got.warnings)
		}
	}
}

func TestProtocolListErrors(t *testing.T) {
	c, nowhere := newClient(t, object{"pool": "vms"}), newClient(t, nil)
	for what, tc := range map[string]struct {
		client    *client
		name      string
		arguments object
		want      string
	}{
		"a broken expression":             {c, "rbd_image", object{"name_regex": "["}, "Not a regular expression"},
		"no such pool":                    {c, "rbd_image", object{"pool": "no-such-pool"}, `Unable to list RBD images of "no-such-pool": In attribute pool: `},
		"no such namespace":               {c, "rbd_snapshot", object{"namespace": "none"}, `Unable to list RBD snapshots of "vms/none": In attribute namespace: `},
		"no pool":                         {nowhere, "rbd_image", object{}, "No pool: Neither this list block"},
		"no such image":                   {nowhere, "rbd_snapshot", object{"image": "vms/no-such-image"}, `Unable to list RBD snapshots of "vms/no-such-image": In attribute image: `},
		"a snapshot for an image":         {c, "rbd_snapshot", object{"image": "vms/a@b"}, "an image is wanted"},
		"no pool of namespaces":           {nowhere, "rbd_namespace", object{}, "No pool: Neither this list block"},
		"namespaces of no pool":           {c, "rbd_namespace", object{"pool": "no-such-pool"}, `Unable to list RBD namespaces of "no-such-pool": In attribute pool: `},
		"a broken expression for records": {c, "rbd_glance_image_location", object{"name_regex": "["}, "Not a regular expression"},
		"an image and a pool":             {c, "rbd_snapshot", object{"image": "vms/a", "pool": "vms"}, "pool"},
	} {
		t.Run(what, func(t *testing.T) {
			got := tc.client.query(tc.name, 0, false, tc.arguments)
			if len(got.errors) != 1 || !strings.Contains(got.errors[0], tc.want) || len(got.names) > 0 {
				t.Errorf("%q", got.errors)
			}
		})
	}
}

// The examples are queries that work, and find what they are about.
func TestProtocolListExamples(t *testing.T) {
	name := providertest.Name(t)
	id := registeredImage(t, name)
	c := newClient(t, nil)
	names := strings.NewReplacer("debian-12", name+"-debian-12", "^web-", "^"+name, "^tenant-", "^ns-")
	imagestest.Make(t, "vms/"+name, "create", "--size", "1M")
	want := map[string]string{
		"rbd_image": "vms/" + name, "rbd_snapshot": "images/" + name + "-debian-12@golden",
		"rbd_namespace": "volumes/" + imagestest.Namespace(t, "volumes"), "rbd_glance_image_location": fmt.Sprintf("%s-debian-12 (%s)", name, id),
	}
	for _, r := range registeredLists(t) {
		_, config, _ := strings.Cut(names.Replace(read(t, filepath.Join(r.exampleFolder(), r.example))), "config {")
		arguments := object{}
		for _, m := range regexp.MustCompile(`(?m)^ +(\w+) += (?:"(.*)"|true|(false))$`).FindAllStringSubmatch(config, -1) {
			arguments[m[1]] = m[2]
			if m[2] == "" {
				arguments[m[1]] = m[3] == ""
			}
		}
		if got := c.query(r.name, 100, false, arguments); len(got.errors) > 0 || !slices.Contains(got.names, want[r.name]) {
			t.Errorf("%s %v: %v %v", r.name, arguments, got.errors, got.names)
		}
	}
}
