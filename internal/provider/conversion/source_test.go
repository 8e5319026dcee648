package conversion_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// site is a publisher's server. Its files can be exchanged.
type site struct {
	*httptest.Server
	files   atomic.Pointer[map[string][]byte]
	version atomic.Int32
	// flaky drops every second connection after some bytes.
	flaky    atomic.Bool
	requests atomic.Int32
}

func newSite(t *testing.T, files map[string][]byte) *site {
	t.Helper()
	s := &site{}
	s.files.Store(&files)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		data, ok := (*s.files.Load())[strings.TrimPrefix(req.URL.Path, "/")]
		if !ok {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, s.version.Load()))
		if s.requests.Add(1)%2 == 0 && s.flaky.Load() && req.Header.Get("Range") == "" {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
			_, _ = w.Write(data[:len(data)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, req, "", time.Unix(1e9, 0), bytes.NewReader(data))
	}))
	t.Cleanup(s.Close)
	return s
}

func url(s *site, name string, more ...string) string {
	return fmt.Sprintf("url = %q\n%s", s.URL+"/"+name, strings.Join(more, "\n"))
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func sum256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestConversionFromURL(t *testing.T) {
	name := providertest.Name(t)
	raw := disk(t)
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	qemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2)
	s := newSite(t, map[string][]byte{
		"disk.raw": content(t, raw), "disk.qcow2": content(t, qcow2),
		"disk.raw.gz": zipped(t, content(t, raw)), "disk.qcow2.gz": zipped(t, content(t, qcow2)), "empty.raw": {},
	})
	for _, tc := range []struct {
		file, format string
		size         int64 // in the plan
	}{
		{"disk.raw", "raw", 25166336}, {"disk.qcow2", "qcow2", 25166336},
		{"disk.raw.gz", "raw", -1}, {"disk.qcow2.gz", "qcow2", -1}, {"empty.raw", "raw", 0},
	} {
		for _, flaky := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s flaky %v", tc.file, flaky), func(t *testing.T) {
				s.flaky.Store(flaky)
				target := name + "-" + strings.ReplaceAll(tc.file, ".", "-")
				var checks []plancheck.PlanCheck
				if tc.size >= 0 {
					checks = append(checks, plancheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(tc.size)))
				}
				want := raw
				if tc.size == 0 {
					want = os.DevNull
				}
				sum := sum256((*s.files.Load())[tc.file])
				providertest.Run(t, resource.TestCase{
					CheckDestroy: gone(t, name),
					Steps: []resource.TestStep{{
						Config:           config(target, url(s, tc.file, fmt.Sprintf("sha256 = %q", sum)), tc.format),
						ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: checks},
						Check:            same(t, want, "vms/"+target),
					}},
				})
			})
		}
	}
}

// same compares with a raw file; nothing with an empty one.
func same(t *testing.T, raw, spec string) resource.TestCheckFunc {
	if raw != os.DevNull {
		return sameContent(t, raw, "raw", spec)
	}
	return func(*terraform.State) error {
		if out := acctest.RBD(t, "info", spec); !strings.Contains(out, "size 0 B") {
			return fmt.Errorf("%s", out)
		}
		return nil
	}
}

// What is compressed as a whole is told by its first bytes; its name says
// nothing. The same goes for verify_content, where the result is read back.
func TestConversionOfWrappedFiles(t *testing.T) {
	name := providertest.Name(t)
	data := "../../unwrap/testdata/"
	for _, suffix := range []string{"gz", "bz2", "xz", "zst"} {
		for _, verify := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s verified %v", suffix, verify), func(t *testing.T) {
				src := filepath.Join(t.TempDir(), "disk.img")
				if err := os.WriteFile(src, content(t, data+"plain."+suffix), 0o600); err != nil {
					t.Fatal(err)
				}
				providertest.Run(t, resource.TestCase{
					CheckDestroy: gone(t, name),
					Steps: []resource.TestStep{{
						Config: config(name+"-"+suffix, file(src), "raw", fmt.Sprintf("verify_content = %v", verify), `size = "4MiB"`),
						Check:  sameContent(t, data+"plain", "raw", "vms/"+name+"-"+suffix),
					}},
				})
			})
		}
	}
}

