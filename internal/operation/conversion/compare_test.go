// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// One byte that differs is seen, whatever the format and wherever it is: in what
// is data, in what is a hole, and at the very end.
func TestCompareContent(t *testing.T) {
	t.Parallel()
	d := labDeps(t)
	name, dir := acctest.Name(t), t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	content := make([]byte, 21<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(content[5<<20 : 6<<20]) // it never fails
	content[len(content)-1] = 1
	specs := map[string]rbd.Spec{}
	for what, changed := range map[string]int{"same": -1, "data": 5<<20 + 7, "hole": 17 << 20, "end": len(content) - 1} {
		b := bytes.Clone(content)
		if changed >= 0 {
			b[changed] ^= 0x40
		}
		if err := os.WriteFile(at(what), b, 0o600); err != nil {
			t.Fatal(err)
		}
		specs[what] = rbd.Spec{Pool: "vms", Image: name + "-" + what}
		acctest.RBD(t, "import", "--no-progress", at(what), specs[what].String())
	}
	qemuImg := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	qemuImg("create", "-q", "-f", "qcow2", "-F", "raw", "-b", "same", at("chain"))
	for file, args := range map[string][]string{
		"qcow2": {"-c"}, "vmdk": {"-o", "subformat=streamOptimized"}, "vdi": nil, "vhdx": nil, "vpc": {"-o", "force_size=on"},
	} {
		qemuImg(append(append([]string{"convert", "-f", "raw", "-O", file}, args...), at("same"), at(file))...)
	}
	for name, format := range map[string]string{"same": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhdx": "vhdx", "vpc": "vpc", "chain": "qcow2"} {
		var of *disk
		switch s := opened(t, d, Reference{File: at(name), Format: format, AllowBackingChain: name == "chain"}).(type) {
		case *file:
			of = s.disk
		case *chain:
			of = s.disk
		default:
			t.Fatalf("%s is a %T", name, s)
		}
		for what, spec := range specs {
			want := qemu.ErrDiffer
			if what == "same" {
				want = nil
			}
			j := job{Deps: d}
			if err := j.compareContent(t.Context(), of, spec, uint64(len(content))); !errors.Is(err, want) {
				t.Errorf("%s with %s: %v, want %v", name, what, err, want)
			}
		}
	}
}
