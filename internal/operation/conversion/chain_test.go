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
)

// A chain of three files is converted where it is asked for, and where all of
// it lies in one folder.
func TestDoBackingChain(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	base := at("base.raw")
	if err := os.Rename(disktest.Raw(t), base); err != nil {
		t.Fatal(err)
	}
	disktest.QemuImg(t, "create", "-f", "qcow2", "-F", "raw", "-b", "base.raw", at("middle.qcow2"))
	disktest.QemuIO(t, "qcow2", at("middle.qcow2"), "write -P 1 4M 64k")
	disktest.QemuImg(t, "create", "-f", "qcow2", "-F", "qcow2", "-b", "middle.qcow2", at("top.qcow2"), "32M")
	disktest.QemuIO(t, "qcow2", at("top.qcow2"), "write -P 2 30M 64k")
	disktest.QemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", at("shadow.qcow2"), "1M")
	disktest.Write(t, at("cut.qcow2"), cut(disktest.Content(t, at("middle.qcow2"))))
	disktest.QemuImg(t, "create", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "cut.qcow2", at("over.qcow2"), "24M")
	disktest.Write(t, at("zip.qcow2"), disktest.Gzip(t, []byte("x")))
	disktest.QemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "zip.qcow2", at("over-zip.qcow2"), "24M")
	chain := func(n string) conversion.Reference {
		ref := file(at(n), "qcow2")
		ref.AllowBackingChain = true
		return ref
	}
	converted(t, request(name+"-good", chain("top.qcow2"), verified))
	same(t, at("top.qcow2"), "qcow2", name+"-good")
	sum := disktest.SHA256(disktest.Content(t, at("top.qcow2"))) // of the file that is named alone
	converted(t, request(name+"-sum", summed(chain("top.qcow2"), sum)))
	for what, tc := range map[string]struct {
		ref  conversion.Reference
		want string
		plan bool
	}{
		"not asked for": {file(at("top.qcow2"), "qcow2"), `has a backing file.*allow_backing_chain`, true},
		"elsewhere":     {chain("shadow.qcow2"), `"/etc/shadow", which is not in the same folder`, true},
		"compressed":    {chain("over-zip.qcow2"), `zip.qcow2: it is compressed as a whole`, true},
		"cut off":       {chain("over.qcow2"), `the source is cut off`, false},
		"another":       {summed(chain("top.qcow2"), strings.Repeat("0", 64)), `checksum is another one`, false},
	} {
		t.Run(what, func(t *testing.T) {
			r := request(name+"-bad", tc.ref)
			if tc.plan {
				refusedInPlan(t, r, tc.want)
			}
			refused(t, r, tc.want)
		})
	}
}

// Short runs of zeros are let go of where that is asked for. The lab keeps its
// objects in memory, where only their ends are holes.
func TestDoSparsify(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Noise(t, 8<<20)
	b := disktest.Content(t, raw)
	clear(b[4<<20-32<<10 : 4<<20]) // less than what is left out in the first place
	disktest.Write(t, raw, b)
	used := func(spec string) (bytes int) {
		for line := range strings.Lines(acctest.RBD(t, "diff", spec)) {
			var at, n int
			if _, err := fmt.Sscan(line, &at, &n); err == nil {
				bytes += n
			}
		}
		return bytes
	}
	for what, source := range writers(t, raw) {
		for sparse, want := range map[bool]int{false: 8 << 20, true: 8<<20 - 32<<10} {
			target := fmt.Sprintf("%s-%s-%v", name, what, sparse)
			converted(t, request(target, source, sparsified(sparse)))
			if got := used("vms/" + target); got != want {
				t.Errorf("%s uses %d bytes, want %d", target, got, want)
			}
			same(t, raw, "raw", target)
		}
	}
}

// writers are the ways that a raw disk comes into RBD: by qemu-img, and by our own
// writer.
func writers(t *testing.T, raw string) map[string]conversion.Reference {
	t.Helper()
	s := disktest.NewSite(t, map[string][]byte{"noise.raw": disktest.Content(t, raw)})
	return map[string]conversion.Reference{"qemu-img": file(raw, "raw"), "stream": url(s, "noise.raw", "raw")}
}
