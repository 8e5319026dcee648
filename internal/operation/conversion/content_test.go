// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// The last byte of a VHD that qemu-img would cut off is there, wherever it lies.
func TestDoAzureVHD(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := filepath.Join(t.TempDir(), "raw")
	content := make([]byte, 64<<20)
	for i := len(content) - 64<<10; i < len(content); i++ {
		content[i] = byte(i*7 + 1)
	}
	disktest.Write(t, raw, content)
	vhd := disktest.Azure(t, raw)
	uploaded := "images/" + name + "-upload"
	acctest.RBD(t, "import", "--no-progress", vhd, uploaded)
	acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@s")
	s := disktest.NewSite(t, map[string][]byte{"azure.vhd": disktest.Content(t, vhd)})
	for i, source := range []conversion.Reference{file(vhd, "vpc"), image(uploaded+"@s", "vpc"), url(s, "azure.vhd", "vpc")} {
		found := converted(t, request(fmt.Sprint(name, i), source, verified))
		if !found.Known || found.VirtualBytes != uint64(len(content)) {
			t.Errorf("the plan of %+v says %+v", source, found)
		}
		exported(t, content, fmt.Sprint(name, i))
	}
}

// What is no disk is refused in the plan, or where that sees no more than a
// stream's beginning, by its end; where any content is taken it is written as it
// is.
func TestDoNoDisk(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Raw(t)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "disk.raw", Size: 1 << 20, Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(disktest.Content(t, raw)[:1<<20])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	at := func(n string) string { return filepath.Join(t.TempDir(), n) }
	tarball, corrupt, vhd := at("disk.tar"), at("corrupt.qcow2"), at("disk.vhd")
	disktest.Write(t, tarball, archive.Bytes())
	disktest.QemuImg(t, "create", "-f", "qcow2", corrupt, "1M")
	b := disktest.Content(t, corrupt)
	b[79] |= 2
	disktest.Write(t, corrupt, b)
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", raw, vhd)
	uploaded := "images/" + name + "-upload"
	acctest.RBD(t, "import", "--no-progress", tarball, uploaded)
	s := disktest.NewSite(t, map[string][]byte{"disk.tar.gz": disktest.Gzip(t, archive.Bytes()), "disk.vhd.gz": disktest.Gzip(t, disktest.Content(t, vhd))})
	for _, tc := range []struct {
		ref  conversion.Reference
		want string
		plan bool
	}{
		{file(tarball, "raw"), `no raw disk: .* is a tar archive`, true},
		{image(uploaded, "raw"), `no raw disk: .* is a tar archive`, true},
		{url(s, "disk.tar.gz", "raw"), `no raw disk: .* is a tar archive`, true},
		{file(vhd, "raw"), `a vhd disk image \(by its last sector\); its format is "vpc"`, true},
		{url(s, "disk.vhd.gz", "raw"), `a vhd disk image \(by its last sector\)`, false},
		{file(corrupt, "qcow2"), `marked as corrupt`, true},
	} {
		r := request(name, tc.ref)
		if tc.plan {
			refusedInPlan(t, r, tc.want)
		}
		refused(t, r, tc.want)
		if _, err := conversion.Do(t.Context(), cluster(t, rbd.Config{}), r); tc.plan {
			matches(t, err, tc.want)
		}
	}
	for i, tc := range []struct {
		ref    conversion.Reference
		change change
	}{{url(s, "disk.tar.gz", "raw"), unchanged}, {image(uploaded, "raw"), verified}} {
		converted(t, request(fmt.Sprint(name, i), anyContent(tc.ref), tc.change))
		exported(t, archive.Bytes(), fmt.Sprint(name, i))
	}
}
