// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// examples is the folder of the examples.
const examples = "../../examples"

// withoutLibrbd is the provider as it is on machines that have no librbd.
var withoutLibrbd = sync.OnceValues(func() (string, error) { return build("CGO_ENABLED=0") })

// variables finds what a configuration declares.
var variables = regexp.MustCompile(`(?ms)^variable "(\w+)" \{$(.*?)^\}$`)

// newModuleWithoutLibrbd has a copy of a folder's configuration, without its imports,
// of which there are several.
func newModuleWithoutLibrbd(t *testing.T, folder string) *module {
	t.Helper()
	bin, err := withoutLibrbd()
	if err != nil {
		t.Fatal(err)
	}
	m := newModuleOf(t, bin)
	if err := os.CopyFS(m.dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	imports, err := filepath.Glob(filepath.Join(m.dir, "import*.tf"))
	for _, file := range imports {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		t.Fatal(err)
	}
	m.takeModules()
	files, err := filepath.Glob(filepath.Join(m.dir, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no configuration: %v", folder, err)
	}
	all := ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	if !strings.Contains(all, "required_providers") {
		m.configure("") // main.tf, which those examples don't have
	}
	for _, variable := range variables.FindAllStringSubmatch(all, -1) {
		if !strings.Contains(variable[2], "default") {
			m.env = append(m.env, "TF_VAR_"+variable[1]+"=some-"+variable[1])
		}
	}
	return m
}

// exampleFolders are those with a configuration.
func exampleFolders(t *testing.T, under string) (folders []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(examples, under), func(path string, _ fs.DirEntry, err error) error {
		if dir := filepath.Dir(path); filepath.Ext(path) == ".tf" && (len(folders) == 0 || folders[len(folders)-1] != dir) {
			folders = append(folders, dir)
		}
		return err
	})
	if err != nil || len(folders) == 0 {
		t.Fatalf("no examples in %s: %v", under, err)
	}
	return folders
}

// fails runs a command that must fail, and returns its words in one line.
func (m *module) fails(args ...string) string {
	m.t.Helper()
	r := m.start(args...)
	err := <-r.end
	said := strings.Join(strings.Fields(strings.ReplaceAll(r.out.String(), "│", " ")), " ") // Terraform wraps it
	if err == nil || strings.Contains(said, "panic") || strings.Contains(said, "plugin crashed") {
		m.t.Fatalf("%s: want an error in order: %v\n%s", strings.Join(args, " "), err, r.out.String())
	}
	return said
}

// Every example is valid where there is no librbd, and every mistake of a
// configuration is found.
func TestValidateWithoutLibrbd(t *testing.T) {
	t.Parallel()
	for _, folder := range exampleFolders(t, ".") {
		t.Run(strings.TrimPrefix(folder, examples+"/"), func(t *testing.T) {
			t.Parallel()
			m := newModuleWithoutLibrbd(t, folder)
			if filepath.Base(filepath.Dir(folder)) == "actions" {
				m.validateAction()
				return
			}
			m.do("validate", "-no-color")
		})
	}
	t.Run("invalid", func(t *testing.T) {
		t.Parallel()
		m := newModuleWithoutLibrbd(t, filepath.Join(examples, "resources", "rbd_image"))
		m.configure(`resource "rbd_image" "wrong" {
  pool     = "images"
  name     = "a@b"
  size     = "8MiB"
  features = ["object-map"]
}`)
		said := m.fails("validate", "-no-color")
		for _, want := range []string{"object-map needs exclusive-lock", `with rbd_image.wrong`} {
			if !strings.Contains(said, want) {
				t.Errorf("%q is not in: %s", want, said)
			}
		}
	})
}

// Modules are tested with a mock of the provider, where there is neither librbd nor
// a cluster, and one that has a mistake fails.
func TestMocksWithoutLibrbd(t *testing.T) {
	t.Parallel()
	for example, passed := range map[string]string{"golden-image": "2", "golden-image-debian": "1", "golden-image-rotation": "2"} {
		m := newModuleWithoutLibrbd(t, filepath.Join(examples, example))
		if said := m.do("test", "-no-color"); !strings.Contains(said, passed+" passed, 0 failed") {
			t.Errorf("%s: want tests that pass, %s of them: %s", example, passed, said)
		}
	}
	m := newModuleWithoutLibrbd(t, filepath.Join(examples, "golden-image"))
	file := filepath.Join(m.dir, "outputs.tf")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m.write(file, strings.Replace(string(text), "Ceph $", "Zeph $", 1))
	if said := m.fails("test", "-no-color"); !strings.Contains(said, "The output does not tell the cluster") {
		t.Errorf("a module with a mistake passes: %s", said)
	}
}

// Functions are computed where there is no librbd.
func TestFunctionsWithoutLibrbd(t *testing.T) {
	t.Parallel()
	for function, want := range map[string]string{
		"parse_spec":          `"image" = "debian-12"`,
		"parse_location_url":  `snapshot = "images/debian-12@golden"`,
		"nova_base_file_name": `base_file = "7d5d284f7b3f837e1caee974e2df5458b3cf4ace"`,
	} {
		m := newModuleWithoutLibrbd(t, filepath.Join(examples, "functions", function))
		m.apply()
		said := strings.Join(strings.Fields(m.do("output", "-no-color")), " ")
		if !strings.Contains(said, want) {
			t.Errorf("%s: %q is not in: %s", function, want, said)
		}
	}
}

// withoutCluster are the examples that are applied without Ceph, by what they say
// here where they fail.
var withoutCluster = map[string]string{
	"rbd_disk_image_info": "some-debian_qcow2",
	"rbd_glance_image":    "OpenStack is not configured",
}

// What needs a cluster says that it can't be reached from this build, also where
// nothing of Ceph is configured, and crashes nowhere.
func TestClusterWithoutLibrbd(t *testing.T) {
	t.Parallel()
	folders := append(exampleFolders(t, "resources"), exampleFolders(t, "data-sources")...)
	folders = append(folders, filepath.Join(examples, "functions", "location_url"), filepath.Join(examples, "golden-image"))
	for _, folder := range folders {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newModuleWithoutLibrbd(t, folder)
			m.env = append(m.env, "TF_VAR_fsid=4b5c8c0a-ff60-454b-a1b4-9747aa737d19", "CEPH_CONF=/nonexistent/ceph.conf", "OS_CLOUD=", "OS_AUTH_URL=")
			said := m.fails("apply", "-auto-approve", "-no-color")
			words := []string{"was built without librbd", "Run Terraform on Linux"}
			if other, ok := withoutCluster[name]; ok {
				words = []string{other}
			}
			for _, want := range words {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in: %s", want, said)
				}
			}
		})
	}
}

// The binary tells which build it is.
func TestVersion(t *testing.T) {
	t.Parallel()
	for _, b := range []struct {
		dir  func() (string, error)
		want string
	}{
		{binary, `with librbd 1\.\d+\.\d+`},
		{withoutLibrbd, "without librbd"},
	} {
		dir, err := b.dir()
		if err != nil {
			t.Fatal(err)
		}
		said, err := exec.Command(filepath.Join(dir, "terraform-provider-rbd"), "-version").Output()
		want := regexp.MustCompile(`^terraform-provider-rbd \S+ ` + runtime.GOOS + "/" + runtime.GOARCH + " " + b.want + "\n$")
		if err != nil || !want.Match(said) {
			t.Errorf("it says %q, want %s: %v", said, want, err)
		}
	}
}
