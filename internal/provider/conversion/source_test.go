// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func url(s *disktest.Site, name string, more ...string) string {
	return fmt.Sprintf("url = %q\n%s", s.URL+"/"+name, strings.Join(more, "\n"))
}

// A source that becomes another one on its server is drift.
func TestConversionSourceDrift(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	one, two := disktest.Content(t, disktest.Raw(t)), make([]byte, 1<<20)
	two[7] = 7
	other := filepath.Join(t.TempDir(), "two.raw")
	if err := os.WriteFile(other, two, 0o600); err != nil {
		t.Fatal(err)
	}
	sums := func(b []byte) []byte { return []byte(disktest.SHA256(b) + "  disk.raw\n") }
	s := disktest.NewSite(t, map[string][]byte{"disk.raw": one, "SUMS": sums(one)})
	publish := func(files map[string][]byte) func() {
		return func() {
			s.Files.Store(&files)
			s.Version.Add(1)
		}
	}
	revision := func(want string) []statecheck.StateCheck {
		return []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("source_revision"), knownvalue.StringExact(want))}
	}
	listed := url(s, "disk.raw", fmt.Sprintf("checksums_url = %q", s.URL+"/SUMS"))
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, url(s, "disk.raw"), "raw"), ConfigStateChecks: revision(`etag:"v0"`)},
			{
				PreConfig:        publish(map[string][]byte{"disk.raw": two}),
				Config:           config(name, url(s, "disk.raw"), "raw", `on_source_change = "ignore"`),
				ConfigPlanChecks: providertest.Expect(providertest.Updates(address)),
			},
			{ // what keeps it from being replaced is said in the plan
				PreConfig: func() { acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@somebodys") },
				Config:    config(name, url(s, "disk.raw"), "raw"), PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+image.*somebodys`),
			},
			{
				PreConfig:         func() { acctest.RBD(t, "snap", "rm", "--no-progress", "vms/"+name+"@somebodys") },
				Config:            config(name, url(s, "disk.raw"), "raw"),
				ConfigPlanChecks:  providertest.Expect(providertest.Replaces(address)),
				ConfigStateChecks: revision(`etag:"v1"`),
				Check:             sameContent(other, "raw", "vms/"+name),
			},
			{ // a server that does not answer as it should is no drift
				PreConfig:        publish(map[string][]byte{}),
				Config:           config(name, url(s, "disk.raw"), "raw"),
				ConfigPlanChecks: providertest.Expect(providertest.Keeps(address)),
			},
			{ // the checksum in the list is the revision, whatever the ETag
				PreConfig:         publish(map[string][]byte{"disk.raw": one, "SUMS": sums(one)}),
				Config:            config(name, listed, "raw"),
				ConfigPlanChecks:  providertest.Expect(providertest.Replaces(address)),
				ConfigStateChecks: revision("sha256:" + disktest.SHA256(one)),
			},
			{
				PreConfig:        publish(map[string][]byte{"disk.raw": one, "SUMS": sums(one)}),
				Config:           config(name, listed, "raw"),
				ConfigPlanChecks: providertest.Expect(providertest.Keeps(address)),
			},
			{
				PreConfig:         publish(map[string][]byte{"disk.raw": two, "SUMS": sums(two)}),
				Config:            config(name, listed, "raw"),
				ConfigPlanChecks:  providertest.Expect(providertest.Replaces(address)),
				ConfigStateChecks: revision("sha256:" + disktest.SHA256(two)),
			},
		},
	})
}

// A disk in an archive, and another in the same.
func TestConversionArchive(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	raw := disktest.Raw(t)
	dir := filepath.Dir(raw)
	qcow2, archive := filepath.Join(dir, "disk.qcow2"), filepath.Join(dir, "a.tar.gz")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2)
	if out, err := exec.Command("tar", "-C", dir, "--format=oldgnu", "-Sczf", archive, "disk.raw", "./disk.qcow2").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := disktest.NewSite(t, map[string][]byte{"a.tar.gz": disktest.Content(t, archive)})
	member := func(name string) string { return fmt.Sprintf("archive_member = %q", name) }
	plans := providertest.Expect(providertest.Plans(address, "size_bytes", knownvalue.Int64Exact(disktest.RawBytes)))
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			refused(config(name, file(archive), "raw"), `attribute source.file: .*no raw disk.*is a tar archive; which file in it is the disk is not stated: it has "disk.raw" \(25166336 bytes\).*archive_member`),
			refused(config(name, file(archive)+"\n"+member("disk.vmdk"), "vmdk"), `attribute source.file: .*no such file.*it holds "disk.raw".*tar -tf`),
			refused(config(name, file(raw)+"\n"+member("disk.raw"), "raw"), `neither a tar nor a zip archive.*Leave archive_member`),
			refused(config(name, `image = "images/x@s"`+"\n"+member("disk.raw"), "raw"), `archive_member can't be given beside image`),
			refused(config(name, file(archive)+"\n"+member("disk.qcow2")+"\nallow_backing_chain = true", "qcow2"), `archive_member can't be given beside allow_backing_chain`),
			refused(config(name, file(archive)+"\n"+member(""), "raw"), `archive_member`),
			{Config: config(name, file(archive)+"\n"+member("disk.raw"), "raw"), ConfigPlanChecks: plans, Check: sameContent(raw, "raw", "vms/"+name)},
			{
				Config:           config(name, url(s, "a.tar.gz", member("disk.qcow2"), fmt.Sprintf("sha256 = %q", disktest.SHA256(disktest.Content(t, archive)))), "qcow2"),
				ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)), Check: sameContent(raw, "raw", "vms/"+name),
			},
		},
	})
}

