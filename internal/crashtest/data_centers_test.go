// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// modules matches where an example of this repository has a module from.
var modules = regexp.MustCompile(`"\.\./\.\./(modules/[\w-]+)"`)

// takeModules makes an example that is copied take the repository's modules.
func (m *module) takeModules() {
	m.t.Helper()
	top, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		m.t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(m.dir, "main.t*f*"))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			m.t.Fatal(err)
		}
		if modules.Match(text) {
			m.write(file, modules.ReplaceAllString(string(text), fmt.Sprintf(`"%s/$1"`, top)))
			m.do("get", "-no-color")
		}
	}
}

// dataCenter is one of the lab's two, with what its records are read by.
type dataCenter struct {
	name, fsid string
	conf       string   // path of a ceph.conf of the test's own
	cephConf   string   // what it has
	env        []string // of the rbd command
	glance     *glance.Client
}

// records are the names in Glance that begin with this, those of hidden ones in
// brackets, by the ids of the images.
func (dc dataCenter) records(t *testing.T, name string) map[string]string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // for cleanups
	out := map[string]string{}
	for hidden, shown := range map[bool]string{false: "%s", true: "[%s]"} {
		all, err := dc.glance.List(ctx, glance.Filter{Hidden: hidden})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if strings.HasPrefix(r.Name, name) {
				out[r.ID] = fmt.Sprintf(shown, r.Name)
			}
		}
	}
	return out
}

func (dc dataCenter) rbd(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("rbd", args...)
	cmd.Env = append(os.Environ(), dc.env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("rbd %s in %s: %v", strings.Join(args, " "), dc.name, err)
	}
	return string(out)
}

// images are those in the pool images whose names begin with this.
func (dc dataCenter) images(t *testing.T, name string) []string {
	t.Helper()
	return slices.DeleteFunc(strings.Fields(dc.rbd(t, "ls", "images")), func(image string) bool { return !strings.HasPrefix(image, name) })
}

// String is the data center in a tfvars.
func (dc dataCenter) String() string {
	return fmt.Sprintf("{ fsid = %q, conf_file = %q, cloud = %q }", dc.fsid, dc.conf, dc.name)
}

// withFSID expects another cluster than is there.
func (dc dataCenter) withFSID(fsid string) dataCenter {
	dc.fsid = fsid
	return dc
}

