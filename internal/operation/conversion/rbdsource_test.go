// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
)

// A raw image in RBD is copied whatever its size is; where that is asked for it is
// read back too.
func TestDoRawImage(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	for _, size := range []int{0, 1, 511, 1<<20 + 1, 9 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			raw := disktest.Noise(t, size)
			uploaded := fmt.Sprintf("images/%s-%d", name, size)
			if size == 0 { // rbd imports no empty file
				acctest.RBD(t, "create", "--size", "0", uploaded)
			} else {
				acctest.RBD(t, "import", "--no-progress", raw, uploaded)
			}
			acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@s")
			for i, tc := range []struct {
				snapshot string
				change   change
				virtual  int
			}{{"@s", unchanged, (size + 511) / 512 * 512}, {"", verified, (size + 511) / 512 * 512}, {"@s", sized(16 << 20), 16 << 20}} {
				target := fmt.Sprintf("%s-%d-%d", name, size, i)
				ref := summed(image(uploaded+tc.snapshot, "raw"), disktest.SHA256(disktest.Content(t, raw)))
				converted(t, request(target, ref, tc.change))
				if tc.virtual > 0 {
					exported(t, append(disktest.Content(t, raw), make([]byte, tc.virtual-size)...), target)
				}
			}
		})
	}
}

// Holes of a raw image are not read.
func TestDoSparseRawImage(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	uploaded := "images/" + name + "-upload"
	acctest.RBD(t, "import", "--no-progress", disktest.Noise(t, 1<<20), uploaded)
	acctest.RBD(t, "resize", "--no-progress", "--size", "64G", uploaded)
	converted(t, request(name, image(uploaded, "raw")))
	if out := acctest.RBD(t, "diff", "vms/"+name); strings.Count(out, "data") != 1 {
		t.Errorf("want one extent: %s", out)
	}
}

// The checksum of a source in RBD is that of what was uploaded.
func TestDoImageWithChecksum(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	src := filepath.Join(t.TempDir(), "disk.qcow2")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", disktest.Raw(t), src)
	uploaded := "images/" + name + "-upload"
	acctest.RBD(t, "import", "--no-progress", src, uploaded)
	acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@snap")
	sum, wrong := disktest.SHA256(disktest.Content(t, src)), strings.Repeat("0", 64)
	s := disktest.NewSite(t, map[string][]byte{"SUMS": []byte(sum + "  debian.qcow2\n" + wrong + "  other.qcow2\n")})
	listed := func(ref conversion.Reference, n string) conversion.Reference {
		ref.ChecksumsURL, ref.PublishedName = s.URL+"/SUMS", n
		return ref
	}
	for i, spec := range []string{uploaded + "@snap", uploaded} {
		ref := image(spec, "qcow2")
		for k, good := range []conversion.Reference{summed(ref, sum), listed(ref, "debian.qcow2")} {
			target := fmt.Sprintf("%s-%d%d", name, i, k)
			converted(t, request(target, good))
			same(t, src, "qcow2", target)
		}
		for _, bad := range []conversion.Reference{summed(ref, wrong), listed(ref, "other.qcow2")} {
			refused(t, request(name+"-bad", bad), `checksum is another one.*expected 0000`)
		}
	}
	refusedInPlan(t, request(name+"-bad", listed(image(uploaded, "qcow2"), "")), `not in the list`)
	refused(t, request(name+"-bad", listed(image(uploaded, "qcow2"), "")), `not in the list`)
}