// A source that becomes another one on its server is drift.
func TestConversionSourceDrift(t *testing.T) {
	name := providertest.Name(t)
	one, two := content(t, disk(t)), make([]byte, 1<<20)
	two[7] = 7
	other := filepath.Join(t.TempDir(), "two.raw")
	if err := os.WriteFile(other, two, 0o600); err != nil {
		t.Fatal(err)
	}
	sums := func(b []byte) []byte { return []byte(sum256(b) + "  disk.raw\n") }
	s := newSite(t, map[string][]byte{"disk.raw": one, "SUMS": sums(one)})
	publish := func(files map[string][]byte) func() {
		return func() {
			s.files.Store(&files)
			s.version.Add(1)
		}
	}
	action := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, a)}}
	}
	revision := func(want string) []statecheck.StateCheck {
		return []statecheck.StateCheck{statecheck.ExpectKnownValue(address, tfjsonpath.New("source_revision"), knownvalue.StringExact(want))}
	}
	listed := url(s, "disk.raw", fmt.Sprintf("checksums_url = %q", s.URL+"/SUMS"))
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, name),
		Steps: []resource.TestStep{
			{Config: config(name, url(s, "disk.raw"), "raw"), ConfigStateChecks: revision(`etag:"v0"`)},
			{
				PreConfig:        publish(map[string][]byte{"disk.raw": two}),
				Config:           config(name, url(s, "disk.raw"), "raw", `on_source_change = "ignore"`),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
			},
			{ // what keeps it from being replaced is said in the plan
				PreConfig: func() { acctest.RBD(t, "snap", "create", "--no-progress", "vms/"+name+"@somebodys") },
				Config:    config(name, url(s, "disk.raw"), "raw"), PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)Unable\s+to\s+delete\s+RBD\s+image.*somebodys`),
			},
			{
				PreConfig:         func() { acctest.RBD(t, "snap", "rm", "--no-progress", "vms/"+name+"@somebodys") },
				Config:            config(name, url(s, "disk.raw"), "raw"),
				ConfigPlanChecks:  action(plancheck.ResourceActionDestroyBeforeCreate),
				ConfigStateChecks: revision(`etag:"v1"`),
				Check:             sameContent(t, other, "raw", "vms/"+name),
			},
			{ // a server that does not answer as it should is no drift
				PreConfig:        publish(map[string][]byte{}),
				Config:           config(name, url(s, "disk.raw"), "raw"),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{ // the checksum in the list is the revision, whatever the ETag
				PreConfig:         publish(map[string][]byte{"disk.raw": one, "SUMS": sums(one)}),
				Config:            config(name, listed, "raw"),
				ConfigPlanChecks:  action(plancheck.ResourceActionDestroyBeforeCreate),
				ConfigStateChecks: revision("sha256:" + sum256(one)),
			},
			{
				PreConfig:        publish(map[string][]byte{"disk.raw": one, "SUMS": sums(one)}),
				Config:           config(name, listed, "raw"),
				ConfigPlanChecks: action(plancheck.ResourceActionNoop),
			},
			{
				PreConfig:         publish(map[string][]byte{"disk.raw": two, "SUMS": sums(two)}),
				Config:            config(name, listed, "raw"),
				ConfigPlanChecks:  action(plancheck.ResourceActionDestroyBeforeCreate),
				ConfigStateChecks: revision("sha256:" + sum256(two)),
			},
		},
	})
}

func TestConversionSourceRefusals(t *testing.T) {
	name := providertest.Name(t)
	raw := disk(t)
	published := content(t, raw)
	wrong := strings.Repeat("0", 64)
	s := newSite(t, map[string][]byte{
		"disk.raw": published, "twice.qcow2": zipped(t, zipped(t, published)), "SUMS": []byte(wrong + "  disk.raw\n"),
		"damaged.gz": zipped(t, published)[:2000],
	})
	zip := filepath.Join(t.TempDir(), "zip")
	if err := os.WriteFile(zip, zipped(t, published), 0o600); err != nil {
		t.Fatal(err)
	}
	acctest.RBD(t, "import", "--no-progress", zip, "vms/"+name+"-zip")
	for what, tc := range map[string]struct{ source, format, want string }{
		"not there":      {url(s, "none.raw"), "raw", `no such file.*404`},
		"wrong sum":      {url(s, "disk.raw", fmt.Sprintf("sha256 = %q", wrong)), "raw", `checksum is another one.*expected 0000`},
		"wrong file sum": {file(raw) + fmt.Sprintf("\nsha256 = %q", wrong), "raw", `checksum is another one.*expected 0000`},
		"wrong in list":  {url(s, "disk.raw", fmt.Sprintf("checksums_url = %q", s.URL+"/SUMS")), "raw", `checksum is another one`},
		"not in list":    {url(s, "twice.qcow2", fmt.Sprintf("checksums_url = %q", s.URL+"/SUMS")), "qcow2", `not in the list of checksums`},
		"no list":        {url(s, "disk.raw", fmt.Sprintf("checksums_url = %q", s.URL+"/MD5SUMS")), "raw", `no such file`},
		"twice":          {url(s, "twice.qcow2"), "qcow2", `compressed twice`},
		"damaged":        {url(s, "damaged.gz"), "raw", `compressed data is damaged`},
		"wrong format":   {url(s, "disk.raw"), "qcow2", `does not begin as qcow2`},
		"wrapped in RBD": {fmt.Sprintf("image = %q", "vms/"+name+"-zip"), "raw", `can't be in a compressed wrapper`},
		"two sources":    {url(s, "disk.raw") + "\n" + file(raw), "raw", `one \(and only one\)|Invalid Attribute Combination`},
		"password":       {`url = "https://me:secret@example.org/disk.raw"`, "raw", `user or password in it`},
		"scheme":         {`url = "file:///etc/shadow"`, "raw", `want http`},
		"bad sum":        {url(s, "disk.raw", `sha256 = "abc"`), "raw", `64 hex digits`},
		"two kinds":      {url(s, "disk.raw", `md5 = "`+wrong[:32]+`"`, fmt.Sprintf("checksums_url = %q", s.URL+"/SUMS")), "raw", `Invalid Attribute Combination`},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: config(name, tc.source, tc.format), ExpectError: regexp.MustCompile("(?is)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
	if left := acctest.Images(t, "vms", name); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// Sizes that are no multiple of anything, nothing at all, and 2 TiB of which a
// little is written.
func TestConversionSizes(t *testing.T) {
	name := providertest.Name(t)
	for _, format := range []string{"raw", "qcow2"} {
		for _, size := range []int64{0, 1, 511, 512, 4<<20 - 512, 4<<20 + 1, 2 << 40} {
			t.Run(fmt.Sprintf("%s of %d bytes", format, size), func(t *testing.T) {
				raw, src := filepath.Join(t.TempDir(), "raw"), filepath.Join(t.TempDir(), "src")
				f, err := os.Create(raw)
				if err == nil {
					err = f.Truncate(size)
				}
				if err == nil && size > 0 {
					_, err = f.WriteAt([]byte{1}, size-1)
				}
				if err := errors.Join(err, f.Close()); err != nil {
					t.Fatal(err)
				}
				qemuImg(t, "convert", "-f", "raw", "-O", format, raw, src)
				target := fmt.Sprintf("%s-%s-%d", name, format, size)
				const sector = 512
				virtual := (size + sector - 1) / sector * sector
				providertest.Run(t, resource.TestCase{
					CheckDestroy: gone(t, name),
					Steps: []resource.TestStep{{
						Config: config(target, file(src), format),
						ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
							plancheck.ExpectKnownValue(address, tfjsonpath.New("size_bytes"), knownvalue.Int64Exact(virtual)),
						}},
						Check: func(s *terraform.State) error {
							switch {
							case size == 0:
								return same(t, os.DevNull, "vms/"+target)(s)
							case size < 1<<30:
								return sameContent(t, src, format, "vms/"+target)(s)
							}
							// All of it would take too long to read.
							out := strings.Fields(acctest.RBD(t, "diff", "--whole-object", "vms/"+target))
							if want := fmt.Sprint(size - 4<<20); len(out) < 3 || out[len(out)-3] != want || strings.Count(strings.Join(out, " "), "data") != 1 {
								return fmt.Errorf("want data at %s alone: %v", want, out)
							}
							return nil
						},
					}},
				})
			})
		}
	}
}
