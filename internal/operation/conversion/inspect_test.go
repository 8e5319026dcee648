// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

func tarred(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: "disk.raw", Size: int64(len(b)), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func imageOf(t *testing.T, format string, args ...string) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command("qemu-img", append(append([]string{"create", "-f", format}, args...), name, "1M")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A plan inspects what a server has, in parts or not, compressed or not.
func TestInspectURL(t *testing.T) {
	t.Parallel()
	disk := make([]byte, 1<<20)
	disk[510], disk[511] = 0x55, 0xaa
	qcow2, fixed := imageOf(t, "qcow2"), imageOf(t, "vpc", "-o", "subformat=fixed,force_size=on")
	corrupt, backed := bytes.Clone(qcow2), imageOf(t, "qcow2", "-u", "-F", "raw", "-b", "/etc/passwd")
	corrupt[79] |= 2
	files := map[string][]byte{
		"disk": disk, "disk.gz": gzipped(t, disk), "disk.tar": tarred(t, disk), "disk.tar.gz": gzipped(t, tarred(t, disk)), "twice.gz": gzipped(t, gzipped(t, disk)),
		"qcow2": qcow2, "qcow2.gz": gzipped(t, qcow2), "vhd": fixed, "vhdx": imageOf(t, "vhdx"), "vmdk": imageOf(t, "vmdk"), "vdi": imageOf(t, "vdi"),
		"corrupt": corrupt, "corrupt.gz": gzipped(t, corrupt), "backed": backed, "backed.gz": gzipped(t, backed), "empty": {}, "page": []byte("<html><h1>Forbidden</h1></html>"),
	}
	parts := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if !parts {
			w.Header().Set("Content-Length", strconv.Itoa(len(files[req.URL.Path[1:]])))
			_, _ = w.Write(files[req.URL.Path[1:]])
			return
		}
		http.ServeContent(w, req, "", time.Unix(1e9, 0), bytes.NewReader(files[req.URL.Path[1:]]))
	}))
	defer server.Close()
	for _, tc := range []struct {
		file, format string
		any          bool
		want         error
		known        bool
		needsParts   bool
	}{
		{file: "disk", format: "raw", known: true}, {file: "disk.gz", format: "raw"}, {file: "empty", format: "raw", known: true},
		{file: "disk.tar", format: "raw", want: qemu.ErrContent}, {file: "disk.tar.gz", format: "raw", want: qemu.ErrContent},
		{file: "disk.tar", format: "raw", any: true, known: true}, {file: "disk.tar.gz", format: "raw", any: true},
		{file: "twice.gz", format: "raw", want: errTwice}, {file: "twice.gz", format: "vdi", want: errTwice}, {file: "twice.gz", format: "raw", any: true}, {file: "page", format: "raw", want: qemu.ErrContent},
		{file: "qcow2", format: "raw", want: qemu.ErrContent}, {file: "qcow2.gz", format: "raw", want: qemu.ErrContent},
		{file: "vmdk", format: "raw", want: qemu.ErrContent}, {file: "vdi", format: "raw", want: qemu.ErrContent}, {file: "vhdx", format: "raw", want: qemu.ErrContent},
		{file: "vhd", format: "raw", want: qemu.ErrContent, needsParts: true},
		{file: "qcow2", format: "qcow2", known: true}, {file: "vmdk", format: "vmdk", known: true, needsParts: true}, {file: "vdi", format: "vdi", known: true},
		{file: "vhd", format: "vpc", known: true, needsParts: true}, {file: "vhdx", format: "vhdx", known: true, needsParts: true},
		{file: "qcow2", format: "vpc", want: qemu.ErrFormat}, {file: "qcow2.gz", format: "vmdk", want: qemu.ErrFormat}, {file: "disk", format: "qcow2", want: qemu.ErrFormat},
		{file: "disk.gz", format: "qcow2", want: qemu.ErrFormat}, {file: "page", format: "vhdx", want: qemu.ErrFormat},
		{file: "corrupt", format: "qcow2", want: qemu.ErrCorrupt}, {file: "corrupt.gz", format: "qcow2", want: qemu.ErrCorrupt},
		{file: "backed", format: "qcow2", want: qemu.ErrBackingFile}, {file: "backed.gz", format: "qcow2", want: qemu.ErrBackingFile},
	} {
		for _, parts = range []bool{true, false} {
			got, err := Inspect(t.Context(), Deps{}, Reference{URL: server.URL + "/" + tc.file, Format: tc.format, AllowAnyContent: tc.any})
			if !parts && tc.needsParts { // what is at the end, or far behind, is told when it is read
				tc.want, tc.known = nil, tc.format == "raw"
			}
			if !errors.Is(err, tc.want) || got.Known != tc.known {
				t.Errorf("%s as %s, in parts %v: %+v, %v; want %v", tc.file, tc.format, parts, got, err, tc.want)
			}
			if size := uint64(len(disk)); got.Known && tc.want == nil && tc.file != "empty" && tc.format != "raw" && got.VirtualBytes != size {
				t.Errorf("%s as %s, in parts %v: %d bytes", tc.file, tc.format, parts, got.VirtualBytes)
			}
		}
	}
}

// What a conversion leaves out is said.
func TestOmitted(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		header imageformat.Header
		want   int
	}{{imageformat.Header{}, 0}, {imageformat.Header{Dirty: true}, 1}, {imageformat.Header{Snapshots: 2, Bitmaps: 1, Dirty: true}, 3}} {
		if got := omitted(tc.header); len(got) != tc.want {
			t.Errorf("%+v: %v", tc.header, got)
		}
	}
}
