package conversion_test

import (
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

// A chain of three files is converted where it is asked for, and where all of
// it lies in one folder.
func TestConversionOfBackingChain(t *testing.T) {
	name := providertest.Name(t)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	base := at("base.raw")
	if err := os.Rename(disk(t), base); err != nil {
		t.Fatal(err)
	}
	qemuImg(t, "create", "-f", "qcow2", "-F", "raw", "-b", "base.raw", at("middle.qcow2"))
	qemuIO(t, "qcow2", at("middle.qcow2"), "write -P 1 4M 64k")
	qemuImg(t, "create", "-f", "qcow2", "-F", "qcow2", "-b", "middle.qcow2", at("top.qcow2"), "32M")
	qemuIO(t, "qcow2", at("top.qcow2"), "write -P 2 30M 64k")
	qemuImg(t, "create", "-f", "qcow2", "-F", "raw", "-b", base, filepath.Join(t.TempDir(), "away.qcow2"))
	qemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", at("shadow.qcow2"), "1M")
	short := at("cut.qcow2")
	if err := os.WriteFile(short, cut(content(t, at("middle.qcow2"))), 0o600); err != nil {
		t.Fatal(err)
	}
	qemuImg(t, "create", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "cut.qcow2", at("over.qcow2"), "24M")
	chain := func(n string) string { return file(at(n)) + "\n    allow_backing_chain = true" }
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, name),
		Steps: []resource.TestStep{{
			Config: config(name, chain("top.qcow2"), "qcow2", "verify_content = true"),
			Check:  sameContent(t, at("top.qcow2"), "qcow2", "vms/"+name),
		}},
	})
	for what, tc := range map[string]struct {
		config, want string
		atApply      bool
	}{
		"not asked for": {config(name, file(at("top.qcow2")), "qcow2"), `has a backing file.*allow_backing_chain`, false},
		"elsewhere":     {config(name, chain("shadow.qcow2"), "qcow2"), `"/etc/shadow", which is not in the same folder.*qemu-img rebase`, false},
		"not a qcow2":   {config(name, chain("base.raw"), "raw"), `of a qcow2 only`, false},
		"not of a URL":  {config(name, "url = \"http://example.org/a\"\nallow_backing_chain = true", "qcow2"), `Invalid Attribute Combination`, false},
		"cut off":       {config(name, chain("over.qcow2"), "qcow2"), `the source is cut off`, true},
	} {
		t.Run(what, func(t *testing.T) {
			providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: tc.config, PlanOnly: !tc.atApply,
				ExpectError: regexp.MustCompile("(?s)" + strings.ReplaceAll(tc.want, " ", `\s+`)),
			}}})
		})
	}
	if left := acctest.Images(t, "vms", name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Short runs of zeros are let go of where that is asked for. The lab keeps its
// objects in memory, where only their ends are holes.
func TestConversionSparsify(t *testing.T) {
	name := providertest.Name(t)
	raw := noise(t, 8<<20)
	b := content(t, raw)
	clear(b[4<<20-32<<10 : 4<<20]) // less than what is left out in the first place
	if err := os.WriteFile(raw, b, 0o600); err != nil {
		t.Fatal(err)
	}
	used := func(spec string) (bytes int) {
		for line := range strings.Lines(acctest.RBD(t, "diff", spec)) {
			var at, n int
			if _, err := fmt.Sscan(line, &at, &n); err == nil {
				bytes += n
			}
		}
		return bytes
	}
	for what, source := range sources(t, raw) {
		for sparse, want := range map[bool]int{false: 8 << 20, true: 8<<20 - 32<<10} {
			target := fmt.Sprintf("%s-%s-%v", name, what, sparse)
			providertest.Run(t, resource.TestCase{
				CheckDestroy: gone(t, name),
				Steps: []resource.TestStep{{
					Config: config(target, source, "raw", fmt.Sprintf("sparsify = %v", sparse)),
					Check: func(s *terraform.State) error {
						if got := used("vms/" + target); got != want {
							t.Errorf("%s uses %d bytes, want %d", target, got, want)
						}
						return sameContent(t, raw, "raw", "vms/"+target)(s)
					},
				}},
			})
		}
	}
}
