// SPDX-License-Identifier: MPL-2.0

package layouttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/guestdisk"
)

const mib = 1 << 20

// disk is a raw disk that is made piece by piece.
type disk struct {
	t    *testing.T
	dir  string // for what is put together on the way
	path string
}

func newDisk(t *testing.T, sizeMiB int) disk {
	t.Helper()
	d := disk{t, t.TempDir(), ""}
	d.path = filepath.Join(d.dir, "disk")
	guestdisk.Run(t, "truncate", "-s", fmt.Sprintf("%dM", sizeMiB), d.path)
	return d
}

// table writes a partition table in sfdisk's words.
func (d disk) table(script string) {
	d.t.Helper()
	d.file("table", script)
	guestdisk.Run(d.t, "sh", "-c", `sfdisk -q "$1" <"$2"`, "sh", d.path, filepath.Join(d.dir, "table"))
}

func (d disk) file(name, content string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// put copies a file into the disk, at a MiB.
func (d disk) put(at int, from string) {
	d.t.Helper()
	guestdisk.Run(d.t, "dd", "if="+from, "of="+d.path, "bs=1M", fmt.Sprintf("seek=%d", at), "conv=notrunc,sparse", "status=none")
}

// bytes writes bytes into the disk.
func (d disk) bytes(at int64, b string) {
	d.t.Helper()
	f, err := os.OpenFile(d.path, os.O_RDWR, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(b), at); err != nil {
		d.t.Fatal(err)
	}
}

// system is a tree of files that is an operating system to libguestfs's inspection.
func (d disk) system(fstab string) string {
	d.t.Helper()
	for path, content := range map[string]string{
		"etc/fstab": fstab, "etc/hostname": "guest\n", "etc/hosts": "127.0.0.1 localhost\n", "etc/machine-id": strings.Repeat("0", 32) + "\n",
		"etc/os-release": "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n", "etc/debian_version": "12.5\n",
		"bin/sh": "", "boot/.keep": "", "home/.keep": "", "var/.keep": "", "var/log/.keep": "", "tmp/.keep": "",
	} {
		d.file(filepath.Join("root", path), content)
	}
	return filepath.Join(d.dir, "root")
}

// ext4 makes an ext4 with a tree, of so many MiB, at a MiB.
func (d disk) ext4(at, size int, tree string, options ...string) {
	d.t.Helper()
	args := append([]string{"-q", "-F", "-t", "ext4", "-d", tree, "-E", fmt.Sprintf("offset=%d", at*mib)}, options...)
	guestdisk.Run(d.t, "mke2fs", append(args, d.path, fmt.Sprintf("%dM", size))...)
}

// xfs makes an xfs with a tree.
func (d disk) xfs(at, size int, tree string) {
	d.t.Helper()
	fsys := filepath.Join(d.dir, "xfs")
	guestdisk.Run(d.t, "truncate", "-s", fmt.Sprintf("%dM", size), fsys)
	if tree == "" {
		guestdisk.Run(d.t, "mkfs.xfs", "-q", "-f", fsys)
	} else {
		guestdisk.Run(d.t, "mkfs.xfs", "-q", "-f", "-p", d.file("proto", "/\n0 0\nd--755 0 0\n"+proto(d.t, tree)+"$\n"), fsys)
	}
	d.put(at, fsys)
	if err := os.Remove(fsys); err != nil {
		d.t.Fatal(err)
	}
}

// proto is a tree in the words of mkfs.xfs -p.
func proto(t *testing.T, tree string) string {
	t.Helper()
	entries, err := os.ReadDir(tree)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		if path := filepath.Join(tree, e.Name()); e.IsDir() {
			fmt.Fprintf(&b, "%s d--755 0 0\n%s$\n", e.Name(), proto(t, path))
		} else {
			fmt.Fprintf(&b, "%s ---644 0 0 %s\n", e.Name(), path)
		}
	}
	return b.String()
}

// inAppliance runs commands of guestfish on the disk.
func (d disk) inAppliance(commands string, disks ...string) {
	d.t.Helper()
	args := []string{"--format=raw", "-a", d.path}
	for _, more := range disks {
		args = append(args, "-a", more)
	}
	guestdisk.Guestfish(d.t, "run\n"+commands, args...)
}