// goes makes it go away, or come back: its ceph.conf has monitors that nobody listens for.
func (dc dataCenter) goes(t *testing.T, away bool) {
	t.Helper()
	text := dc.cephConf
	if away {
		text = regexp.MustCompile(`(v[12]:127\.0\.0\.1):\d+`).ReplaceAllString(text, "$1:9")
	}
	if err := os.WriteFile(dc.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// withoutKeystone has a cloud whose Keystone nobody listens for.
func (dc dataCenter) withoutKeystone() dataCenter {
	dc.name += "-unreachable"
	return dc
}

// twoDataCenters has an example in a root module, for both of the lab's data centers.
func twoDataCenters(t *testing.T, example string) (m *module, dc1, dc2 dataCenter) {
	t.Helper()
	second := acctest.RequireSecond(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m = newModuleOf(t, bin)
	if err := os.CopyFS(m.dir, os.DirFS(filepath.Join(examples, example))); err != nil {
		t.Fatal(err)
	}
	m.takeModules()
	// What is not there is known to be soon.
	file := filepath.Join(m.dir, "main.tf")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	quick := regexp.MustCompile(`(?m)^  ceph = \{\n    conf_file *= (\S+)$`).ReplaceAllString(string(text), "$0\n    connect_timeout = strcontains(file($1), \"127.0.0.1:9,\") ? \"1s\" : null")
	quick = regexp.MustCompile(`(?m)^    cloud *= (\S+)\n  \}`).ReplaceAllString(quick, "    retry_timeout = endswith($1, \"unreachable\") ? \"1s\" : null\n$0")
	m.write(file, quick)

	dir := filepath.Dir(second.Conf)
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	there := read(dir, "clouds.yaml")
	address := regexp.MustCompile(`auth_url: (\S+)`).FindStringSubmatch(there)[1]
	clouds := filepath.Join(t.TempDir(), "clouds.yaml")
	m.write(clouds, read(os.Getenv("OS_CLIENT_CONFIG_FILE"))+"\n"+strings.TrimPrefix(there, "clouds:\n")+`
  dc2-unreachable:
    auth: { auth_url: "http://127.0.0.1:9/v3", username: a, password: b, project_name: c, user_domain_name: d, project_domain_name: e }
`)
	m.env = append(m.env, "OS_CLIENT_CONFIG_FILE="+clouds, "CEPH_CONF=/nonexistent", "CEPH_ARGS=", "OS_CLOUD=")

	conf := func(name, from string) dataCenter {
		dc := dataCenter{conf: filepath.Join(t.TempDir(), name+".conf"), cephConf: read(from) + "\n", env: []string{"CEPH_CONF=" + from}}
		dc.goes(t, false)
		return dc
	}
	dc1, dc2 = conf("dc1", os.Getenv("CEPH_CONF")), conf("dc2", second.Conf)
	dc1.name, dc1.fsid, dc1.glance = os.Getenv("OS_CLOUD"), acctest.FSID(t), glance.New(glance.Config{})
	dc2.name, dc2.fsid, dc2.glance = filepath.Base(dir), second.FSID, glance.New(glance.Config{Auth: glance.Auth{
		URL: address, UserName: "terraform", ProjectName: "demo",
		Password: read(dir, "keystone", "password.terraform"), DomainName: "Default",
	}})
	return m, dc1, dc2
}

// emptyDisk is a qcow2 of 8 MiB.
func emptyDisk(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "empty.qcow2")
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", file, "8M").CombinedOutput(); err != nil {
		t.Fatalf("qemu-img: %v: %s", err, out)
	}
	return file
}

func sorted(records map[string]string) string {
	return strings.Join(slices.Sorted(maps.Values(records)), " ")
}

// expect looks for these words.
func expect(t *testing.T, said string, words ...string) {
	t.Helper()
	for _, want := range words {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in: %s", want, said)
		}
	}
}

