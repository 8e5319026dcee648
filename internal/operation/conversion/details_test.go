// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// detailsFiles makes an image of every sort, by their names in the folder that it
// returns.
func detailsFiles(t *testing.T) (at func(string) string) {
	t.Helper()
	dir := t.TempDir()
	at = func(n string) string { return filepath.Join(dir, n) }
	raw := disktest.Raw(t)
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-o", "extended_l2=on,cluster_size=128k,compression_type=zstd", raw, at("new"))
	disktest.QemuImg(t, "snapshot", "-c", "before", at("new"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", "-o", "compat=0.10", raw, at("old"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, at("stream"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vdi", raw, at("vdi"))
	disktest.QemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", at("backing"), "3M")
	disktest.QemuImg(t, "create", "-f", "qcow2", "-o", "data_file="+at("data")+",data_file_raw=on", at("external"), "5M")
	if err := os.Remove(at("data")); err != nil { // it is not looked for
		t.Fatal(err)
	}
	disktest.Encrypted(t, at("luks"))
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, at("flat"))
	b := disktest.Content(t, at("new"))
	b[79] |= 1 // dirty
	disktest.Write(t, at("dirty"), b)
	disktest.Write(t, at("stated"), disktest.Content(t, at("old")))
	disktest.Write(t, at("odd"), make([]byte, 1<<20+1))
	return at
}

// What images of all sorts say, from a file and from RBD. What they refer to is
// told as text, also where a conversion would refuse it.

func TestReadDetails(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	at := detailsFiles(t)
	yes, no := true, false
	const size = disktest.RawBytes
	for what, tc := range map[string]struct {
		format string
		is     func(conversion.Details) []any
		want   []any
	}{
		"new": {"qcow2", func(d conversion.Details) []any {
			return []any{d.VirtualSizeBytes, d.ClusterBytes, d.Compat, d.Compression, *d.ExtendedL2, d.Encrypted, d.Dirty, *d.Corrupt, d.BackingFile, d.DataFile, d.CreateType,
				len(d.Snapshots), d.Snapshots[0].Name, d.Snapshots[0].ID, d.Snapshots[0].VMStateBytes}
		}, []any{uint64(size), uint64(128 << 10), "1.1", "zstd", yes, no, no, no, "", "", "", 1, "before", "1", int64(0)}},
		"old": {"qcow2", func(d conversion.Details) []any {
			return []any{d.VirtualSizeBytes, d.Compat, d.Compression, *d.ExtendedL2, d.Snapshots != nil, len(d.Snapshots)}
		}, []any{uint64(size), "0.10", "zlib", no, yes, 0}},
		"stream": {"vmdk", func(d conversion.Details) []any {
			return []any{d.VirtualSizeBytes, d.CreateType, d.Compat, d.Snapshots == nil}
		}, []any{uint64(size), "streamOptimized", "", yes}},
		"vdi": {"vdi", func(d conversion.Details) []any { return []any{d.VirtualSizeBytes, d.ClusterBytes} }, []any{uint64(size), uint64(1 << 20)}},
		"backing": {"qcow2", func(d conversion.Details) []any {
			return []any{d.VirtualSizeBytes, d.BackingFile, d.BackingFormat}
		}, []any{uint64(3 << 20), "/etc/shadow", "raw"}},
		"external": {"qcow2", func(d conversion.Details) []any {
			return []any{d.VirtualSizeBytes, d.DataFile, d.Snapshots == nil, d.Compat}
		}, []any{uint64(5 << 20), at("data"), yes, "1.1"}},
		"luks":  {"qcow2", func(d conversion.Details) []any { return []any{d.VirtualSizeBytes, d.Encrypted} }, []any{uint64(1 << 20), yes}},
		"dirty": {"qcow2", func(d conversion.Details) []any { return []any{d.Dirty} }, []any{yes}},
		"flat": {"vmdk", func(d conversion.Details) []any {
			return []any{d.VirtualSizeBytes, d.CreateType, d.DataFile, d.Content.Name}
		}, []any{uint64(size), "monolithicFlat", "flat-flat", ""}},
		"odd": {"raw", func(d conversion.Details) []any {
			return []any{d.VirtualSizeBytes, d.SizeBytes, d.ClusterBytes, d.Content.Name}
		}, []any{uint64(1<<20 + 512), uint64(1<<20 + 1), uint64(0), ""}},
		"stated": {"raw", func(d conversion.Details) []any { return []any{d.Content.Name, d.VirtualSizeBytes > 0} }, []any{"a qcow2 disk image", yes}},
	} {
		t.Run(what, func(t *testing.T) {
			uploaded := "images/" + name + "-" + what
			acctest.RBD(t, "import", "--no-progress", at(what), uploaded)
			for _, source := range []conversion.Reference{file(at(what), tc.format), image(uploaded, tc.format)} {
				d, err := conversion.ReadDetails(t.Context(), cluster(t, rbd.Config{}), source)
				if err != nil {
					t.Fatal(err)
				}
				if is := tc.is(d); !reflect.DeepEqual(is, tc.want) {
					t.Errorf("%+v: %v, want %v", source, is, tc.want)
				}
				if want := len(disktest.Content(t, at(what))); d.SizeBytes != uint64(want) {
					t.Errorf("%+v: %d bytes, want %d", source, d.SizeBytes, want)
				}
			}
		})
	}
}

func TestReadDetailsErrors(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	zip := filepath.Join(t.TempDir(), "zip")
	disktest.Write(t, zip, disktest.Gzip(t, []byte("x")))
	for what, tc := range map[string]struct {
		ref  conversion.Reference
		want string
	}{
		"missing":      {file(zip+"-nothing", "qcow2"), `no such file`},
		"no image":     {image(fmt.Sprintf("vms/%s-nothing", name), "qcow2"), `image not found`},
		"wrong format": {file(disktest.Raw(t), "qcow2"), `not in the stated format`},
		"compressed":   {file(zip, "raw"), `compressed as a whole`},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := conversion.ReadDetails(t.Context(), cluster(t, rbd.Config{}), tc.ref)
			matches(t, err, tc.want)
		})
	}
}
