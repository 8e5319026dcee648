// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
)

// cut cuts the last third off.
func cut(b []byte) []byte { return b[:len(b)*2/3] }

// scratch makes compressed data in the middle unreadable.
func scratch(b []byte) []byte {
	for i := len(b) / 3; i < len(b)*2/3; i++ {
		b[i] = 0xff
	}
	return b
}

// What was cut off or does not decode is an error, whatever its format and
// wherever it lies: qemu itself takes zeros for what lies beyond the end of a
// file.
func TestDoDamagedSources(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Noise(t, 6<<20)
	for what, tc := range map[string]struct {
		format  string
		options []string
		change  func([]byte) []byte
		want    string
	}{
		"qcow2 cut":       {"qcow2", nil, cut, `the source is cut off: it has \d+ bytes, and refers to data up to byte \d+`},
		"vmdk cut":        {"vmdk", nil, cut, `the source is cut off`},
		"vdi cut":         {"vdi", nil, cut, `the source is cut off`},
		"vhdx cut":        {"vhdx", nil, cut, `truncated`},
		"vpc cut":         {"vpc", []string{"-o", "force_size=on"}, cut, `the source is cut off: it has \d+ bytes, and refers to data up to byte \d+`},
		"stream vmdk cut": {"vmdk", []string{"-o", "subformat=streamOptimized"}, cut, `qemu-img failed`},
		"qcow2 scratched": {"qcow2", []string{"-c"}, scratch, `error while reading`},
		"zstd scratched":  {"qcow2", []string{"-c", "-o", "compression_type=zstd"}, scratch, `error while reading`},
		"vmdk scratched":  {"vmdk", []string{"-o", "subformat=streamOptimized"}, scratch, `error while reading`},
	} {
		t.Run(what, func(t *testing.T) {
			from := raw
			if tc.want == `error while reading` { // what does not compress is not kept compressed
				from = filepath.Join(t.TempDir(), "text")
				disktest.Write(t, from, []byte(hex.EncodeToString(disktest.Content(t, raw))[:1<<20]))
			}
			bad := filepath.Join(t.TempDir(), "src")
			disktest.QemuImg(t, append(append([]string{"convert", "-f", "raw", "-O", tc.format}, tc.options...), from, bad)...)
			disktest.Write(t, bad, tc.change(disktest.Content(t, bad)))
			uploaded := "images/" + name + "-" + strings.ReplaceAll(what, " ", "-")
			acctest.RBD(t, "import", "--no-progress", bad, uploaded)
			acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@s")
			s := disktest.NewSite(t, map[string][]byte{"bad": disktest.Content(t, bad)})
			for _, source := range []conversion.Reference{file(bad, tc.format), image(uploaded+"@s", tc.format), url(s, "bad", tc.format)} {
				refused(t, request(name, source), tc.want)
			}
		})
	}
}

// A last cluster that was never written to its end is not cut off.
func TestDoHalfWrittenCluster(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	for _, format := range []string{"qcow2", "vmdk", "vdi"} {
		t.Run(format, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "src")
			disktest.QemuImg(t, "create", "-f", format, src, "8M")
			disktest.QemuIO(t, format, src, "write -P 7 0 512")
			converted(t, request(name+"-"+format, file(src, format)))
			same(t, src, format, name+"-"+format)
		})
	}
}