// One configuration: a release in both, the next one while dc2 is away, and later in
// dc2 too; back to the first; and each data center away in turn.
func TestTwoDataCenters(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	m, dc1, dc2 := twoDataCenters(t, "two-data-centers")
	october := fmt.Sprintf("\"2026-10-01\" = { file = %q, console_pattern = \"^TINY-READY\" }", filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4.qcow2"))
	november := fmt.Sprintf("\"2026-11-01\" = { file = %q }", emptyDisk(t))
	configure := func(one, two dataCenter, current string, releases ...string) {
		m.write(filepath.Join(m.dir, "terraform.tfvars"), fmt.Sprintf("dc1 = %s\ndc2 = %s\nname = %q\ncurrent = %q\nreleases = {\n%s\n}\n",
			one, two, name, current, strings.Join(releases, "\n")))
	}
	both := func(want1, want2 string) {
		t.Helper()
		if got1, got2 := sorted(dc1.records(t, name)), sorted(dc2.records(t, name)); got1 != want1 || got2 != want2 {
			t.Errorf("dc1 has %q, want %q; dc2 has %q, want %q", got1, want1, got2, want2)
		}
	}
	t.Cleanup(func() {
		dc1.goes(t, false)
		dc2.goes(t, false)
		configure(dc1, dc2, "2026-10-01", october, november)
		m.destroy()
		both("", "")
		if images := append(dc1.images(t, name), dc2.images(t, name)...); len(images) > 0 {
			t.Errorf("left: %v", images)
		}
	})

	for _, odd := range [][2]dataCenter{{dc1.withFSID(dc2.fsid), dc2}, {dc1, dc2.withFSID(dc1.fsid)}} {
		configure(odd[0], odd[1], "2026-10-01", october)
		expect(t, m.fails("apply", "-auto-approve", "-no-color"), "nother cluster", dc1.fsid, dc2.fsid)
		if images := append(dc1.images(t, name), dc2.images(t, name)...); len(images) > 0 {
			t.Fatalf("with a wrong fsid there are %v", images)
		}
	}

	configure(dc1, dc2, "2026-10-01", october)
	m.apply()
	both(name, name)
	first1, first2 := dc1.records(t, name), dc2.records(t, name)

	older := "[" + name + " 2026-10-01] "
	configure(dc1, dc2, "2026-11-01", october, november)
	dc2.goes(t, true)
	expect(t, m.fails("plan", "-no-color"), `rbd_image_replica.dc2["2026-10-01"]`, "no monitor of [v2:127.0.0.1:9")
	m.do("apply", "-auto-approve", "-no-color", "-target=module.dc1")
	both(older+name, name)
	dc2.goes(t, false)
	m.apply()
	both(older+name, older+name)

	// back, in place
	configure(dc1, dc2, "2026-10-01", october, november)
	expect(t, m.do("apply", "-auto-approve", "-no-color"), "0 added, 4 changed, 0 destroyed")
	newer := "[" + name + " 2026-11-01] "
	both(newer+name, newer+name)
	for id := range first1 {
		if got := dc1.records(t, name)[id]; got != name {
			t.Errorf("the first release was image %s in dc1, which is %q", id, got)
		}
	}
	for id := range first2 {
		if got := dc2.records(t, name)[id]; got != name {
			t.Errorf("the first release was image %s in dc2, which is %q", id, got)
		}
	}
	m.empty()

	dc1.goes(t, true)
	expect(t, m.fails("plan", "-no-color"), "module.dc1.data.rbd_cluster.this", "no monitor of [v2:127.0.0.1:9")
	dc1.goes(t, false)
	configure(dc1, dc2.withoutKeystone(), "2026-10-01", october, november)
	expect(t, m.fails("plan", "-no-color"), `rbd_glance_image_location.dc2`, "127.0.0.1:9/v3")
	m.do("plan", "-detailed-exitcode", "-no-color", "-target=module.dc1")

	// what is kept no longer goes in both
	configure(dc1, dc2, "2026-11-01", october, november)
	m.do("apply", "-auto-approve", "-no-color", "-var=keep=1")
	both(name, name)
	for _, dc := range []dataCenter{dc1, dc2} {
		if images := dc.images(t, name); !slices.Equal(images, []string{name + "-2026-11-01"}) {
			t.Errorf("%s has %v", dc.name, images)
		}
	}
}

// A state for each data center: what dc1 builds, dc2 takes over from its state and
// copies. Without dc1, dc2 goes back, and is destroyed.
func TestOneRootPerDataCenter(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	m, dc1, dc2 := twoDataCenters(t, "one-root-per-data-center")
	values := map[string]string{}
	for _, file := range []string{"dc1.tfvars", "dc2.tfvars", "terraform.tfvars"} {
		text, err := os.ReadFile(filepath.Join(m.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		values[file] = string(text)
	}
	configure := func(one, two dataCenter, current string, releases ...string) {
		places := strings.NewReplacer("4b5c8c0a-ff60-454b-a1b4-9747aa737d19", one.fsid, "a7f64266-0894-4f1e-a635-d0aeaca0e993", two.fsid,
			"/etc/ceph/dc1.conf", one.conf, "/etc/ceph/dc2.conf", two.conf, `cloud     = "dc1"`, fmt.Sprintf("cloud = %q", one.name), `cloud     = "dc2"`, fmt.Sprintf("cloud = %q", two.name))
		for _, file := range []string{"dc1.tfvars", "dc2.tfvars"} {
			m.write(filepath.Join(m.dir, file), places.Replace(values[file]))
		}
		all := strings.Replace(values["terraform.tfvars"], `current = "2026-10-01"`, fmt.Sprintf("name = %q\ncurrent = %q", name, current), 1)
		m.write(filepath.Join(m.dir, "terraform.tfvars"), strings.Replace(all, `  "2026-10-01" = "debian-12-20261001.qcow2"`, strings.Join(releases, "\n"), 1))
	}
	in := func(dc, command string) []string {
		m.do("workspace", "select", "-or-create", dc)
		return append(strings.Fields(command), "-no-color", "-var-file="+dc+".tfvars")
	}
	both := func(want1, want2 string) {
		t.Helper()
		if got1, got2 := sorted(dc1.records(t, name)), sorted(dc2.records(t, name)); got1 != want1 || got2 != want2 {
			t.Errorf("dc1 has %q, want %q; dc2 has %q, want %q", got1, want1, got2, want2)
		}
	}
	disk := emptyDisk(t)
	october, november := fmt.Sprintf("%q = %q", "2026-10-01", disk), fmt.Sprintf("%q = %q", "2026-11-01", disk)
	t.Cleanup(func() {
		dc1.goes(t, false)
		dc2.goes(t, false)
		configure(dc1, dc2, "2026-10-01", october, november)
		m.do(in("dc1", "destroy -auto-approve")...)
		dc1.goes(t, true)
		m.do(in("dc2", "destroy -auto-approve")...)
		both("", "")
		if images := append(dc1.images(t, name), dc2.images(t, name)...); len(images) > 0 {
			t.Errorf("left: %v", images)
		}
	})

	configure(dc1, dc2, "2026-10-01", october)
	m.do(in("dc1", "apply -auto-approve")...)
	both(name, "")
	m.do(in("dc2", "apply -auto-approve")...)
	both(name, name)

	// dc1 has the next release while dc2 is away
	configure(dc1, dc2, "2026-11-01", october, november)
	expect(t, m.fails(in("dc2", "plan")...), "dc1 has no release 2026-11-01: apply there first")
	dc2.goes(t, true)
	m.do(in("dc1", "apply -auto-approve")...)
	expect(t, m.fails(in("dc2", "plan")...), `rbd_image_replica.release["2026-10-01"]`, "no monitor of [v2:127.0.0.1:9")
	older, newer := "["+name+" 2026-10-01] ", "["+name+" 2026-11-01] "
	both(older+name, name)

	// and dc2 goes on while dc1 is away, but for what is to be copied
	dc1.goes(t, true)
	dc2.goes(t, false)
	expect(t, m.fails(in("dc2", "apply -auto-approve")...), `rbd_image_replica.release["2026-11-01"]`, "[v2:127.0.0.1:9")
	both(older+name, name)
	dc1.goes(t, false)
	m.do(in("dc2", "apply -auto-approve")...)
	both(older+name, older+name)
	dc1.goes(t, true)
	configure(dc1, dc2, "2026-10-01", october, november)
	expect(t, m.do(in("dc2", "apply -auto-approve")...), "0 added, 2 changed, 0 destroyed")
	both(older+name, newer+name)
	m.do(in("dc2", "plan -detailed-exitcode")...)
}

// OpenTofu, where it is built or installed, finds `for_each` of the provider valid, and
// a name that no data center has not. Terraform does not read the file.
func TestProviderForEach(t *testing.T) {
	t.Parallel()
	bin, err := withoutLibrbd()
	if err != nil {
		t.Fatal(err)
	}
	m := newModuleOf(t, bin)
	if err := os.CopyFS(m.dir, os.DirFS(filepath.Join(examples, "provider-for-each"))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.do("version"), "OpenTofu") {
		built, err := filepath.Abs(filepath.Join("..", "..", ".tools", "tofu"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(built); err != nil {
			if built, err = exec.LookPath("tofu"); err != nil {
				expect(t, m.fails("providers", "-no-color"), "No configuration files")
				return
			}
		}
		m.cli = built
	}
	m.takeModules()
	m.do("validate", "-no-color")
	file := filepath.Join(m.dir, "main.tofu")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m.write(file, strings.Replace(string(text), "rbd.dc[each.key]", "rbd.elsewhere[each.key]", 1))
	if said := m.fails("validate", "-no-color"); !strings.Contains(said, "rbd.elsewhere") {
		t.Errorf("a provider that is not there is taken: %s", said)
	}
}
