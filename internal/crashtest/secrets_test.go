// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"archive/zip"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// With key and password in the provider's configuration and everything that the lab can
// do, neither key nor password nor token is anywhere to be seen; nor is what goes
// into a guest in secret, or a hash of it that passwords can be tried out against.
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
	// As short as people have them, and one that is too long for a line of guestfish.
	content := "s3cr3t-" + name
	long, seed := strings.Repeat("l0ng-"+name+"\n", 2000), "s33d-"+name
	for _, s := range []string{content, seed} {
		secrets = append(secrets, hidden(s)...)
	}
	secrets = append(secrets, hidden(long)...)
	secrets = append(secrets, "l0ng-"+name)

	// The first cloud of the file is the one of OS_CLOUD.
	login := func(key string) string {
		return string(regexp.MustCompile(`(?m)^ +` + key + `: "?([^"\s]+)"?$`).FindSubmatch(clouds)[1])
	}
	m := newModule(t, `
variable "key" {
  type      = string
  ephemeral = true
}

variable "content" {
  type      = string
  ephemeral = true
}

variable "long" {
  type      = string
  ephemeral = true
}

variable "seed" {
  type      = string
  ephemeral = true
}

variable "password" {
  type      = string
  ephemeral = true
}

provider "rbd" {
  ceph = {
    pool = "images"
    key  = var.key
  }
  openstack = {
    auth_url     = "`+login("auth_url")+`"
    user_name    = "`+login("username")+`"
    password     = var.password
    project_name = "`+login("project_name")+`"
    domain_name  = "Default"
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
  files = {
    "/etc/motd"  = { content = "hello" }
    "/etc/token" = { content_wo = var.content, content_wo_version = 1 }
    "/etc/long"  = { content_wo = var.long, content_wo_version = 1 }
  }
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
  files = {
    "/etc/motd"  = { content = "hello" }
    "/etc/token" = { content_wo = var.content, content_wo_version = 1 }
    "/etc/long"  = { content_wo = var.long, content_wo_version = 1 }
  }
}

resource "rbd_snapshot" "test" {
  image = rbd_guest_file_edit.test.spec
  name  = "golden"
}

resource "rbd_image_conversion" "boot" {
  name = "`+name+`-boot"
  source = {
    file   = "`+guesttest.Sector(t, "", "\r\nREADY\r\n")+`"
    format = "raw"
  }
}

resource "rbd_snapshot" "boot" {
  image = rbd_image_conversion.boot.spec
  name  = "golden"
}

resource "rbd_guest_boot_check" "test" {
  snapshot             = rbd_snapshot.boot.spec
  memory               = "256MiB"
  console_pattern      = "^READY"
  user_data_wo         = var.seed
  user_data_wo_version = 1
}

resource "rbd_glance_image_location" "test" {
  snapshot = rbd_snapshot.test.spec
  name     = "`+name+`"
}
`)
	trace := filepath.Join(m.dir, "trace.log")
	m.env = append(m.env, "TF_VAR_key="+key, "TF_VAR_password="+login("password"), "TF_VAR_content="+content, "TF_VAR_long="+long, "TF_VAR_seed="+seed, "TF_LOG=TRACE", "TF_LOG_PATH="+trace)
	m.do("plan", "-out=plan", "-no-color")

	var seen []string // every command line of the apply's time
	files, stop := m.watchFiles(secrets)
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
	// The key has to be there for qemu, the overlay has what goes into the guest, and
	// cloud-init reads from a disk. All of them are private, and the docs say so.
	stop()
	for f := range files {
		if !regexp.MustCompile(`^terraform-provider-rbd-\d+/\w+-\w+/(keyring|overlay\.qcow2|seed\.iso|seed-\w+/.*)$`).MatchString(f) {
			t.Errorf("a secret is in the temporary file %s", f)
		}
	}
	for _, want := range []string{"keyring", "overlay.qcow2", "seed.iso"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(files)), func(f string) bool { return filepath.Base(f) == want }) {
			t.Errorf("no secret was seen in %s, where one must be: %v", want, files)
		}
	}
	m.leftNothing()
	m.empty()
	m.destroy()

	look := func(where, content string) {
		for i, s := range secrets {
			if strings.Contains(content, s) {
				t.Errorf("secret %d (%.20q…) is in %s", i, s, where)
			}
		}
	}
	look("the output", r.out.String())
	lines := strings.Join(seen, "\n")
	for _, program := range []string{"terraform-provider-rbd", "qemu-img", "qemu-storage-daemon", "debugfs", "guestfish", "qemu-system"} {
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
		for _, p := range regexp.MustCompile(`"private": "([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
			private, err := base64.StdEncoding.DecodeString(p[1])
			if err != nil {
				t.Fatal(err)
			}
			look("the private state in "+f, inside(string(private)))
		}
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

// hidden are the forms in which a secret may be somewhere: as it is, in Base64, and
// as hashes against which passwords are tried out within seconds.
func hidden(secret string) []string {
	out := []string{secret, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")}
	for _, s := range []string{secret, secret + "\n", strings.TrimSpace(secret)} {
		b := []byte(s)
		one, two, three, four := md5.Sum(b), sha1.Sum(b), sha256.Sum256(b), sha512.Sum512(b)
		for _, sum := range [][]byte{one[:], two[:], three[:], four[:]} {
			out = append(out, string(sum), hex.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum))
		}
	}
	return out
}

// inside is a text with all that is in Base64 in it.
func inside(text string) string {
	out := text
	for _, word := range regexp.MustCompile(`[A-Za-z0-9+/]{16,}=*`).FindAllString(text, -1) {
		if b, err := base64.StdEncoding.DecodeString(word); err == nil {
			out += "\n" + inside(string(b))
		}
	}
	return out
}

// watchFiles looks for temporary files in which any of the secrets is, until it is
// stopped. Their names begin below the module's folder for them.
func (m *module) watchFiles(secrets []string) (found map[string]bool, stop func()) {
	found = map[string]bool{}
	seen := map[string]string{} // by name, when a file without a secret was changed
	end, ended := make(chan struct{}), make(chan struct{})
	look := func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, m.temp()+"/")
		if d != nil && d.IsDir() && (strings.HasPrefix(name, ".guestfs-") || strings.HasPrefix(name, "supermin")) {
			return fs.SkipDir // libguestfs's own system, of gigabytes
		}
		if err != nil || !d.Type().IsRegular() || found[name] {
			return nil //nolint:nilerr // it has gone
		}
		fi, err := d.Info()
		if err != nil || seen[name] == fi.ModTime().String() {
			return nil //nolint:nilerr // it has gone
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // it has gone
		}
		seen[name] = fi.ModTime().String()
		found[name] = slices.ContainsFunc(secrets, func(s string) bool { return bytes.Contains(b, []byte(s)) })
		return nil
	}
	go func() {
		defer close(ended)
		for {
			_ = filepath.WalkDir(m.temp(), look)
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return found, func() {
		close(end)
		<-ended
		maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
	}
}
