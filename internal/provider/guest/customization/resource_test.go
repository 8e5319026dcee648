// SPDX-License-Identifier: MPL-2.0

package customization_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

const (
	address  = "rbd_guest_customization.test"
	password = "correct horse: battery"
)

func customization(spec string, more ...string) string {
	return fmt.Sprintf("resource \"rbd_guest_customization\" \"test\" {\n  image = %q\n  %s\n}\n", spec, strings.Join(more, "\n  "))
}

// local makes a file on this machine.
func local(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// deb makes a small package of one file.
func deb(t *testing.T, name string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range map[string]string{
		"DEBIAN/control": "Package: " + name + "\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n",
		"opt/" + name:    "from the package\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), name+"_1_all.deb")
	// Whatever the umask is, dpkg-deb wants folders that are open to others.
	guesttest.Run(t, "chmod", "-R", "u=rwX,go=rX", root)
	guesttest.Run(t, "dpkg-deb", "--build", "--root-owner-group", root, path)
	return path
}

// none expects a list of texts of which none contains this.
type none string

func (n none) CheckValue(v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return fmt.Errorf("it is %v", v)
	}
	for _, e := range list {
		if strings.Contains(fmt.Sprint(e), string(n)) {
			return fmt.Errorf("%v contains %q", e, n)
		}
	}
	return nil
}

func (n none) String() string { return "no " + string(n) }

func TestCustomizationLife(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	// The guest has busybox alone, with a dpkg; what stands for systemctl writes
	// down how it was called.
	guesttest.Import(t, spec, map[string]string{
		"/var/lib/dpkg/status": "\n",
		"/bin/systemctl":       "#!/bin/sh\necho \"systemctl $*\" >>/opt/log\n",
		"/etc/doomed":          "x", "/etc/full": "xyz",
	})
	guesttest.AlterRoot(t, spec, "rm /etc/machine-id", "write "+os.DevNull+" /etc/machine-id")
	uploaded := local(t, "with:colon", "uploaded\n", 0o640)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "inner"), []byte("copied in\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	all := []string{
		`mkdir = ["/opt/made here", "/var/lib/dpkg/info", "/usr/share/zoneinfo/Europe"]`,
		fmt.Sprintf(`copy_in = [{ source = %q, directory = "/opt/made here" }]`, folder),
		fmt.Sprintf(`upload = { "/opt/a:b" = %q, "/usr/share/zoneinfo/Europe/Berlin" = %q }`, uploaded, uploaded),
		fmt.Sprintf(`packages = [%q, %q]`, deb(t, "one"), deb(t, "two")),
		`append_line = [{ path = "/opt/lines", line = "a: b" }, { path = "/opt/lines", line = "c" }]`,
		`hostname = "golden"`,
		`timezone = "Europe/Berlin"`,
		fmt.Sprintf(`root_password_wo = %q`, password),
		`root_password_wo_version = 1`,
		`ssh_inject = { root = ["ssh-ed25519 AAAA1 a@b", "ssh-ed25519 AAAA2 c@d"] }`,
		`enable_services = ["sshd.service"]`,
		`disable_services = ["getty@tty1"]`,
		`run = ["echo script 1 >>/opt/log", "#!/bin/busybox sh\necho \"script 2: $(cat /opt/two)\" >>/opt/log\n"]`,
		`run_command = ["echo command >>/opt/log; test ! -e /var/tmp/terraform-provider-rbd-packages"]`,
		`delete = ["/etc/doomed"]`,
		`truncate = ["/etc/full"]`,
	}
	providertest.Run(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: customization(spec, all...),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("root_password_wo"), knownvalue.Null()),
					statecheck.ExpectKnownValue(address, tfjsonpath.New("messages"), none("Truncating: /etc/machine-id")), // which is ours
				},
				Check: resource.ComposeAggregateTestCheckFunc(
					guesttest.Contains(
						t, spec,
						[]string{
							`cat "/opt/made here/` + filepath.Base(folder) + `/inner"`, "cat /opt/a:b", "stat /opt/a:b", "cat /opt/one", "cat /opt/lines", "cat /etc/hostname",
							"cat /root/.ssh/authorized_keys", "cat /opt/log", "stat /etc/doomed", "stat /etc/full", "stat /etc/localtime", "cat /etc/shadow", "ls /var/tmp",
						},
						acctest.Has("copied in", "uploaded", "Mode:  0640", "from the package", "a: b\nc\n", "golden", "AAAA1 a@b\nssh-ed25519 AAAA2", "systemctl enable sshd.service\nsystemctl disable getty@tty1\nscript 1\nscript 2: from the package\ncommand\n", "/etc/doomed: File not found", "Size: 0", "Europe/Berlin", "root:$").Lacks(""+password, "terraform-provider")),
					// the machine id, which was empty, still is
					guesttest.Contains(t, spec, []string{"stat /etc/machine-id"}, acctest.Has("Size: 0\n")),
					guesttest.Clean(t, spec), guesttest.Boots(t, spec, "TINY-READY host=golden"),
				),
			},
			{
				ResourceName: address, ImportState: true, ImportStateId: spec,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
				ImportStateVerifyIgnore: []string{
					"mkdir", "copy_in", "upload", "packages", "append_line", "hostname", "timezone", "root_password_wo_version", "ssh_inject",
					"enable_services", "disable_services", "run", "run_command", "delete", "truncate", "messages", "revision",
				},
			},
			{ // a local file has changed, and nothing else
				PreConfig: func() {
					if err := os.WriteFile(uploaded, []byte("uploaded anew\n"), 0o640); err != nil {
						t.Fatal(err)
					}
				},
				Config: customization(spec, all...), PlanOnly: true, ExpectNonEmptyPlan: true,
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{
					providertest.Updates(address),
					plancheck.ExpectUnknownValue(address, tfjsonpath.New("messages")),
				}},
			},
			{ // a script that fails shows what it said, and leaves the image as it was
				Config:      customization(spec, `hostname = "other"`, `run = ["echo before", "echo it was here; cat /nowhere; exit 3"]`),
				ExpectError: regexp.MustCompile(`(?s)irt-customize:.*run-2:\s+command\s+exited\s+with\s+an\s+error.*It\s+printed:\s+it\s+was\s+here\s+cat:.*/nowhere.*not\s+changed`),
			},
			{
				PreConfig: func() {
					if err := os.WriteFile(uploaded, []byte("uploaded\n"), 0o640); err != nil {
						t.Fatal(err)
					}
				},
				Config:           customization(spec, append(all, "timeouts = {\n create = \"50m\"\n }")...),
				ConfigPlanChecks: providertest.Expect(providertest.Plans(address, "messages", knownvalue.NotNull())),
				Check:            resource.ComposeAggregateTestCheckFunc(guesttest.Contains(t, spec, []string{"cat /etc/hostname"}, acctest.Has("golden")), guesttest.Clean(t, spec)),
			},
		},
	})
}

