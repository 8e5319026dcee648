package conversion_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// damaged writes a changed copy of a file.
func damaged(t *testing.T, name string, change func([]byte) []byte) string {
	t.Helper()
	out := name + ".damaged"
	if err := os.WriteFile(out, change(content(t, name)), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

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
func TestConversionOfDamagedSources(t *testing.T) {
	name := providertest.Name(t)
	raw := noise(t, 6<<20)
	for what, tc := range map[string]struct {
		format  string
		options []string
		change  func([]byte) []byte
		want    string
	}{
		"qcow2 cut":       {"qcow2", nil, cut, `the source is cut off: it has \d+ bytes, and refers to data up to byte \d+.*Fetch the source again`},
		"vmdk cut":        {"vmdk", nil, cut, `the source is cut off`},
		"vdi cut":         {"vdi", nil, cut, `the source is cut off`},
		"vhdx cut":        {"vhdx", nil, cut, `truncated`},
		"vpc cut":         {"vpc", []string{"-o", "force_size=on"}, cut, `truncated`},
		"stream vmdk cut": {"vmdk", []string{"-o", "subformat=streamOptimized"}, cut, `qemu-img failed`},
		"qcow2 scratched": {"qcow2", []string{"-c"}, scratch, `error while reading`},
		"zstd scratched":  {"qcow2", []string{"-c", "-o", "compression_type=zstd"}, scratch, `error while reading`},
		"vmdk scratched":  {"vmdk", []string{"-o", "subformat=streamOptimized"}, scratch, `error while reading`},
	} {
		t.Run(what, func(t *testing.T) {
			from := raw
			if tc.want == `error while reading` { // what does not compress is not kept compressed
				from = filepath.Join(t.TempDir(), "text")
				if err := os.WriteFile(from, []byte(hex.EncodeToString(content(t, raw))[:1<<20]), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			src := filepath.Join(t.TempDir(), "src")
			qemuImg(t, append(append([]string{"convert", "-f", "raw", "-O", tc.format}, tc.options...), from, src)...)
			bad := damaged(t, src, tc.change)
			uploaded := "images/" + name + "-" + strings.ReplaceAll(what, " ", "-")
			acctest.RBD(t, "import", "--no-progress", bad, uploaded)
			acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@s")
			s := newSite(t, map[string][]byte{"bad": content(t, bad)})
			want := "(?is)" + strings.ReplaceAll(tc.want, " ", `\s+`)
			for _, source := range []string{file(bad), fmt.Sprintf("image = %q", uploaded+"@s"), url(s, "bad")} {
				providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
					Config: config(name, source, tc.format), ExpectError: regexp.MustCompile(want),
				}}})
			}
			if left := acctest.Images(t, "vms", name); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A last cluster that was never written to its end is not cut off.
func TestConversionOfHalfWrittenCluster(t *testing.T) {
	name := providertest.Name(t)
	for _, format := range []string{"qcow2", "vmdk", "vdi"} {
		t.Run(format, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "src")
			qemuImg(t, "create", "-f", format, src, "8M")
			qemuIO(t, format, src, "write -P 7 0 512")
			providertest.Run(t, resource.TestCase{
				CheckDestroy: gone(t, name),
				Steps: []resource.TestStep{{
					Config: config(name+"-"+format, file(src), format),
					Check:  sameContent(t, src, format, "vms/"+name+"-"+format),
				}},
			})
		})
	}
}

// A raw image in RBD is copied whatever its size is; with verify_content it is
// read back too.
func TestConversionOfRawImage(t *testing.T) {
	name := providertest.Name(t)
	for _, size := range []int{0, 1, 511, 1<<20 + 1, 9 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			raw := noise(t, size)
			uploaded := fmt.Sprintf("images/%s-%d", name, size)
			if size == 0 { // rbd imports no empty file
				acctest.RBD(t, "create", "--size", "0", uploaded)
			} else {
				acctest.RBD(t, "import", "--no-progress", raw, uploaded)
			}
			acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@s")
			for i, more := range []string{"", "verify_content = true", `size = "16MiB"`} {
				target := fmt.Sprintf("%s-%d-%d", name, size, i)
				virtual := (size + 511) / 512 * 512
				if i == 2 {
					virtual = 16 << 20
				}
				providertest.Run(t, resource.TestCase{
					CheckDestroy: gone(t, name),
					Steps: []resource.TestStep{{
						Config: config(target, fmt.Sprintf("image = %q\nsha256 = %q", uploaded+[]string{"@s", "", "@s"}[i], sum256(content(t, raw))), "raw", more),
						Check: func(*terraform.State) error {
							got := filepath.Join(t.TempDir(), "got")
							if virtual > 0 {
								acctest.RBD(t, "export", "--no-progress", "vms/"+target, got)
								want := append(content(t, raw), make([]byte, virtual-size)...)
								if string(content(t, got)) != string(want) {
									return fmt.Errorf("%s has another content", target)
								}
							}
							return nil
						},
					}},
				})
			}
		})
	}
}