const (
	esp      = "type=U"
	biosBoot = "type=21686148-6449-6E6F-744E-656564454649"
)

// debianCloud has the root first in the table and last on the disk.
func debianCloud(t *testing.T) string {
	d := newDisk(t, 96)
	d.table("label: gpt\n1: start=65536,size=129024,type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n14: start=2048,size=6144," + biosBoot + "\n15: start=8192,size=57344," + esp + "\n")
	d.ext4(32, 63, d.system("LABEL=root / ext4 rw,discard 0 1\n"), "-b", "4096", "-L", "root")
	return d.path
}

// ubuntuCloud has /boot in a partition of its own.
func ubuntuCloud(t *testing.T) string {
	d := newDisk(t, 128)
	d.table("label: gpt\n1: start=131072,size=129024,type=L\n14: start=2048,size=8192," + biosBoot + "\n15: start=10240,size=55296," + esp + "\n16: start=65536,size=65536,type=BC13C2FF-59E6-4262-A352-B275FD6F7172\n")
	d.ext4(64, 63, d.system("LABEL=cloudimg-rootfs / ext4 discard 0 1\nLABEL=BOOT /boot ext4 defaults 0 2\n"), "-b", "4096", "-L", "cloudimg-rootfs")
	d.file("boot/vmlinuz", "kernel")
	d.ext4(32, 32, filepath.Join(d.dir, "boot"), "-L", "BOOT")
	return d.path
}

// rhelCloud has xfs for / and /boot.
func rhelCloud(t *testing.T) string {
	d := newDisk(t, 1000)
	d.table("label: gpt\nstart=2048,size=2048," + biosBoot + "\nstart=4096,size=28672," + esp + "\nstart=32768,size=655360,type=BC13C2FF-59E6-4262-A352-B275FD6F7172\nstart=688128,size=1357824,type=L\n")
	d.file("boot/vmlinuz", "kernel")
	d.xfs(16, 320, filepath.Join(d.dir, "boot"))
	d.xfs(336, 663, d.system("/dev/vda4 / xfs defaults 0 0\n/dev/vda3 /boot xfs defaults 0 0\n"))
	return d.path
}

// whole is an ext4 without a partition table.
func whole(options ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		d := newDisk(t, 48)
		d.ext4(0, 48, d.system("/dev/vda / ext4 defaults 0 1\n"), options...)
		return d.path
	}
}

// alpine has the boot sector of extlinux before the file system.
func alpine(t *testing.T) string {
	d := disk{t, "", whole("-b", "4096")(t)}
	d.bytes(0, "\xeb\x58\x90SYSLINUX")
	d.bytes(440, strings.Repeat("\xe9", 70)+"\x55\xaa")
	return d.path
}

// onePartition is an ext4 on the only partition of a disk.
func onePartition(label string, options ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		d := newDisk(t, 66)
		d.table("label: " + label + "\nstart=2048,size=131072,type=L\n")
		d.ext4(1, 64, d.system("/dev/vda1 / ext4 defaults 0 1\n"), options...)
		return d.path
	}
}

func hybrid(t *testing.T) string {
	path := onePartition("gpt", "-b", "4096")(t)
	guestdisk.Run(t, "sgdisk", "-h", "1", path)
	return path
}

func bootableProtective(t *testing.T) string {
	d := disk{t, "", onePartition("gpt", "-b", "4096")(t)}
	d.bytes(446, "\x80")
	return d.path
}

// swapLast is what installers make of a disk by themselves.
func swapLast(t *testing.T) string {
	d := newDisk(t, 98)
	d.table("label: dos\nstart=2048,size=131072,type=83,bootable\nstart=133120,size=65536,type=82\n")
	d.ext4(1, 64, d.system("/dev/vda1 / ext4 defaults 0 1\n/dev/vda2 none swap sw 0 0\n"), "-b", "4096")
	swap := d.file("swap", "")
	guestdisk.Run(t, "sh", "-c", `truncate -s 32M "$1" && mkswap -q "$1"`, "sh", swap)
	d.put(65, swap)
	return d.path
}

