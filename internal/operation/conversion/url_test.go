// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func TestDoFromURL(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Raw(t)
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2)
	s := disktest.NewSite(t, map[string][]byte{
		"disk.raw": disktest.Content(t, raw), "disk.qcow2": disktest.Content(t, qcow2),
		"disk.raw.gz": disktest.Gzip(t, disktest.Content(t, raw)), "disk.qcow2.gz": disktest.Gzip(t, disktest.Content(t, qcow2)), "empty.raw": {},
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
				s.Flaky.Store(flaky)
				target := fmt.Sprintf("%s-%s-%v", name, strings.ReplaceAll(tc.file, ".", "-"), flaky)
				sum := disktest.SHA256((*s.Files.Load())[tc.file])
				found := converted(t, request(target, summed(url(s, tc.file, tc.format), sum)))
				if found.Known != (tc.size >= 0) || found.Known && found.VirtualBytes != uint64(tc.size) {
					t.Errorf("the plan says %+v, want %d bytes", found, tc.size)
				}
				if tc.size == 0 {
					empty(t, target)
				} else {
					same(t, raw, "raw", target)
				}
			})
		}
	}
}

// What is compressed as a whole is told by its first bytes; its name says
// nothing. The same goes where the result is read back.
func TestDoCompressedFiles(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	data := "../../decompress/testdata/"
	for _, suffix := range []string{"gz", "bz2", "xz", "zst"} {
		for _, verify := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s verified %v", suffix, verify), func(t *testing.T) {
				src := filepath.Join(t.TempDir(), "disk.img")
				disktest.Write(t, src, disktest.Content(t, data+"plain."+suffix))
				target := fmt.Sprintf("%s-%s-%v", name, suffix, verify)
				converted(t, request(target, file(src, "raw"), verifiedIf(verify), sized(4<<20)))
				same(t, data+"plain", "raw", target)
				// The image is the source grown to its size.
				if out := acctest.RBD(t, "info", "vms/"+target); !strings.Contains(out, "size 4 MiB") {
					t.Error(out)
				}
			})
		}
	}
}

func TestURLRefusals(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Raw(t)
	published := disktest.Content(t, raw)
	wrong := strings.Repeat("0", 64)
	s := disktest.NewSite(t, map[string][]byte{
		"disk.raw": published, "twice.qcow2": disktest.Gzip(t, disktest.Gzip(t, published)), "SUMS": []byte(wrong + "  disk.raw\n"),
		"damaged.gz": disktest.Gzip(t, published)[:2000],
	})
	zip := filepath.Join(t.TempDir(), "zip")
	disktest.Write(t, zip, disktest.Gzip(t, published))
	uploaded := "images/" + name + "-zip"
	acctest.RBD(t, "import", "--no-progress", zip, uploaded)
	listed := func(ref conversion.Reference, list string) conversion.Reference {
		ref.ChecksumsURL = s.URL + "/" + list
		return ref
	}
	for what, tc := range map[string]struct {
		ref  conversion.Reference
		want string
		plan bool
	}{
		"not there":       {url(s, "none.raw", "raw"), `no such file.*404`, true},
		"wrong sum":       {summed(url(s, "disk.raw", "raw"), wrong), `checksum is another one.*expected 0000`, false},
		"wrong file sum":  {summed(file(raw, "raw"), wrong), `checksum is another one.*expected 0000`, false},
		"wrong in list":   {listed(url(s, "disk.raw", "raw"), "SUMS"), `checksum is another one`, false},
		"not in list":     {listed(url(s, "twice.qcow2", "qcow2"), "SUMS"), `not in the list of checksums`, true},
		"no list":         {listed(url(s, "disk.raw", "raw"), "MD5SUMS"), `no such file`, true},
		"twice":           {url(s, "twice.qcow2", "qcow2"), `compressed twice`, true},
		"twice in a file": {file(twice(t, published), "qcow2"), `compressed twice`, true},
		"damaged":         {url(s, "damaged.gz", "raw"), `compressed data is damaged`, false},
		"wrong format":    {url(s, "disk.raw", "qcow2"), `does not begin as qcow2`, true},
		"wrapped in RBD":  {image(uploaded, "raw"), `can't be in a compressed compression`, true},
	} {
		t.Run(what, func(t *testing.T) {
			r := request(name, tc.ref)
			if tc.plan {
				refusedInPlan(t, r, tc.want)
			}
			refused(t, r, tc.want)
			_, err := conversion.Do(t.Context(), cluster(t, rbd.Config{}), r)
			matches(t, err, tc.want)
			nothing(t, name)
		})
	}
}

// twice is a file that is compressed twice.
func twice(t *testing.T, b []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "twice")
	if err := os.WriteFile(name, disktest.Gzip(t, disktest.Gzip(t, b)), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
