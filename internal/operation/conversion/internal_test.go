// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
)

// history is a qcow2 with internal snapshots, and what it held at each.
type history struct {
	dir, file string
	then      map[string][]byte
}

// newHistory has the disk grow between its snapshots: its base has what neither
// changes. Two are called "twice", and one as the first's id.
func newHistory(t *testing.T) history {
	t.Helper()
	h := history{dir: t.TempDir(), then: map[string][]byte{}}
	h.file = h.at("disk.qcow2")
	disktest.Write(t, h.at("base.raw"), make([]byte, 8<<20))
	disktest.QemuIO(t, "raw", h.at("base.raw"), "write -P 9 4M 64k")
	disktest.QemuImg(t, "create", "-f", "qcow2", "-F", "raw", "-b", "base.raw", h.file)
	h.keep(t, "old", "write -P 1 0 64k")
	disktest.QemuImg(t, "resize", "-q", h.file, "16M")
	h.keep(t, "1", "write -P 2 0 64k")
	h.keep(t, "twice", "write -P 3 12M 1M")
	h.keep(t, "twice", "discard 0 64k")
	disktest.QemuIO(t, "qcow2", h.file, "write -P 5 1M 64k")
	return h
}

func (h history) at(name string) string { return filepath.Join(h.dir, name) }

// keep changes the disk, and makes a snapshot.
func (h history) keep(t *testing.T, name, change string) {
	t.Helper()
	disktest.QemuIO(t, "qcow2", h.file, change)
	raw := h.at("then.raw")
	disktest.QemuImg(t, "convert", "-f", "qcow2", "-O", "raw", h.file, raw)
	h.then[name] = disktest.Content(t, raw)
	disktest.QemuImg(t, "snapshot", "-c", name, h.file)
}

// alone is the same without a backing file, which a conversion of qemu-img leaves
// the snapshots out of.
func (h history) alone(t *testing.T) string {
	t.Helper()
	disktest.QemuImg(t, "rebase", "-u", "-f", "qcow2", "-b", "", h.file)
	for _, content := range h.then {
		clear(content[4<<20 : 4<<20+64<<10])
	}
	return h.file
}

func at(ref conversion.Reference, snapshot string) conversion.Reference {
	ref.InternalSnapshot = snapshot
	return ref
}

// A qcow2 is converted as it was, of whatever kind the source is: by name, by id
// where no name is that, with the size that it had then.
func TestDoInternalSnapshot(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	h := newHistory(t)
	chain := at(file(h.file, "qcow2"), "old")
	chain.AllowBackingChain = true
	converted(t, request(name+"-chain", chain, verified))
	exported(t, h.then["old"], name+"-chain")

	h.alone(t)
	content := disktest.Content(t, h.file)
	s := disktest.NewSite(t, map[string][]byte{"disk.qcow2": content, "disk.qcow2.gz": disktest.Gzip(t, content)})
	imagestest.Make(t, "vms/"+name+"-source", "import", "--no-progress", h.file)
	if out, err := exec.Command("tar", "-C", h.dir, "-cf", h.at("disk.tar"), "disk.qcow2").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	member := file(h.at("disk.tar"), "qcow2")
	member.ArchiveMember = "disk.qcow2"
	for target, tc := range map[string]struct {
		ref    conversion.Reference
		want   string
		stream bool
	}{
		"file":   {at(file(h.file, "qcow2"), "old"), "old", false},
		"name":   {at(file(h.file, "qcow2"), "1"), "1", false},
		"id":     {at(file(h.file, "qcow2"), "4"), "twice", false},
		"parts":  {at(url(s, "disk.qcow2", "qcow2"), "old"), "old", false},
		"copy":   {at(summed(url(s, "disk.qcow2", "qcow2"), disktest.SHA256(content)), "1"), "1", false},
		"gz":     {at(url(s, "disk.qcow2.gz", "qcow2"), "old"), "old", true},
		"image":  {at(image("vms/"+name+"-source", "qcow2"), "old"), "old", false},
		"member": {at(member, "1"), "1", false},
	} {
		t.Run(target, func(t *testing.T) {
			found := converted(t, request(name+"-"+target, tc.ref, verified))
			exported(t, h.then[tc.want], name+"-"+target)
			if want := len(h.then[tc.want]); found.Known == tc.stream || !tc.stream && found.VirtualBytes != uint64(want) {
				t.Errorf("the plan sees %d bytes (known: %t), the disk had %d", found.VirtualBytes, found.Known, want)
			}
		})
	}
}

func TestInternalSnapshotRefusals(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	h := newHistory(t)
	h.alone(t)
	whole := disktest.Content(t, h.file)
	// From a server, where no qemu-img looks at it first.
	files := map[string][]byte{}
	site := disktest.NewSite(t, files)
	damaged := func(label string, change func([]byte) []byte) conversion.Reference {
		files[label] = change(append([]byte{}, whole...))
		return url(site, label, "qcow2")
	}
	none := h.at("none.qcow2")
	disktest.QemuImg(t, "create", "-f", "qcow2", none, "1M")
	zipped := h.at("disk.qcow2.gz")
	disktest.Write(t, zipped, disktest.Gzip(t, whole))
	table := int(be64(whole[64:]))
	for what, tc := range map[string]struct {
		ref  conversion.Reference
		want string
		late bool
	}{
		"another":        {at(file(h.file, "qcow2"), "new"), `no such internal snapshot: "new": it has "old" \(id "1"\), "1" \(id "2"\), "twice"`, false},
		"twice":          {at(file(h.file, "qcow2"), "twice"), `several are called "twice": it has "twice" \(id "3"\), "twice" \(id "4"\)`, false},
		"none":           {at(file(none, "qcow2"), "old"), `it has none`, false},
		"in a stream":    {at(file(zipped, "qcow2"), "new"), `no such internal snapshot`, true},
		"cut off":        {at(damaged("cut", func(b []byte) []byte { return b[:table+20] }), "old"), `cut off`, false},
		"many":           {at(damaged("many", func(b []byte) []byte { copy(b[60:], "\xff\xff\xff\xff"); return b }), "old"), `makes no sense`, false},
		"far away":       {at(damaged("far", func(b []byte) []byte { copy(b[64:], "\x7f\xff\xff\xff\xff"); return b }), "old"), `makes no sense|cut off`, false},
		"much to say":    {at(damaged("extra", func(b []byte) []byte { copy(b[table+36:], "\xff\xff\xff\xff"); return b }), "old"), `bytes of extra data`, false},
		"a large table":  {at(damaged("large", func(b []byte) []byte { copy(b[table+8:], "\xff\xff\xff\xff"); return b }), "old"), `makes no sense`, false},
		"a huge disk":    {at(damaged("huge", func(b []byte) []byte { copy(b[table+48:], "\xff\xff\xff\xff\xff"); return b }), "old"), `makes no sense`, false},
		"a table beyond": {at(damaged("beyond", func(b []byte) []byte { copy(b[table:], "\x00\x00\x7f\xff"); return b }), "old"), `cut off|could not|failed|L1`, true},
	} {
		t.Run(what, func(t *testing.T) {
			r := request(name+"-bad", tc.ref)
			if !tc.late {
				refusedInPlan(t, r, tc.want)
			}
			refused(t, r, tc.want)
		})
	}
}

func be64(b []byte) (n uint64) {
	for _, c := range b[:8] {
		n = n<<8 | uint64(c)
	}
	return n
}