// swapLogical is what Debian's installer makes of a disk by itself.
func swapLogical(t *testing.T) string {
	d := newDisk(t, 98)
	d.table("label: dos\nstart=2048,size=131072,type=83,bootable\nstart=135166,size=65538,type=5\nstart=135168,size=65536,type=82\n")
	d.ext4(1, 64, d.system("/dev/vda1 / ext4 defaults 0 1\n/dev/vda5 none swap sw 0 0\n"), "-b", "4096")
	return d.path
}

// rootLogical has /boot and swap before the root.
func rootLogical(t *testing.T) string {
	d := newDisk(t, 98)
	d.table("label: dos\nstart=2048,size=32768,type=83,bootable\nstart=34816,size=165888,type=5\nstart=36864,size=30720,type=82\nstart=69632,size=131072,type=83\n")
	d.ext4(34, 64, d.system("/dev/vda6 / ext4 defaults 0 1\n/dev/vda5 none swap sw 0 0\n"), "-b", "4096")
	return d.path
}

// outerJournal has the journal of the root on the other partition, as a superblock
// without checksum says it.
func outerJournal(t *testing.T) string {
	d := newDisk(t, 98)
	d.table("label: gpt\nstart=2048,size=131072,type=L\nstart=133120,size=65536,type=L\n")
	journal := d.file("journal", "")
	guestdisk.Run(t, "truncate", "-s", "16M", journal)
	guestdisk.Run(t, "mke2fs", "-q", "-F", "-b", "4096", "-U", "11111111-1111-1111-1111-111111111111", "-O", "journal_dev", journal)
	d.put(65, journal)
	d.ext4(1, 64, d.system("/dev/vda1 / ext4 defaults 0 1\n"), "-b", "4096", "-O", "^has_journal,^metadata_csum,^resize_inode")
	const superblock = mib + 1024
	d.bytes(superblock+92, "\x2c\x00\x00\x00") // has_journal
	d.bytes(superblock+208, strings.Repeat("\x11", 16)+"\x00\x00\x00\x00\x02\xfe\x00\x00")
	return d.path
}

// array is a RAID 1 of two partitions of one disk.
func array(t *testing.T) string {
	d := newDisk(t, 140)
	d.table("label: gpt\nstart=2048,size=131072,type=R\nstart=133120,size=131072,type=R\n")
	archive := filepath.Join(d.dir, "tar")
	guestdisk.Run(t, "tar", "-C", d.system("/dev/md127 / ext4 defaults 0 0\n"), "-cf", archive, ".")
	d.inAppliance("md-create guest \"/dev/sda1 /dev/sda2\" level:raid1\nmke2fs /dev/md127 fstype:ext4\nmount /dev/md127 /\ntar-in " + archive + " /")
	return d.path
}

func squashfs(t *testing.T) string {
	d := newDisk(t, 10)
	d.table("label: gpt\nstart=2048,size=16384,type=L\n")
	fsys := filepath.Join(d.dir, "squashfs")
	guestdisk.Run(t, "mksquashfs", d.system("/dev/vda1 / squashfs ro 0 0\n"), fsys, "-quiet", "-no-progress")
	d.put(1, fsys)
	return d.path
}

func twoRoots(t *testing.T) string {
	d := newDisk(t, 34)
	d.table("label: gpt\nstart=2048,size=32768,type=L\nstart=34816,size=32768,type=L\n")
	for _, at := range []int{1, 17} {
		d.ext4(at, 16, d.system("/dev/vda1 / ext4 defaults 0 1\n"))
	}
	return d.path
}

// zfs begins as a device of a pool does.
func zfs(t *testing.T) string {
	d := newDisk(t, 66)
	d.table("label: gpt\nstart=2048,size=110592,type=6A898CC3-1DD2-11B2-99A6-080020736631\n")
	d.bytes(mib+16<<10, "\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x24\x00\x00\x00\x20\x00\x00\x00\x07version\x00")
	return d.path
}

func damaged(t *testing.T) string {
	d := disk{t, "", onePartition("gpt")(t)}
	d.bytes(512+72, "\xff")
	return d.path
}

