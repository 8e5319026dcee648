// SPDX-License-Identifier: MPL-2.0

package guesttest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// Sound exports the image and has the file system that is to lie there checked
// by its own tool, and the partition table by sfdisk.
func Sound(t *testing.T, spec, check string, start, bytes int64) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		dir := t.TempDir()
		disk, fsys := filepath.Join(dir, "disk"), filepath.Join(dir, "fs")
		acctest.RBD(t, "export", "--no-progress", spec, disk)
		defer os.Remove(disk)
		if out := Run(t, "sfdisk", "--verify", disk); !strings.Contains(out, "No errors detected") {
			return fmt.Errorf("sfdisk --verify: %s", out)
		}
		Run(t, "truncate", "-s", fmt.Sprint(bytes), fsys)
		CopyBytes(t, disk, fsys, start, 0, bytes)
		defer os.Remove(fsys)
		Run(t, "sh", "-c", check+` "$0"`, fsys)
		return nil
	}
}

// VolumeHas expects the one logical volume of an image to have so many extents.
func VolumeHas(t *testing.T, spec string, extents int) resource.TestCheckFunc {
	t.Helper()
	return func(*terraform.State) error {
		dir := t.TempDir()
		disk, physical := filepath.Join(dir, "disk"), filepath.Join(dir, "pv")
		acctest.RBD(t, "export", "--no-progress", spec, disk)
		Run(t, "dd", "conv=sparse", "bs=1M", "skip=1", "if="+disk, "of="+physical)
		out := Run(t, "pvck", "--dump", "metadata", physical)
		if want := fmt.Sprintf("extent_count = %d\n", extents); !strings.Contains(out, want) {
			return fmt.Errorf("no %s in the volume group's metadata:\n%s", want, out)
		}
		return nil
	}
}

// CopyBytes copies n bytes of a file to an offset of another.
func CopyBytes(t *testing.T, from, to string, at, offset, n int64) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(io.NewOffsetWriter(out, offset), io.NewSectionReader(in, at, n)); err != nil {
		t.Fatal(err)
	}
}

// XFS exports the image of the lab's xfs guest and returns the files, as GRUB reads
// them, each after its mode and size, as xfs_db tells them.
func XFS(t *testing.T, spec string, paths ...string) string {
	t.Helper()
	dir := t.TempDir()
	disk, fsys := filepath.Join(dir, "disk"), filepath.Join(dir, "fs")
	acctest.RBD(t, "export", "--no-progress", spec, disk)
	defer os.Remove(disk)
	Run(t, "dd", "if="+disk, "of="+fsys, "bs=1M", "skip=1", "conv=sparse", "status=none")
	defer os.Remove(fsys)
	var out strings.Builder
	for _, p := range paths {
		out.WriteString(Run(t, "xfs_db", "-r", "-c", "path "+p, "-c", "print core.mode core.size", fsys))
		out.WriteString(Run(t, "grub-fstest", disk, "cat", "(loop0,gpt2)"+p))
	}
	return out.String()
}
