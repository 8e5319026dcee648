// SPDX-License-Identifier: MPL-2.0

package registration_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration/registrationtest"
)

var updateDeletes = flag.Bool("update", false, "write testdata/deletes-*.json (TestDeletes) and the guide made from them (TestDeletesGuide)")

// deletion is a state of an RBD image in which its record is deleted.
type deletion struct {
	what    string
	prepare func(*deleted)
	// options of the API server that deletes; nil for the lab's own.
	options map[string]string
	// shared is one server with these options for the row, which makes the
	// records too, as it has its own database.
	shared bool
	// later is the same, but the server gets the options after a record was made.
	later bool
	// remove takes the location off the record instead of deleting it.
	remove bool
}

var deletions = []deletion{
	{what: "nothing else"},
	{what: "snapshot not protected", prepare: func(d *deleted) { d.try("snap", "unprotect", d.Spec+"@s") }},
	{what: "snapshot removed", prepare: func(d *deleted) {
		d.try("snap", "unprotect", d.Spec+"@s")
		d.try("snap", "rm", "--no-progress", d.Spec+"@s")
	}},
	{what: "has another snapshot", prepare: func(d *deleted) { d.rbd("snap", "create", "--no-progress", d.Spec+"@other") }},
	{what: "has another protected snapshot", prepare: func(d *deleted) { d.Snapshot("other") }},
	{what: "snapshot has a clone (v1)", prepare: func(d *deleted) { d.clone("1", d.Spec) }},
	{what: "snapshot has a clone (v2)", prepare: func(d *deleted) { d.clone("2", d.Spec) }},
	{what: "image is in use (watcher)", prepare: (*deleted).watch},
	{what: "image is in a group", prepare: func(d *deleted) {
		d.rbd("group", "create", "images/"+d.Name)
		d.later("group", "rm", "images/"+d.Name)
		d.rbd("group", "image", "add", "images/"+d.Name, d.Spec)
		d.later("group", "image", "rm", "images/"+d.Name, d.Spec)
	}},
	{what: "image is locked (`rbd lock add`)", prepare: func(d *deleted) {
		d.rbd("lock", "add", d.Spec, "test")
		d.cleanup = append(d.cleanup, func() { _, _ = acctest.TryRBD(d.T, "lock", "rm", d.Spec, "test", lockOwner(d.T, d.Spec)) })
	}},
	{what: "image was renamed", prepare: func(d *deleted) { d.rbd("rename", d.Spec, d.Spec+"-renamed") }},
	{what: "image is in the trash", prepare: func(d *deleted) { d.rbd("trash", "mv", d.Spec) }},
	{what: "record is protected", prepare: func(d *deleted) {
		yes := true
		_, err := client(d.T, asMember).Update(d.T.Context(), d.record, glance.Changes{Protected: &yes})
		d.ok(err)
	}},
	{what: "record is deactivated", prepare: func(d *deleted) { d.ok(client(d.T, asAdmin).Deactivate(d.T.Context(), d.record)) }},
	{what: "record has a second location, of an image in use", prepare: func(d *deleted) {
		second := d.second()
		d.clone("1", second)
		d.locate(d.record, second)
	}},
	{what: "second record of the same snapshot", prepare: func(d *deleted) {
		img, err := client(d.T, asMember).Create(d.T.Context(), glance.CreateOpts{Name: d.Name, DiskFormat: "raw", ContainerFormat: "bare"})
		d.ok(err)
		d.locate(img.ID, d.Spec)
	}},
	{what: "location removed from a record that has two (PATCH)", remove: true, prepare: func(d *deleted) { d.locate(d.record, d.second()) }},
	{what: "Glance's Ceph user may only read", options: map[string]string{"rbd_store_user": "nova"}, later: true},
	{what: "`delayed_delete`, after the scrubber has run", options: map[string]string{"delayed_delete": "True"}, shared: true},
}

// How a record is protected, and who deletes it.
var protections = []struct{ name, protection, title string }{
	{"none", "none", "`none`"},
	{"guard", "guard", "`guard`"},
	{"alias", "alias", "`alias`"},
	{"destroy", "guard", "`terraform destroy`"},
}

// deleted is one cell of the matrix.
type deleted struct {
	golden
	record  string
	cleanup []func()
	// impossible says that the state of the row can't be reached.
	impossible bool
}

func (d *deleted) ok(err error) {
	d.T.Helper()
	if err != nil {
		d.T.Fatal(err)
	}
}

func (d *deleted) rbd(args ...string) { d.T.Helper(); acctest.RBD(d.T, args...) }

// try is for what the protection may be against.
func (d *deleted) try(args ...string) {
	if _, err := acctest.TryRBD(d.T, args...); err != nil {
		d.impossible = true
	}
}

func (d *deleted) later(args ...string) {
	d.cleanup = append(d.cleanup, func() { _, _ = acctest.TryRBD(d.T, args...) })
}