// Holes of a raw image are not read.
func TestConversionOfSparseRawImage(t *testing.T) {
	name := providertest.Name(t)
	uploaded := "images/" + name + "-upload"
	acctest.RBD(t, "import", "--no-progress", noise(t, 1<<20), uploaded)
	acctest.RBD(t, "resize", "--no-progress", "--size", "64G", uploaded)
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, name),
		Steps: []resource.TestStep{{
			Config: config(name, fmt.Sprintf("image = %q", uploaded), "raw"),
			Check: func(*terraform.State) error {
				if out := acctest.RBD(t, "diff", "vms/"+name); strings.Count(out, "data") != 1 {
					return fmt.Errorf("want one extent: %s", out)
				}
				return nil
			},
		}},
	})
}

// The checksum of a source in RBD is that of what was uploaded.
func TestConversionOfImageWithChecksum(t *testing.T) {
	name := providertest.Name(t)
	src := filepath.Join(t.TempDir(), "disk.qcow2")
	qemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", disk(t), src)
	uploaded := "images/" + name + "-upload"
	acctest.RBD(t, "import", "--no-progress", src, uploaded)
	acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@snap")
	sum, wrong := sum256(content(t, src)), strings.Repeat("0", 64)
	s := newSite(t, map[string][]byte{"SUMS": []byte(sum + "  debian.qcow2\n" + wrong + "  other.qcow2\n")})
	listed := func(n string) string {
		return fmt.Sprintf("checksums_url = %q\npublished_name = %q", s.URL+"/SUMS", n)
	}
	for _, spec := range []string{uploaded + "@snap", uploaded} {
		image := fmt.Sprintf("image = %q\n", spec)
		for _, good := range []string{fmt.Sprintf("sha256 = %q", sum), listed("debian.qcow2")} {
			providertest.Run(t, resource.TestCase{
				CheckDestroy: gone(t, name),
				Steps: []resource.TestStep{{
					Config: config(name, image+good, "qcow2"),
					Check:  sameContent(t, src, "qcow2", "vms/"+name),
				}},
			})
		}
		for _, bad := range []string{fmt.Sprintf("sha256 = %q", wrong), listed("other.qcow2")} {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      config(name, image+bad, "qcow2"),
				ExpectError: regexp.MustCompile(`(?s)checksum\s+is\s+another\s+one.*expected\s+0000`),
			}}})
		}
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      config(name, fmt.Sprintf("image = %q\nchecksums_url = %q", uploaded, s.URL+"/SUMS"), "qcow2"),
		ExpectError: regexp.MustCompile(`(?s)not\s+in\s+the\s+list.*published_name`),
	}}})
	if left := acctest.Images(t, "vms", name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func qemuIO(t *testing.T, format, name, command string) {
	t.Helper()
	runCommand(t, "qemu-io", "-f", format, "-c", command, name)
}