// What is refused, and where in the configuration that is shown. What else a source
// is refused for is tested in internal/operation/conversion.
func TestConversionSourceRefusals(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	raw := disktest.Raw(t)
	wrong := strings.Repeat("0", 64)
	s := disktest.NewSite(t, map[string][]byte{"disk.raw": disktest.Content(t, raw), "SUMS": []byte(wrong + "  disk.raw\n")})
	list := fmt.Sprintf("checksums_url = %q", s.URL+"/SUMS")
	var steps []resource.TestStep
	for _, tc := range []struct{ source, want string }{
		{url(s, "none.raw"), `attribute source.url: .*no such file.*404.*typing error`},
		{url(s, "other.raw", list), `attribute source.checksums_url: .*not in the list of checksums.*published_name`},
		{url(s, "disk.raw") + "\n" + file(raw), `one \(and only one\)|Invalid Attribute Combination`},
		{`url = "https://me:secret@example.org/disk.raw"`, `user or password in it`},
		{`url = "file:///etc/shadow"`, `want http`},
		{url(s, "disk.raw", `sha256 = "abc"`), `64 hex digits`},
		{url(s, "disk.raw", `md5 = "`+wrong[:32]+`"`, list), `Invalid Attribute Combination`},
	} {
		steps = append(steps, refused(config(name, tc.source, "raw"), tc.want))
	}
	// What is told when all was read.
	steps = append(steps, resource.TestStep{
		Config:      config(name, url(s, "disk.raw", list), "raw"),
		ExpectError: regexp.MustCompile(`(?s)checksum\s+is\s+another\s+one.*expected\s+0000.*Nothing\s+was\s+made`),
	})
	providertest.Run(t, resource.TestCase{Steps: steps})
	if left := acctest.Images(t, "vms", name); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// An image that the cluster reads by itself, from a source that becomes another one.
func TestConversionByCluster(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	raw := disktest.Raw(t)
	one := disktest.Content(t, raw)
	two := append([]byte(nil), one...)
	two[7] ^= 1
	sums := func(b []byte) []byte { return []byte(disktest.SHA256(b) + "  disk.raw\n") }
	s := disktest.NewSite(t, map[string][]byte{"disk.raw": one, "SUMS": sums(one)})
	source := url(s, "disk.raw", fmt.Sprintf("checksums_url = %q", s.URL+"/SUMS"))
	var byCeph atomic.Bool
	s.Part = func(_ int64, _ http.ResponseWriter, req *http.Request) bool {
		byCeph.CompareAndSwap(false, !strings.Contains(req.UserAgent(), "Go-http-client"))
		return false
	}
	whole := disktest.NewSite(t, nil)
	whole.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(one) })
	const engine = `engine = "cluster"`
	plans := providertest.Expect(providertest.Plans(address, "size_bytes", knownvalue.Int64Exact(disktest.RawBytes)))
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			refused(config(name, url(s, "disk.raw"), "raw", engine), `the source has no checksum.*Leave engine out`),
			refused(config(name, url(s, "disk.raw?token=secret"), "raw", engine), `source has no checksum`),
			refused(config(name, url(s, "disk.raw?token=secret", `sha256 = "`+disktest.SHA256(one)+`"`), "raw", engine), `source.url has a query`),
			refused(config(name, file(raw), "raw", engine), `does not see source.file`),
			refused(config(name, url(s, "disk.raw"), "raw", `engine = "both"`), `value must be one of`),
			refused(config(name, url(whole, "disk.raw", `sha256 = "`+disktest.SHA256(one)+`"`), "raw", engine), `the server gives no parts`),
			{Config: config(name, source, "raw", engine), ConfigPlanChecks: plans, Check: resource.ComposeTestCheckFunc(
				sameContent(raw, "raw", "vms/"+name),
				func(*terraform.State) error {
					if !byCeph.Load() {
						return errors.New("the cluster has not read the source")
					}
					return nil
				},
			)},
			{
				ResourceName: address, ImportState: true, ImportStateId: "vms/" + name,
				ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "image_id",
				ImportStateVerifyIgnore: []string{"source", "verify_content", "sparsify", "engine", "source_revision"},
			},
			{Config: config(name, source, "raw"), ConfigPlanChecks: providertest.Expect(providertest.Updates(address))},
			{
				PreConfig: func() {
					s.Files.Store(&map[string][]byte{"disk.raw": two, "SUMS": sums(two)})
					s.Version.Add(1)
				},
				Config: config(name, source, "raw", engine), ConfigPlanChecks: providertest.Expect(providertest.Replaces(address)),
			},
		},
	})
}