func (d *deleted) clone(format, spec string) {
	d.rbd("--rbd-default-clone-format", format, "clone", spec+"@s", "vms/"+d.Name+"-child")
	d.later("rm", "--no-progress", "vms/"+d.Name+"-child")
}

// second makes another image with a protected snapshot.
func (d *deleted) second() (spec string) {
	spec = d.Spec + "-2"
	d.rbd("create", "--size", "8M", spec)
	d.rbd("snap", "create", "--no-progress", spec+"@s")
	d.rbd("snap", "protect", spec+"@s")
	return spec
}

func (d *deleted) locate(record, spec string) {
	_, err := client(d.T, asMember).AddLocation(d.T.Context(), record, fmt.Sprintf("rbd://%s/%s/s", acctest.FSID(d.T), spec), nil, nil)
	d.ok(err)
}

// watch keeps the image open for writing.
func (d *deleted) watch() { d.cleanup = append(d.cleanup, acctest.Watch(d.T, d.Spec)) }

// data tells where the image and its snapshot are, going by their ids.
func (d *deleted) data(snapshot string) string {
	var where []string
	for _, spec := range []string{d.Spec, d.Spec + "-renamed"} {
		if acctest.ImageID(d.T, spec) == d.ID {
			where = append(where, spec)
			break
		}
	}
	if len(where) == 0 {
		trash, there := acctest.Trash(d.T, "images", d.Name)[d.ID]
		if !there {
			return "gone"
		}
		where = append(where, "trash "+trash)
	}
	type snap struct {
		ID        json.Number
		Name      string
		Protected any
		Namespace struct{ Type string }
	}
	var snaps []snap
	out, err := acctest.TryRBD(d.T, "snap", "ls", "--all", "--format", "json", "--pool", "images", "--image-id", d.ID)
	if err == nil {
		d.ok(json.Unmarshal([]byte(out), &snaps))
	}
	state := "no snapshot"
	for _, s := range snaps {
		if s.ID.String() == snapshot {
			state = fmt.Sprintf("snapshot %s, protected %v", s.Namespace.Type, s.Protected)
		}
	}
	return strings.Join(append(where, state), ", ")
}

// left says what became of the data, in words for the guide.
func left(before, after string) string {
	switch {
	case after == before:
		return "intact"
	case after == "gone":
		return "**image lost**"
	case strings.HasPrefix(after, "trash"):
		return "**image in the trash, snapshot removed**"
	case strings.Contains(after, "no snapshot"):
		return "**snapshot lost**"
	case strings.Contains(after, "protected false"):
		return "**snapshot unprotected**"
	}
	return "**" + after + "**"
}

// What becomes of record and data in every row of the matrix, for the Glance of
// this lab. Nothing that this provider protects may be lost.
func TestDeletes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]map[string]string{}
	prefix := acctest.Name(t) // what is left is purged once, in the end
	t.Run("all", func(t *testing.T) {
		// Those that take longest are the last in the table.
		for n, row := range slices.Backward(deletions) {
			got[row.what] = map[string]string{}
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				server := startRow(t, row)
				for _, p := range protections {
					t.Run(p.name, func(t *testing.T) {
						cell := deleteOnce(t, row, server, fmt.Sprintf("%s-%d-%s", prefix, n, p.name), p.name, p.protection)
						mu.Lock()
						defer mu.Unlock()
						got[row.what][p.name] = cell
						if p.protection != "none" && strings.Contains(cell, "**") {
							t.Errorf("%s, %s: %s", row.what, p.name, cell)
						}
					})
				}
			})
		}
	})
	version := acctest.GlanceVersion(t)
	if *updateDeletes {
		writeDeletes(t, version, got)
	}
	want := readDeletes(t, version)
	for what, cells := range got {
		for p, cell := range cells {
			if want[what][p] != cell {
				t.Errorf("%s, %s: %q; in testdata, for Glance %s, it is %q", what, p, cell, version, want[what][p])
			}
		}
	}
}

// rowServer is the API server that makes and deletes the records of a row; nil
// for the lab's own.
type rowServer struct {
	acctest.GlanceServer
	// change gives it the options of the row, or takes them away.
	change func(given bool)
}

func startRow(t *testing.T, row deletion) *rowServer {
	switch {
	case row.shared:
		return &rowServer{acctest.StartGlance(t, row.options), func(bool) {}}
	case row.later:
		before := acctest.StartGlance(t, nil)
		after := before.Node(t, row.options)
		proxies := map[bool]*httputil.ReverseProxy{false: proxyTo(t, before.Address), true: proxyTo(t, after.Address)}
		var given atomic.Bool
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proxies[given.Load()].ServeHTTP(w, r)
		}))
		t.Cleanup(front.Close)
		before.Address = front.URL
		return &rowServer{before, given.Store}
	}
	return nil
}

