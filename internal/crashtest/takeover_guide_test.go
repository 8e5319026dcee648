// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// takeoverGuide is the page with the recipe, as it is published.
const takeoverGuide = "../../docs/guides/takeover.md"

// oldPool is what years of work by hand have left.
type oldPool struct {
	name, namespace string
	images          []string // specs of what is to be taken over
	snapshots       []string
	records         []string // IDs in Glance
}

// newOldPool makes it, clones and all: more says how many images of each kind.
func newOldPool(t *testing.T, more int) *oldPool {
	t.Helper()
	name := providertest.Name(t) + "-debian-12"
	p := &oldPool{name: name, namespace: strings.TrimSuffix(name, "debian-12") + "tenant-a"}
	acctest.RBD(t, "namespace", "create", "volumes/"+p.namespace)
	t.Cleanup(func() { acctest.RBD(t, "namespace", "remove", "volumes/"+p.namespace) })
	golden := "images/" + name
	p.image(t, golden+"-old", "create", "--size", "4M")
	p.snapshot(t, golden+"-old@golden", true)
	p.image(t, "vms/"+name+" \"x\" ${y} %{z} ü", "create", "--size", "10000003B")
	p.snapshot(t, "vms/"+name+" \"x\" ${y} %{z} ü@\"s\" ${y}", false)
	for _, like := range [][]string{
		{"striped", "--data-pool", "volumes", "--object-size", "1M", "--stripe-unit", "64K", "--stripe-count", "4"},
		{"plain", "--image-feature", "layering"},
		{"journal", "--image-feature", "layering,exclusive-lock,journaling"},
	} {
		p.image(t, "vms/"+name+"-"+like[0], append([]string{"create", "--size", "4M"}, like[1:]...)...)
	}
	p.image(t, "vms/"+name+"-empty", "create", "--size", "0")
	acctest.RBD(t, "image-meta", "set", "vms/"+name+"-empty", "owner", "somebody")
	acctest.RBD(t, "config", "image", "set", "vms/"+name+"-empty", "rbd_qos_iops_limit", "100")
	for n := range more {
		child := fmt.Sprintf("vms/%s-child-%02d", name, n)
		p.image(t, child, "clone", "--rbd-default-clone-format", "1", golden+"-old@golden")
		p.snapshot(t, child+"@s", true)
		p.image(t, fmt.Sprintf("volumes/%s/grandchild-%02d", p.namespace, n), "clone", "--rbd-default-clone-format", "2", child+"@s")
		p.image(t, fmt.Sprintf("images/%s-%02d", name, n), "create", "--size", "4M")
	}
	p.addOthers(t)
	return p
}

func (p *oldPool) image(t *testing.T, spec string, args ...string) {
	t.Helper()
	imagestest.Make(t, spec, args...)
	p.images = append(p.images, spec)
}

func (p *oldPool) snapshot(t *testing.T, spec string, protect bool) {
	t.Helper()
	imagestest.Snapshot(t, spec, protect)
	p.snapshots = append(p.snapshots, spec)
}

// addOthers adds what is beside the images, and what is not to be taken over.
func (p *oldPool) addOthers(t *testing.T) {
	t.Helper()
	imagestest.Make(t, "vms/"+p.name+"-trashed", "create", "--size", "4M")
	imagestest.Trash(t, "vms/"+p.name+"-trashed")
	group := "vms/" + p.name + "-group"
	acctest.RBD(t, "group", "create", group)
	t.Cleanup(func() { acctest.RBD(t, "group", "rm", group) })
	acctest.RBD(t, "group", "image", "add", group, "vms/"+p.name+"-plain")
	acctest.RBD(t, "group", "snap", "create", group+"@g")
	for n, o := range []glance.CreateOpts{
		{Properties: map[string]string{"os_type": "linux", "note": `"${x}"`}, Tags: []string{"a"}},
		{Hidden: true, MinDiskGiB: 3, Visibility: "private"},
	} {
		o.Name = fmt.Sprintf("%s %d", p.name, n)
		p.record(t, o, "images/"+p.name+"-old@golden")
	}
}

// record is made as `glance image-create` and `glance location-add` make it.
func (p *oldPool) record(t *testing.T, o glance.CreateOpts, snapshot string) {
	t.Helper()
	client := glance.New(glance.Config{})
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
	url := "rbd://" + acctest.FSID(t) + "/" + strings.ReplaceAll(snapshot, "@", "/")
	if _, err := client.AddLocation(t.Context(), rec.ID, url, nil, nil); err != nil {
		t.Fatal(err)
	}
	p.records = append(p.records, rec.ID)
}

// state is all that Ceph and Glance have of the pool.
func (p *oldPool) state(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pool := range []string{"images", "vms", "volumes"} {
		for k, v := range acctest.PoolRecords(t, pool, "", p.name) {
			out[pool+" "+k] = v
		}
	}
	for k, v := range acctest.PoolRecords(t, "volumes", p.namespace, "") {
		out["volumes/"+p.namespace+" "+k] = v
	}
	for _, id := range p.records {
		rec, err := glance.New(glance.Config{}).Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		out["record "+id] = string(text)
	}
	if len(out) < 10*len(p.images) {
		t.Fatalf("only %d entries are told apart", len(out))
	}
	return out
}

var (
	// newMark is the name of what an import may add: this provider's metadata in a header.
	newMark = regexp.MustCompile(`rbd_header\.\w+ metadata_terraform-provider-rbd\.`)
	// journal is what librbd writes of its own, whoever sets metadata.
	journal = regexp.MustCompile(` journal\.\w+ (client_|next_tag_tid|tag_\d+)$`)
)

