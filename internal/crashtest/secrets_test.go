// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// With the key in the provider's configuration and everything that the lab can
// do, neither key nor password nor token is anywhere to be seen.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	key := acctest.Admin(t, "ceph", "auth", "print-key", "client.terraform")
	clouds, err := os.ReadFile(os.Getenv("OS_CLIENT_CONFIG_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{key}
	for _, p := range regexp.MustCompile(`(?m)password:\s*"?([^"\s]+)"?$`).FindAllStringSubmatch(string(clouds), -1) {
		secrets = append(secrets, p[1])
	}
	if len(secrets) < 2 {
		t.Fatalf("no password in %s", os.Getenv("OS_CLIENT_CONFIG_FILE"))
	}
	const fernet = "gAAAA" // how every token of Keystone begins
	secrets = append(secrets, fernet)

	m := newModule(t, `
variable "key" {
  type      = string
  ephemeral = true
}

provider "rbd" {
  ceph = {
    pool = "images"
    key  = var.key
  }
}

resource "rbd_image_conversion" "test" {
  name = "`+name+`"
  source = {
    file   = "`+filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4-compressed.qcow2")+`"
    format = "qcow2"
  }
}

resource "rbd_guest_file_edit" "test" {
  image = rbd_image_conversion.test.spec
  files = { "/etc/motd" = { content = "hello" } }
}

resource "rbd_image_conversion" "xfs" {
  name = "`+name+`-xfs"
  source = {
    file   = "`+filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-xfs-compressed.qcow2")+`"
    format = "qcow2"
  }
}

# which takes an appliance
resource "rbd_guest_file_edit" "xfs" {
  image = rbd_image_conversion.xfs.spec
  files = { "/etc/motd" = { content = "hello" } }
}

resource "rbd_snapshot" "test" {
  image = rbd_guest_file_edit.test.spec
  name  = "golden"
}

resource "rbd_glance_image_location" "test" {
  snapshot = rbd_snapshot.test.spec
  name     = "`+name+`"
}
`)
	trace := filepath.Join(m.dir, "trace.log")
	m.env = append(m.env, "TF_VAR_key="+key, "TF_LOG=TRACE", "TF_LOG_PATH="+trace)
	m.do("plan", "-out=plan", "-no-color")

	var seen []string // every command line of the apply's time
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	r := m.start("apply", "-no-color", "plan")
	for done := false; !done; {
		select {
		case err := <-r.end:
			if err != nil {
				t.Fatalf("%v\n%s", err, r.out.String())
			}
			done = true
		default:
			seen = append(seen, m.commandLines(r)...)
			<-tick.C
		}
	}
	m.empty()
	m.destroy()

	look := func(where, content string) {
		for i, s := range secrets {
			if strings.Contains(content, s) {
				t.Errorf("secret %d is in %s", i, where)
			}
		}
	}
	look("the output", r.out.String())
	lines := strings.Join(seen, "\n")
	for _, program := range []string{"terraform-provider-rbd", "qemu-img", "qemu-storage-daemon", "guestfish", "qemu-system"} {
		if !strings.Contains(lines, program) {
			t.Errorf("%s was not seen at work", program)
		}
	}
	look("a command line", lines)
	for _, f := range []string{"terraform.tfstate", "terraform.tfstate.backup", "trace.log"} {
		b, err := os.ReadFile(filepath.Join(m.dir, f))
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %v", f, err)
		}
		look(f, string(b))
	}
	plan, err := zip.OpenReader(filepath.Join(m.dir, "plan"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plan.Close() }()
	for _, f := range plan.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		look("the plan's "+f.Name, string(b))
	}
}