func luks(t *testing.T) string {
	d := newDisk(t, 98)
	d.table("label: gpt\nstart=2048,size=65536,type=L\nstart=67584,size=131072,type=L\n")
	d.file("boot/vmlinuz", "kernel")
	d.ext4(1, 32, filepath.Join(d.dir, "boot"))
	vault, key := d.file("luks", ""), d.file("key", "a key of a test")
	guestdisk.Run(t, "truncate", "-s", "64M", vault)
	guestdisk.Run(t, "cryptsetup", "luksFormat", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", key, vault)
	d.put(33, vault)
	return d.path
}

// largeSectors is a disk as one with sectors of 4096 bytes has it.
func largeSectors(t *testing.T) string {
	d := disk{t, "", onePartition("gpt")(t)}
	d.bytes(512, strings.Repeat("\x00", 8))
	d.bytes(4096, "EFI PART")
	return d.path
}

func f2fs(t *testing.T) string {
	d := newDisk(t, 130)
	d.table("label: gpt\nstart=2048,size=262144,type=L\n")
	fsys := d.file("f2fs", "")
	guestdisk.Run(t, "truncate", "-s", "128M", fsys)
	guestdisk.Run(t, "mkfs.f2fs", "-q", fsys)
	guestdisk.Run(t, "sload.f2fs", "-f", d.system("/dev/vda1 / f2fs defaults 0 1\n"), fsys)
	d.put(1, fsys)
	return d.path
}

// rhelVolumes has a volume group with swap before the root.
func rhelVolumes(commands ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		d := newDisk(t, 530)
		d.table("label: dos\nstart=2048,size=65536,type=83,bootable\nstart=67584,size=1015808,type=8e\n")
		d.file("boot/vmlinuz", "kernel")
		d.ext4(1, 32, filepath.Join(d.dir, "boot"))
		root := newDisk(t, 400)
		root.xfs(0, 400, d.system("/dev/rhel/root / xfs defaults 0 0\n/dev/rhel/swap none swap defaults 0 0\n"))
		d.inAppliance(strings.Join(append(commands, "vgcreate rhel /dev/sda2", "lvcreate swap rhel 32", "mkswap /dev/rhel/swap",
			"lvcreate root rhel 400", "copy-device-to-device /dev/sdb /dev/rhel/root sparse:true"), "\n"), root.path)
		return d.path
	}
}

// thinVolume has the root on a volume of a thin pool. No tool that checks pools is
// in an appliance, nor on many machines.
func thinVolume(t *testing.T) string {
	d := newDisk(t, 300)
	d.table("label: gpt\nstart=2048,size=4096," + biosBoot + "\nstart=8192,size=604160,type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n")
	archive := filepath.Join(d.dir, "tar")
	guestdisk.Run(t, "tar", "-C", d.system("/dev/vg/root / ext4 defaults 0 0\n"), "-cf", archive, ".")
	const unchecked = "--config global/thin_check_executable=/bin/true -y"
	d.inAppliance(strings.Join([]string{
		"pvcreate /dev/sda2", "vgcreate vg /dev/sda2",
		`debug sh "lvm lvcreate ` + unchecked + ` -an -L 200M -T vg/pool"`,
		`debug sh "lvm lvcreate ` + unchecked + ` -V 150M -T vg/pool -n root"`,
		"mke2fs /dev/vg/root fstype:ext4", "mount /dev/vg/root /", "tar-in " + archive + " /",
	}, "\n"))
	return d.path
}

// onBtrfs has the tree in a subvolume.
func onBtrfs(fstab, subvolume string, more ...string) func(t *testing.T) string {
	return func(t *testing.T) string {
		d := newDisk(t, 300)
		d.table("label: gpt\nstart=2048,size=4096," + biosBoot + "\nstart=8192,size=604160,type=L\n")
		archive := filepath.Join(d.dir, "tar")
		guestdisk.Run(t, "tar", "-C", d.system(fstab), "-cf", archive, ".")
		d.inAppliance(strings.Join(append([]string{
			"mkfs btrfs /dev/sda2 label:disk", "mount /dev/sda2 /", "mkdir-p " + filepath.Dir("/"+subvolume), "btrfs-subvolume-create /" + subvolume,
			"tar-in " + archive + " /" + subvolume, "btrfs-subvolume-create /home",
		}, more...), "\n"))
		return d.path
	}
}