// What is refused, before anything is started.
func TestCustomizationRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	spec := "vms/" + name
	guesttest.Import(t, spec, nil)
	var steps []resource.TestStep
	for config, want := range map[string]string{
		``:                                 `Nothing\s+to\s+do`,
		`install = ["acpid"]`:              `No\s+network\s+to\s+install\s+from`,
		`packages = ["/a.deb", "/b.rpm"]`:  `ackages\s+of\s+both\s+kinds`,
		`packages = ["/a.tgz"]`:            `must\s+end\s+with\s+.deb\s+or\s+.rpm`,
		`mkdir = ["opt"]`:                  `must\s+be\s+an\s+absolute\s+path`,
		`root_password_wo = "x"`:           `root_password_wo_version`,
		`enable_services = ["a; reboot"]`:  `must\s+be\s+the\s+name\s+of\s+a\s+systemd`,
		`timezone = "../../etc/shadow"`:    `must\s+be\s+a\s+time\s+zone`,
		`ssh_inject = { "a:b" = ["k"] }`:   `must\s+be\s+a\s+user's\s+name`,
		`upload = { "/x" = "/no such/x" }`: `(?s)ocal\s+file\s+can't\s+be\s+used.*no such`,
	} {
		steps = append(steps, resource.TestStep{Config: customization(spec, config), ExpectError: regexp.MustCompile(want)})
	}
	// The image is in use.
	steps = append(steps, resource.TestStep{
		PreConfig:   func() { acctest.RBD(t, "lock", "add", spec, "backup") },
		Config:      customization(spec, `hostname = "a"`),
		ExpectError: regexp.MustCompile(`(?s)exit\s+status\s+1\s+Error:\s+Unable\s+to\s+plan.*is\s+in\s+use.*backup`),
	})
	t.Cleanup(func() {
		lines := strings.Split(acctest.RBD(t, "lock", "ls", spec), "\n")
		if locker := strings.Fields(lines[len(lines)-1]); len(locker) > 0 {
			acctest.RBD(t, "lock", "rm", spec, "backup", locker[0])
		}
	})
	providertest.Run(t, resource.TestCase{Steps: steps})
}