func proxyTo(t *testing.T, address string) *httputil.ReverseProxy {
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return httputil.NewSingleHostReverseProxy(target)
}

func deleteOnce(t *testing.T, row deletion, server *rowServer, name, who, protection string) string {
	ctx := t.Context()
	at := client(t, asAdmin)
	endpoint, err := at.Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if server != nil {
		server.change(false)
		endpoint = server.Address
		at = glance.New(glance.Config{Cloud: cloud(asAdmin), Endpoint: endpoint})
	}
	d := &deleted{golden: golden{T: t, Name: name, Spec: "images/" + name}}
	defer d.clean()
	d.Create()
	direct := newLife(cloud(asMember), d.Spec+"@s", d.Name)
	if server != nil {
		direct.At(cloud(asMember), endpoint)
	}
	direct.Protect(registration.Protection(protection))
	d.ok(direct.Create(ctx))
	d.record = direct.ID()
	snapshot := registrationtest.SnapshotID(t, d.Spec, "s")
	if row.prepare != nil {
		row.prepare(d)
	}
	if d.impossible {
		return "can't happen: the snapshot stays protected"
	}
	if server != nil {
		server.change(true)
	}
	before := d.data(snapshot)

	var answer string
	switch {
	case who == "destroy":
		if direct.As(cloud(asAdmin)); server != nil {
			direct.At(cloud(asAdmin), endpoint)
		}
		answer = "done"
		if err := direct.Delete(ctx); err != nil {
			answer = "refused"
		}
	case row.remove:
		answer = fmt.Sprint(acctest.Request{
			User: "admin", Project: "admin", Method: http.MethodPatch, Address: strings.TrimSuffix(endpoint, "/") + "/v2/images/" + d.record,
			ContentType: "application/openstack-images-v2.1-json-patch", Body: []map[string]string{{"op": "remove", "path": "/locations/0"}},
		}.Send(t))
	default:
		answer = fmt.Sprint(acctest.GlanceDelete(t, "admin", "admin", strings.TrimSuffix(endpoint, "/"), d.record))
	}
	if row.options["delayed_delete"] != "" {
		server.Scrub(t)
	}
	record := "stays"
	if _, err := at.Get(ctx, d.record); errors.Is(err, glance.ErrNotFound) {
		record = "goes"
	} else if err != nil {
		t.Fatal(err)
	}
	after := d.data(snapshot)
	if strings.HasPrefix(after, "trash") { // with snapshots, which would be in the way of purging it there
		d.later("trash", "restore", "--pool", "images", "--image-id", d.ID)
	}
	return fmt.Sprintf("%s, record %s: %s", answer, record, left(before, after))
}

// clean removes what would be in the way of purging the images.
func (d *deleted) clean() {
	ctx, c := context.Background(), client(d.T, asMember)
	for _, undo := range d.cleanup {
		defer undo() // the last one first
	}
	images, _ := client(d.T, asAdmin).FindByName(ctx, d.Name)
	for _, i := range images {
		_ = c.Unprotect(ctx, i.ID)
		_ = c.Deactivate(ctx, i.ID)
		_, _ = c.DeleteRecord(ctx, i.ID)
	}
	if d.record == "" {
		return
	}
	if guard := "guard." + d.record; len(acctest.Images(d.T, "images", guard)) > 0 {
		_, _ = acctest.TryRBD(d.T, "rm", "--no-progress", "images/"+guard)
	}
	d.cleanAlias("alias." + d.record)
}

func (d *deleted) cleanAlias(name string) {
	for id := range acctest.Trash(d.T, "images", name) {
		_, _ = acctest.TryRBD(d.T, "trash", "restore", "images/"+id)
	}
	if len(acctest.Images(d.T, "images", name)) == 0 {
		return
	}
	for _, args := range [][]string{
		{"snap", "unprotect", "images/" + name + "@snap"},
		{"snap", "purge", "--no-progress", "images/" + name},
		{"rm", "--no-progress", "images/" + name},
	} {
		_, _ = acctest.TryRBD(d.T, args...)
	}
}

func lockOwner(t *testing.T, spec string) string {
	out, _ := acctest.TryRBD(t, "lock", "ls", spec)
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "test" {
			return f[0]
		}
	}
	return ""
}

func deletesFile(version string) string { return filepath.Join("testdata", "deletes-"+version+".json") }

func readDeletes(t *testing.T, version string) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile(deletesFile(version))
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]map[string]string
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// writeDeletes keeps what is known of the rows that were not run.
func writeDeletes(t *testing.T, version string, got map[string]map[string]string) {
	t.Helper()
	all := map[string]map[string]string{}
	if _, err := os.Stat(deletesFile(version)); err == nil {
		all = readDeletes(t, version)
	}
	for _, row := range deletions {
		if all[row.what] == nil {
			all[row.what] = map[string]string{}
		}
		maps.Copy(all[row.what], got[row.what])
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(deletesFile(version), append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