// onlyMarked fails the test where more than marks came, or anything went.
func onlyMarked(t *testing.T, before, after map[string]string) {
	t.Helper()
	marks := 0
	for _, k := range slices.Sorted(maps.Keys(after)) {
		was, there := before[k]
		switch {
		case !there && newMark.MatchString(k):
			marks++
		case journal.MatchString(k):
		case !there || was != after[k]:
			t.Errorf("%q has become %q, it was %q", k, after[k], was)
		}
	}
	for k := range before {
		if _, there := after[k]; !there {
			t.Errorf("%q is gone", k)
		}
	}
	if marks == 0 {
		t.Error("nothing was marked")
	}
}

// imports are the blocks for a command line that has no query.
func (p *oldPool) imports() string {
	var out strings.Builder
	block := func(to, id string) {
		quoted := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", id))
		fmt.Fprintf(&out, "import {\n  to = %s\n  id = %s\n}\n", to, quoted)
	}
	block("rbd_namespace.tenants", "volumes/"+p.namespace)
	for what, ids := range map[string][]string{"rbd_image": p.images, "rbd_snapshot": p.snapshots, "rbd_glance_image_location": p.records} {
		for n, id := range ids {
			block(fmt.Sprintf("%s.r%d", what, n), id)
		}
	}
	return out.String()
}

// The guide, as it stands there, takes over all of an old pool in one go; and nothing is
// changed but the marks. A command line without a query has import blocks instead.
func TestTakeoverGuide(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := newOldPool(t, 2)
	m := newModuleOf(t, bin)
	if cli := os.Getenv("TERRAFORM_WITH_ACTIONS"); cli != "" {
		m.cli = cli
	}
	m.install(bin)
	m.env = append(m.env, "TF_CLI_ARGS=-no-color")
	named := strings.NewReplacer(
		"4b5c8c0a-ff60-454b-a1b4-9747aa737d19", acctest.FSID(t), `"dc1"`, fmt.Sprintf("%q", os.Getenv("OS_CLOUD")),
		"tenant-a", p.namespace, "rbd:images/debian-12", "rbd:images/"+p.name+":id=terraform:conf="+os.Getenv("CEPH_CONF"), "debian-12", p.name,
	)
	hcl, sh := blocks(t, takeoverGuide, "terraform"), blocks(t, takeoverGuide, "sh")
	for _, all := range []*[]string{&hcl, &sh} {
		for n := range *all {
			(*all)[n] = named.Replace((*all)[n])
		}
	}
	if len(hcl) != 2 || len(sh) != 6 {
		t.Fatalf("the guide has %d configurations and %d scripts", len(hcl), len(sh))
	}
	runbook, query, retain, take, empty, guard := sh[0], sh[1], sh[2], sh[3], sh[4], sh[5]
	p.followRunbook(t, m, runbook)
	before := p.state(t)

	m.write(filepath.Join(m.dir, "main.tf"), hcl[0])
	m.write(filepath.Join(m.dir, "takeover.tfquery.hcl"), hcl[1])
	if hasQuery(m.do("version")) {
		m.shell(0, "", query)
		if now := p.state(t); !maps.Equal(now, before) {
			t.Error("the query has changed something")
		}
	} else {
		m.write(filepath.Join(m.dir, "import.tf"), p.imports())
		m.shell(0, "", "terraform init\nterraform plan -generate-config-out=generated.tf")
	}
	want := fmt.Sprintf("Plan: %d to import, 0 to add, ", len(p.images)+len(p.snapshots)+len(p.records)+1)
	expect(t, m.shell(0, "", retain+take), want, " 0 destroyed")
	m.shell(0, "", empty)
	onlyMarked(t, before, p.state(t))

	m.shell(0, "", guard)
	for _, id := range p.records {
		acctest.RBD(t, "info", "images/guard."+id)
		defer acctest.RBD(t, "rm", "--no-progress", "images/guard."+id)
	}
}

// followRunbook does what the guide begins with. The lab has no glance command: its two
// lines are what record does.
func (p *oldPool) followRunbook(t *testing.T, m *module, runbook string) {
	t.Helper()
	if err := os.Symlink(emptyDisk(t), filepath.Join(m.dir, p.name+".qcow2")); err != nil {
		t.Fatal(err)
	}
	lines, left, found := strings.Cut(runbook, "glance ")
	if !found || strings.Count(left, "glance ") != 1 {
		t.Fatal(runbook)
	}
	t.Cleanup(func() {
		acctest.RBD(t, "rm", "--no-progress", "vms/"+p.name+"-web-1")
		acctest.RBD(t, "snap", "unprotect", "images/"+p.name+"@golden")
		acctest.RBD(t, "snap", "purge", "--no-progress", "images/"+p.name)
		acctest.RBD(t, "rm", "--no-progress", "images/"+p.name)
	})
	m.shell(0, "", lines)
	p.images = append(p.images, "images/"+p.name, "vms/"+p.name+"-web-1")
	p.snapshots = append(p.snapshots, "images/"+p.name+"@golden")
	p.record(t, glance.CreateOpts{Name: p.name}, "images/"+p.name+"@golden")
}

// hasQuery tells whether the version of a command line is one with `terraform query`.
func hasQuery(version string) bool {
	found := regexp.MustCompile(`Terraform v1\.(\d+)\.`).FindStringSubmatch(version)
	return !strings.Contains(version, "OpenTofu") && found != nil && len(found[1]) >= 2 && found[1] >= "14"
}
