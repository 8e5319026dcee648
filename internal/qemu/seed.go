// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	diskfs "github.com/diskfs/go-diskfs"
	"github.com/diskfs/go-diskfs/disk"
	"github.com/diskfs/go-diskfs/filesystem"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

// SeedLabel is the label by which cloud-init's NoCloud data source finds its
// file system.
const SeedLabel = "cidata"

// WriteSeed writes an ISO 9660 image for the NoCloud data source: files
// ("user-data", "meta-data", "network-config") by their names. It needs no
// mount and no other program. Similar To: `cloud-localds`
func WriteSeed(path string, files map[string]string) (err error) {
	size := int64(1 << 20)
	for _, content := range files {
		size += int64(len(content)) + 4096
	}
	// The tables may hold secrets as well as the files: nobody else reads it.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("write the cloud-init seed: %w", err)
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return fmt.Errorf("write the cloud-init seed: %w", err)
	}
	if err := fillSeed(path, files); err != nil {
		return fmt.Errorf("write the cloud-init seed: %w", err)
	}
	return nil
}

func fillSeed(path string, files map[string]string) (err error) {
	d, err := diskfs.Open(path, diskfs.WithOpenMode(diskfs.ReadWrite))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	d.LogicalBlocksize = 2048 // that of a CD
	// Where the files are gathered: not in /tmp.
	work, err := os.MkdirTemp(filepath.Dir(path), "seed-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	fsys, err := d.CreateFilesystem(disk.FilesystemSpec{FSType: filesystem.TypeISO9660, VolumeLabel: SeedLabel, WorkDir: work})
	if err != nil {
		return err
	}
	iso, ok := fsys.(*iso9660.FileSystem)
	if !ok {
		return fmt.Errorf("not an ISO 9660 file system but %T", fsys)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := iso.OpenFile(name, os.O_CREATE|os.O_RDWR)
		if err != nil {
			return err
		}
		_, err = f.Write([]byte(files[name]))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return iso.Finalize(iso9660.FinalizeOptions{RockRidge: true, VolumeIdentifier: SeedLabel})
}
