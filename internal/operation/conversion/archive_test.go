// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// member is a source that is in an archive.
func member(ref conversion.Reference, name string) conversion.Reference {
	ref.ArchiveMember = name
	return ref
}

// tarred is what GNU tar makes of files in a folder.
func tarred(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("tar", append([]string{"-C", dir, "-cf", "-"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	return out
}

// zipped is a zip of files in a folder.
func zipped(t *testing.T, dir string, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		in, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(disktest.Content(t, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// disks is a folder with one disk in several formats, and a file beside it.
func disks(t *testing.T) (dir, raw string) {
	t.Helper()
	raw = disktest.Raw(t)
	dir = filepath.Dir(raw)
	at := func(n string) string { return filepath.Join(dir, n) }
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-c", raw, at("disk.qcow2"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, at("box-disk1.vmdk"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vhdx", raw, at("disk.vhdx"))
	disktest.Write(t, at("azure.vhd"), disktest.Content(t, disktest.Azure(t, raw)))
	disktest.Write(t, at("box.ovf"), []byte(`<?xml version="1.0"?><Envelope/>`))
	return dir, raw
}

// A disk in an archive of every kind, from a file and from a server.
func TestDoArchives(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	dir, raw := disks(t)
	files := map[string][]byte{
		"gce.tar.gz":   disktest.Gzip(t, tarred(t, dir, "-S", "--format=oldgnu", "disk.raw")),
		"pax.tar":      tarred(t, dir, "-S", "--format=pax", "./box.ovf", "./disk.raw"),
		"qcow2.tar.gz": disktest.Gzip(t, tarred(t, dir, "box.ovf", "disk.qcow2")),
		"box.ova":      tarred(t, dir, "--format=ustar", "box.ovf", "box-disk1.vmdk"),
		"last.tar.gz":  disktest.Gzip(t, tarred(t, dir, "box-disk1.vmdk", "disk.qcow2", "disk.raw")),
		"vhd.tar.gz":   disktest.Gzip(t, tarred(t, dir, "-S", "--format=gnu", "./azure.vhd")),
		"vhdx.zip":     zipped(t, dir, "disk.vhdx"),
		"disks.zip":    zipped(t, dir, "box.ovf", "disk.qcow2", "disk.raw"),
	}
	s := disktest.NewSite(t, files)
	for i, tc := range []struct {
		archive, member, format string
		known, knownFromServer  bool
	}{
		{"gce.tar.gz", "disk.raw", "raw", true, true}, {"pax.tar", "disk.raw", "raw", true, true},
		{"qcow2.tar.gz", "disk.qcow2", "qcow2", true, true}, {"box.ova", "box-disk1.vmdk", "vmdk", true, true},
		{"vhd.tar.gz", "azure.vhd", "vpc", false, false}, {"vhdx.zip", "disk.vhdx", "vhdx", false, false},
		{"last.tar.gz", "disk.raw", "raw", true, true}, {"disks.zip", "disk.raw", "raw", true, true}, {"disks.zip", "disk.qcow2", "qcow2", true, true},
	} {
		at := filepath.Join(t.TempDir(), tc.archive)
		disktest.Write(t, at, files[tc.archive])
		sum := disktest.SHA256(files[tc.archive])
		for j, ref := range []conversion.Reference{file(at, tc.format), summed(file(at, tc.format), sum), url(s, tc.archive, tc.format), summed(url(s, tc.archive, tc.format), sum)} {
			target := fmt.Sprintf("%s-%d-%d", name, i, j)
			found := converted(t, request(target, member(ref, tc.member), verifiedIf(j == 1), bounded(1<<30)))
			if known := j < 2 && tc.known || j >= 2 && tc.knownFromServer; found.Known != known || known && found.VirtualBytes != disktest.RawBytes {
				t.Errorf("%s of %s, %d: the plan says %+v", tc.member, tc.archive, j, found)
			}
			same(t, raw, "raw", target)
			acctest.RBD(t, "rm", "--no-progress", "vms/"+target)
		}
	}
}

// A tar on a server is read where the disk lies in it; one of very many files is
// read as a stream.
func TestDoMembersFromParts(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	dir := t.TempDir()
	raw := disktest.Noise(t, 30<<20)
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", raw, filepath.Join(dir, "disk.qcow2"))
	disktest.Write(t, filepath.Join(dir, "rest"), make([]byte, 40<<20))
	many := []string{"disk.qcow2"}
	for i := range 300 {
		many = append(many, fmt.Sprint(i))
		disktest.Write(t, filepath.Join(dir, many[i+1]), make([]byte, 100))
	}
	s := disktest.NewSite(t, map[string][]byte{"few.tar": tarred(t, dir, "rest", "disk.qcow2"), "many.tar": tarred(t, dir, many...)})
	for archive, atMost := range map[string]int64{"few.tar": 60 << 20, "many.tar": 80 << 20} {
		s.Sent.Store(0)
		target := name + "-" + archive[:3]
		if found := converted(t, request(target, member(url(s, archive, "qcow2"), "disk.qcow2"))); !found.Known || found.VirtualBytes != 30<<20 {
			t.Errorf("%s: the plan says %+v", archive, found)
		}
		same(t, raw, "raw", target)
		if sent := s.Sent.Load(); sent > atMost {
			t.Errorf("%s: %d bytes were sent", archive, sent)
		}
	}
}

// A server that gives no parts, and breaks off now and then.
func TestDoArchivesInOneStream(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	dir, raw := disks(t)
	files := map[string][]byte{"disks.zip": zipped(t, dir, "box.ovf", "disk.raw"), "disks.tar": tarred(t, dir, "disk.qcow2", "disk.raw")}
	s := disktest.NewSite(t, files)
	s.Flaky.Store(true)
	for archive := range files {
		target := name + "-" + archive[6:]
		converted(t, request(target, member(url(s, archive, "raw"), "disk.raw")))
		same(t, raw, "raw", target)
	}
}

// What is refused leaves nothing: in the plan where that sees it, and always when
// it is made.
func TestArchiveRefusals(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	dir, raw := disks(t)
	disktest.Write(t, filepath.Join(dir, "disk.raw.gz"), disktest.Gzip(t, disktest.Content(t, raw)[:1<<20]))
	disktest.QemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", filepath.Join(dir, "shadow.qcow2"), "1M")
	var claims bytes.Buffer
	if err := tar.NewWriter(&claims).WriteHeader(&tar.Header{Name: "disk.raw", Size: 1 << 60, Mode: 0o600, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	twice := tarred(t, dir, "--format=gnu", "disk.qcow2", "disk.raw", "./disk.qcow2")
	good := tarred(t, dir, "box.ovf", "disk.qcow2", "disk.raw", "disk.raw.gz", "shadow.qcow2")
	files := map[string][]byte{
		"good.tar": good, "good.tar.gz": disktest.Gzip(t, good), "good.zip": zipped(t, dir, "box.ovf", "disk.qcow2", "disk.raw", "disk.raw.gz", "shadow.qcow2"),
		"cut.tar": good[:len(good)/4], "claims.tar": claims.Bytes(), "twice.tar": twice, "twice.tar.gz": disktest.Gzip(t, twice), "disk.raw": disktest.Content(t, raw),
	}
	files["damaged.tar.gz"] = bytes.Clone(files["good.tar.gz"])
	files["damaged.tar.gz"][len(files["damaged.tar.gz"])-6] ^= 1
	s := disktest.NewSite(t, files)
	local := t.TempDir()
	for n, b := range files {
		disktest.Write(t, filepath.Join(local, n), b)
	}
	holds := `; it holds "box.ovf" \(\d+ bytes\), "disk.qcow2"`
	for _, tc := range []struct {
		archive, member, format string
		want                    string
		file, url               bool // told in the plan
	}{
		{"good.tar", "", "raw", `no raw disk: .* is a tar archive; which file in it is the disk is not stated: it has "box.ovf" \(\d+ bytes\), "disk.qcow2"`, true, true},
		{"good.tar.gz", "", "qcow2", `is a tar archive, not qcow2; which file in it .*: it has "box.ovf"`, true, true},
		{"good.zip", "", "vmdk", `is a zip archive, not vmdk; which file in it .*: it has "box.ovf"`, true, true},
		{"good.tar", "disk.img", "raw", `no such file: "disk.img"` + holds, true, true},
		{"good.tar.gz", "disk.img", "raw", `no such file: "disk.img"` + holds, false, false},
		{"good.zip", "disk.img", "raw", `no such file: "disk.img"` + holds, true, true},
		{"good.tar", "disk.qcow2", "raw", `no raw disk: "disk.qcow2" of .*good.tar is a qcow2 disk image; its format is "qcow2"`, true, true},
		{"good.tar", "box.ovf", "raw", `no raw disk: "box.ovf" of .* is an XML document`, true, true},
		{"good.tar", "disk.raw.gz", "raw", `no raw disk: "disk.raw.gz" of .* is compressed with gzip`, true, true},
		{"good.tar.gz", "disk.raw.gz", "qcow2", `compressed with gzip, not qcow2`, false, false},
		{"good.tar", "shadow.qcow2", "qcow2", `has a backing file: it names "/etc/shadow"`, true, true},
		{"good.zip", "shadow.qcow2", "qcow2", `has a backing file: it names "/etc/shadow"`, true, true},
		{"cut.tar", "disk.raw", "raw", `archive is cut off`, true, true},
		{"claims.tar", "disk.raw", "raw", `archive is cut off|holds more than it may`, true, true},
		{"twice.tar", "disk.qcow2", "qcow2", `several files of that name`, true, true},
		{"twice.tar.gz", "disk.qcow2", "qcow2", `several files of that name`, false, false},
		{"damaged.tar.gz", "disk.raw", "raw", `compressed data is damaged`, false, false},
		{"disk.raw", "disk.raw", "raw", `neither a tar nor a zip archive`, true, true},
		{"none.tar", "disk.raw", "raw", `no such file`, true, true},
	} {
		for i, ref := range []conversion.Reference{file(filepath.Join(local, tc.archive), tc.format), url(s, tc.archive, tc.format)} {
			r := request(name, member(ref, tc.member))
			found, err := plan(t.Context(), cluster(t, rbd.Config{}), r)
			if planned := i == 0 && tc.file || i == 1 && tc.url; planned {
				matches(t, err, tc.want)
			} else if err != nil {
				t.Errorf("%+v: the plan says %+v, %v", ref, found, err)
			}
			_, err = conversion.Do(t.Context(), cluster(t, rbd.Config{}), r)
			want := tc.want
			if tc.member == "" { // which files there are is told in the plan
				want, _, _ = strings.Cut(want, ": it has")
			}
			matches(t, err, want)
			nothing(t, name)
		}
	}
}

// A disk of any size and format is read where it lies in a tar, and refused there
// as it is alone.
func TestDoMembersInPlace(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	raw := disktest.Noise(t, 6<<20+511)
	disktest.Write(t, at("odd.raw"), disktest.Content(t, raw))
	for format, args := range map[string][]string{
		"qcow2": {"-c"}, "vmdk": nil, "vdi": nil, "vhdx": nil, "vpc": {"-o", "force_size=on"},
	} {
		disktest.QemuImg(t, append(append([]string{"convert", "-f", "raw", "-O", format}, args...), raw, at("disk."+format))...)
		b := disktest.Content(t, at("disk."+format))
		disktest.Write(t, at("cut."+format), b[:len(b)/2/512*512])
	}
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, at("flat.vmdk"))
	archive := at("all.tar")
	disktest.Write(t, archive, tarred(t, dir, "--format=gnu", "odd.raw", "disk.qcow2", "disk.vmdk", "disk.vdi", "disk.vhdx", "disk.vpc",
		"cut.qcow2", "cut.vmdk", "cut.vdi", "cut.vhdx", "cut.vpc", "flat.vmdk"))
	const rounded = 6<<20 + 512
	for _, format := range []string{"raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc"} {
		of := "disk." + format
		if format == "raw" {
			of = "odd.raw"
		}
		found := converted(t, request(name+"-"+format, member(file(archive, format), of), verified))
		if !found.Known || found.VirtualBytes < rounded {
			t.Errorf("%s: the plan says %+v", of, found)
		}
		same(t, raw, "raw", name+"-"+format)
		if format != "raw" {
			r := request(name+"-cut-"+format, member(file(archive, format), "cut."+format))
			_, err := conversion.Do(t.Context(), cluster(t, rbd.Config{}), r)
			matches(t, err, `"cut.`+format+`" of .*all.tar`)
			nothing(t, name+"-cut")
		}
	}
	refusedInPlan(t, request(name, member(file(archive, "vmdk"), "flat.vmdk")), `data in another file: .*"flat-flat.vmdk"`)
}
