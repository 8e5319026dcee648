// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v2"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// driftGuide is the page with the recipes, as it is published.
const driftGuide = "../../docs/guides/drift.md"

// blocks are the code blocks of a page in one language.
func blocks(t *testing.T, page, language string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		out = append(out, found[1])
	}
	return out
}

// install lets `terraform init` find the provider in a folder, and the command line
// under the name terraform.
func (m *module) install(bin string) {
	m.t.Helper()
	mirror, path := filepath.Join(m.dir, "mirror"), filepath.Join(m.dir, "path")
	links := map[string]string{filepath.Join(path, "terraform"): m.cli}
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		dir := filepath.Join(mirror, host, "terraform-provider-rbd", "rbd", "0.1.0", runtime.GOOS+"_"+runtime.GOARCH)
		links[filepath.Join(dir, "terraform-provider-rbd_v0.1.0")] = filepath.Join(bin, "terraform-provider-rbd")
	}
	for link, to := range links {
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(to, link)); err != nil {
			m.t.Fatal(err)
		}
	}
	m.write(filepath.Join(m.dir, "cli.tfrc"), fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror))
	m.env = append(m.env, "PATH="+path+":"+os.Getenv("PATH"))
}

// shell runs commands as a runner of CI does, in the module's folder.
func (m *module) shell(want int, env string, commands ...string) string {
	m.t.Helper()
	cmd := exec.Command("bash", "-eo", "pipefail", "-c", strings.Join(commands, "\n"))
	cmd.Dir = m.dir
	cmd.Env = append(slices.Clone(m.env), env)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != want {
		m.t.Errorf("%q ends with %d, want %d (%v): %s", commands, code, want, err, out)
	}
	return string(out)
}

// The recipes of the guide, as they stand there: a line for each image that somebody has
// changed, in both kinds of CI, and one for each check that fails.
func TestDriftGuide(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	name := providertest.Name(t)
	m := newModuleOf(t, bin)
	m.install(bin)
	named := strings.NewReplacer(`"debian-12"`, fmt.Sprintf("%q", name), `"debian-12.qcow2"`, fmt.Sprintf("%q", emptyDisk(t)))
	m.configure(named.Replace(strings.Join(blocks(t, driftGuide, "terraform")[:2], "\n")))
	scripts := blocks(t, driftGuide, "sh")
	ci := blocks(t, driftGuide, "yaml")
	if len(scripts) != 1 || len(ci) != 2 {
		t.Fatalf("the guide has %d scripts and %d pipelines, want 1 and 2", len(scripts), len(ci))
	}
	m.write(filepath.Join(m.dir, "drift.sh"), scripts[0])
	var gitlab struct {
		Drift struct{ Script []string }
	}
	var github struct {
		Jobs struct {
			Drift struct{ Steps []struct{ Run string } }
		}
	}
	if err := errors.Join(yaml.Unmarshal([]byte(ci[0]), &gitlab), yaml.Unmarshal([]byte(ci[1]), &github)); err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, s := range github.Jobs.Drift.Steps {
		steps = append(steps, s.Run)
	}

	m.do("init", "-no-color")
	m.apply()
	t.Cleanup(func() { m.destroy() })
	if said := m.shell(0, "", "sh drift.sh"); said != "" {
		t.Errorf("nothing has changed, and it says %s", said)
	}

	// what somebody may do
	image := "images/" + name
	acctest.RBD(t, "resize", "--no-progress", "--size", "16M", image)
	acctest.RBD(t, "snap", "create", "--no-progress", image+"@golden-20260901")
	acctest.RBD(t, "snap", "protect", image+"@golden-20260901")
	acctest.RBD(t, "clone", image+"@golden-20260901", "vms/"+name+"-clone")
	acctest.RBD(t, "snap", "create", "--no-progress", image+"@golden-20261001")
	t.Cleanup(func() { // before the destroy
		acctest.RBD(t, "rm", "--no-progress", "vms/"+name+"-clone")
		acctest.RBD(t, "snap", "unprotect", image+"@golden-20260901")
		for _, snapshot := range []string{"@golden-20260901", "@golden-20261001"} {
			acctest.RBD(t, "snap", "rm", "--no-progress", image+snapshot)
		}
		acctest.RBD(t, "resize", "--no-progress", "--allow-shrink", "--size", "8M", image)
	})
	glances, hidden := glance.New(glance.Config{}), true
	for _, r := range records(t.Context(), t, name) {
		if _, err := glances.Update(t.Context(), r.ID, glance.Changes{Hidden: &hidden}); err != nil {
			t.Fatal(err)
		}
	}
	const drift = "%s: rbd_glance_image_location.debian differs in hidden%s; rbd_image_conversion.debian differs in size_bytes\n"
	drifted := fmt.Sprintf(drift, image, " (apply: update)")
	notProtected, clones := "check.protected: Not protected: golden-20261001.\n", "check.clones: Still on an older release: vms/"+name+"-clone.\n"
	expect(t, m.shell(2, "", gitlab.Drift.Script...), drifted, notProtected, clones)
	expect(t, m.shell(2, "TF_VAR_sha512=other", steps...), drifted, notProtected, clones,
		"check.hash: "+name+" in Glance is not the disk that was tested.\n")
	said := m.shell(2, "TF_VAR_max_age=0s", "sh drift.sh -refresh-only")
	expect(t, said, fmt.Sprintf(drift, image, ""), "check.release_age: "+name+" was registered on 20", ", longer than 0s ago.\n")
	if lines := strings.Count(said, "\n"); lines != 4 {
		t.Errorf("%d lines, want 4: %s", lines, said)
	}
	expect(t, m.shell(1, "CEPH_CONF=/nonexistent", "sh drift.sh"), "Unable to")
}

// The recipe of the guide for a pull request, but for the last command, which asks a
// server: two snapshots, and what differs as Markdown.
func TestReleaseGuide(t *testing.T) {
	t.Parallel()
	acctest.RequireLab(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	image := "images/" + providertest.Name(t)
	acctest.RBD(t, "create", "--size", "8M", image)
	t.Cleanup(func() { acctest.RBD(t, "rm", "--no-progress", image) })
	for _, snapshot := range []string{"@golden-1", "@golden-2"} {
		acctest.RBD(t, "snap", "create", "--no-progress", image+snapshot)
		t.Cleanup(func() { acctest.RBD(t, "snap", "rm", "--no-progress", image+snapshot) })
	}
	m := newModuleOf(t, bin)
	m.install(bin)
	config := blocks(t, driftGuide, "terraform")
	commands := blocks(t, driftGuide, "shell")
	if len(config) != 3 || len(commands) != 1 {
		t.Fatalf("the guide has %d configurations and %d sets of commands, want 3 and 1", len(config), len(commands))
	}
	m.configure(strings.ReplaceAll(config[2], "images/debian-12", image))
	m.do("init", "-no-color")
	expect(t, m.shell(0, "", strings.ReplaceAll(commands[0], "gh pr comment --body-file -", "cat")),
		image+"@golden-1", "Not compared: ", "no operating system found")
}
