// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

func TestCephArgs(t *testing.T) {
	for in, want := range map[string]cephArgs{
		"":                            {},
		"--id terraform":              {user: "terraform"},
		"--id=a --name client.b":      {user: "client.b"},
		"-n client.a -c /x/ceph.conf": {user: "client.a", conf: "/x/ceph.conf"},
		"--user a --conf=/c --id":     {user: "a", conf: "/c"},
		"--cluster dc1 -i a":          {cluster: "dc1", user: "a"},
		"--cluster=dc1 -m host -k ./keyring --rbd-cache=false --ms_mode secure": {cluster: "dc1", options: []string{"mon_host", "keyring", "rbd_cache", "ms_mode"}},
		"--key SECRET== --keyfile /f":                                           {options: []string{"key", "keyfile"}},
		"-x --id a -- --id b":                                                   {user: "a"},
	} {
		if got := parseCephArgs(in); !reflect.DeepEqual(got, want) {
			t.Errorf("parseCephArgs(%q) = %+v, want %+v", in, got, want)
		}
	}
}

func TestConfFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Chdir(dir)
	there := filepath.Join(dir, "there.conf")
	if err := errors.Join(os.Mkdir(".ceph", 0o700), os.WriteFile(there, nil, 0o600), os.WriteFile(".ceph/dc9.conf", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{there, "dc9", there},
		{"/missing.conf", "dc9", "/missing.conf"},
		{"/missing.conf, " + there, "dc9", there},
		{"", "dc9", dir + "/.ceph/dc9.conf"},
		{"", "there", "there.conf"},
		{"", "nowhere", "/etc/ceph/nowhere.conf"},
	} {
		if got := confFile(c[0], c[1]); got != c[2] {
			t.Errorf("confFile(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// childOfCephArgs has this test program write the files for tools and end. Ceph
// reads CEPH_ARGS once in the life of a process.
const childOfCephArgs = "RBD_TEST_CEPH_ARGS"

// Whatever CEPH_ARGS and its neighbours say holds for the provider and for the
// programs that it starts, as for the rbd command.
func TestEnvironmentOfCeph(t *testing.T) {
	if private := os.Getenv(childOfCephArgs); private != "" {
		if _, err := NewCluster(Config{}).WriteToolConf(t.Context(), private, nil); err != nil {
			t.Error(err)
		}
		return
	}
	acctest.RequireLab(t)
	key := acctest.Admin(t, "ceph", "auth", "print-key", "client.terraform")
	dir := t.TempDir()
	writeConfs(t, dir, key)
	for name, env := range map[string][]string{
		"key":              {"CEPH_CONF=bare.conf", "CEPH_ARGS=--id terraform --key " + key},
		"keyfile":          {"CEPH_CONF=bare.conf", "CEPH_ARGS=--id=terraform --keyfile=keyfile"},
		"relative keyring": {"CEPH_CONF=bare.conf", "CEPH_ARGS=-n client.terraform -k dc9.client.terraform.keyring"},
		"CEPH_KEYRING":     {"CEPH_CONF=bare.conf", "CEPH_ARGS=--id terraform", "CEPH_KEYRING=dc9.client.terraform.keyring"},
		"cluster":          {"CEPH_ARGS=--cluster dc9 --id terraform"},
		"list":             {"CEPH_CONF=/nonexistent.conf," + dir + "/.ceph/dc9.conf", "CEPH_ARGS=--cluster dc9 --id terraform --rbd_cache=false"},
	} {
		t.Run(name, func(t *testing.T) {
			private := t.TempDir()
			child := exec.Command(os.Args[0], "-test.run=^TestEnvironmentOfCeph$")
			child.Dir, child.Env = dir, append([]string{"HOME=" + dir, childOfCephArgs + "=" + private}, env...)
			if out, err := child.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			conf := filepath.Join(private, "ceph.conf")
			tool := exec.Command("rbd", "--id", "terraform", "ls", "vms")
			tool.Dir, tool.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "CEPH_CONF=" + conf, "CEPH_ARGS="}
			if out, err := tool.CombinedOutput(); err != nil {
				t.Errorf("%v %s", err, out)
			}
			written, err := os.ReadFile(conf)
			if err != nil || strings.Contains(string(written), key) {
				t.Error("the key stands in ceph.conf, which messages may show", err)
			}
			if name == "list" && !strings.Contains(string(written), "rbd_cache = false") {
				t.Errorf("an option of CEPH_ARGS is missing in\n%s", written)
			}
		})
	}
}

// writeConfs writes configuration files of the lab without a keyring, so that
// only what each case gives opens the door, and keys beside them.
func writeConfs(t *testing.T, dir, key string) {
	t.Helper()
	conf, err := os.ReadFile(os.Getenv("CEPH_CONF"))
	if err != nil {
		t.Fatal(err)
	}
	bare := ""
	for l := range strings.Lines(string(conf)) {
		if !strings.Contains(l, "keyring") {
			bare += l
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".ceph"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"bare.conf":                    bare,
		".ceph/dc9.conf":               bare + "\n[client]\nkeyring = " + dir + "/$cluster.$name.keyring\n",
		"dc9.client.terraform.keyring": "[client.terraform]\n\tkey = " + key + "\n",
		"keyfile":                      key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
