// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func qemuImg(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("qemu-img", args...).Output()
	if err != nil {
		t.Fatalf("qemu-img %v: %v", args, err)
	}
	return out
}

// made is an image as qemu-img makes it.
func made(t testing.TB, format, size string, options ...string) (path string, b []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "image")
	args := []string{"create", "-q", "-f", format}
	for _, o := range options {
		args = append(args, "-o", o)
	}
	qemuImg(t, append(args, path, size)...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, b
}

func read(format string, b []byte) (Header, error) {
	return Read(format, bytes.NewReader(b), int64(len(b)))
}

// What is read of an honest image is what qemu-img reads.
func TestSizesAsQemuReadsThem(t *testing.T) {
	for _, tc := range []struct{ format, options string }{
		{Qcow2, "compat=0.10"}, {Qcow2, "compat=1.1"}, {Qcow2, "cluster_size=512"}, {Qcow2, "cluster_size=2M"},
		{Qcow2, "compression_type=zstd"}, {Qcow2, "extended_l2=on,cluster_size=128k"},
		{VDI, "static=off"}, {VDI, "static=on"},
		{VHDX, "subformat=dynamic"}, {VHDX, "subformat=fixed"}, {VHDX, "block_size=1M"},
		{VMDK, "subformat=monolithicSparse"}, {VMDK, "subformat=streamOptimized"},
		{VPC, "subformat=dynamic"}, {VPC, "subformat=fixed"}, {VPC, "subformat=dynamic,force_size=on"}, {VPC, "subformat=fixed,force_size=on"},
	} {
		for _, size := range []string{"1M", "3145728", "33554944", "5G"} {
			if size == "5G" && (strings.Contains(tc.options, "fixed") || strings.Contains(tc.options, "static=on") || strings.Contains(tc.options, "cluster_size=512")) {
				continue // the file would be as large
			}
			t.Run(fmt.Sprint(tc.format, " ", tc.options, " ", size), func(t *testing.T) {
				path, b := made(t, tc.format, size, tc.options)
				var want struct {
					Size uint64 `json:"virtual-size"`
				}
				if err := json.Unmarshal(qemuImg(t, "info", "--output=json", "-f", tc.format, path), &want); err != nil {
					t.Fatal(err)
				}
				h, err := read(tc.format, b)
				if err == nil {
					err = h.Check(false)
				}
				if err != nil || h.SizeBytes != want.Size {
					t.Errorf("%d bytes, %v; qemu-img reads %d", h.SizeBytes, err, want.Size)
				}
			})
		}
	}
}

// What is inside of a qcow2 beside the disk is counted.
func TestQcow2Counts(t *testing.T) {
	path, _ := made(t, Qcow2, "1M")
	qemuImg(t, "snapshot", "-c", "one", path)
	qemuImg(t, "snapshot", "-c", "two", path)
	qemuImg(t, "bitmap", "--add", path, "b")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := read(Qcow2, b); err != nil || h.Snapshots != 2 || h.Bitmaps != 1 || h.Dirty {
		t.Errorf("%+v, %v", h, err)
	}
}

// footer changes a VHD's footers, of which a dynamic one has two.
func footer(b []byte, change func([]byte)) []byte {
	b = bytes.Clone(b)
	for _, at := range []int{0, len(b) - vpcFooterBytes} {
		if f := b[at:][:vpcFooterBytes]; bytes.HasPrefix(f, []byte(vpcCookie)) {
			change(f)
			binary.BigEndian.PutUint32(f[64:], vpcChecksum(f, 64))
		}
	}
	return b
}

func geometry(creator string, cylinders uint16, heads, sectors byte) func([]byte) {
	return func(f []byte) {
		copy(f[28:32], creator)
		binary.BigEndian.PutUint16(f[56:], cylinders)
		f[58], f[59] = heads, sectors
	}
}

// The size of a VHD is that of its footer, whoever made it.
func TestVPCSize(t *testing.T) {
	const size = 64 << 20
	_, fixed := made(t, VPC, "64M", "subformat=fixed,force_size=on")
	_, dynamic := made(t, VPC, "64M", "subformat=dynamic,force_size=on")
	for kind, b := range map[string][]byte{"fixed": fixed, "dynamic": dynamic} {
		for _, creator := range []string{"wa\x00\x00", "vbox", "vpc ", "qemu", "qem2", "win ", "d2v ", "vs  ", "tap\x00", "CTXS", "\x00\x00\x00\x00", "zzzz"} {
			for what, chs := range map[string]func([]byte){
				"small": geometry(creator, 963, 8, 17), "none": geometry(creator, 0, 0, 0), "most": geometry(creator, 65535, 16, 255),
			} {
				if h, err := read(VPC, footer(b, chs)); err != nil || h.SizeBytes != size {
					t.Errorf("%s of %q, geometry %s: %d bytes, %v", kind, creator, what, h.SizeBytes, err)
				}
			}
			h, err := read(VPC, footer(b, geometry(creator, 964, 8, 17)))
			if byGeometry := creator == "vpc " || creator == "qemu"; byGeometry != errors.Is(err, ErrSize) || !byGeometry && h.SizeBytes != size {
				t.Errorf("%s of %q with a larger geometry: %d bytes, %v", kind, creator, h.SizeBytes, err)
			}
		}
	}
	for what, tc := range map[string]struct {
		b    []byte
		want error
	}{
		"cut off":              {fixed[:size-4096], ErrFormat},
		"cut off in front":     {fixed[4096:], ErrTruncated},
		"grown in front":       {append(make([]byte, 4096), fixed...), ErrSize},
		"grown behind":         {append(bytes.Clone(fixed), make([]byte, 512)...), ErrFormat},
		"half a sector":        {footer(fixed, func(f []byte) { f[55] = 1 }), ErrSize},
		"a huge size":          {footer(fixed, func(f []byte) { f[48] = 0xff }), ErrTruncated},
		"a huge dynamic size":  {footer(dynamic, func(f []byte) { f[48] = 0xff }), ErrSize},
		"a wrong checksum":     {append(bytes.Clone(fixed[:size+48]), append([]byte{1}, fixed[size+49:]...)...), ErrFormat},
		"fixed at the start":   {footer(dynamic, func(f []byte) { f[63] = vpcFixed }), ErrFormat},
		"dynamic at the end":   {footer(fixed, func(f []byte) { f[63] = vpcDynamic }), ErrFormat},
		"an unknown type":      {footer(dynamic, func(f []byte) { f[63] = 7 }), ErrFormat},
		"no dynamic header":    {dynamic[:600], ErrTruncated},
		"a header far outside": {footer(dynamic, func(f []byte) { f[16] = 0x7f }), ErrTruncated},
		"nothing":              {nil, ErrFormat},
		"a few bytes":          {[]byte("conectix"), ErrTruncated},
	} {
		if _, err := read(VPC, tc.b); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", what, err, tc.want)
		}
	}
}

// What has its data in blocks must have them all.
func TestVPCCutOff(t *testing.T) {
	path, _ := made(t, VPC, "16M", "subformat=dynamic")
	if out, err := exec.Command("qemu-io", "-f", "vpc", "-c", "write -P 7 9M 64k", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(VPC, b); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{len(b) - 513, len(b) * 2 / 3, 1536, 2048} {
		if _, err := read(VPC, b[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
}

func put16(s string, order binary.ByteOrder) []byte {
	var b []byte
	for _, r := range s {
		b = append(b, 0, 0)
		order.PutUint16(b[len(b)-2:], uint16(r))
	}
	return b
}

// The file that an image refers to is named.
func TestReferences(t *testing.T) {
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	bytesOf := func(n string) []byte {
		b, err := os.ReadFile(at(n))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	qemuImg(t, "create", "-q", "-u", "-f", Qcow2, "-F", "raw", "-b", "/etc/passwd", at("backing"), "1M")
	qemuImg(t, "create", "-q", "-f", Qcow2, "-o", "data_file="+at("data"), at("external"), "1M")
	qemuImg(t, "create", "-q", "-f", VMDK, at("base.vmdk"), "1M")
	qemuImg(t, "create", "-q", "-f", VMDK, "-F", VMDK, "-b", at("base.vmdk"), at("delta.vmdk"))
	qemuImg(t, "create", "-q", "-f", VMDK, "-o", "subformat=monolithicFlat", at("flat.vmdk"), "1M")
	qemuImg(t, "create", "-q", "-f", VMDK, "-o", "subformat=twoGbMaxExtentSparse", at("split.vmdk"), "3G")
	_, vdi := made(t, VDI, "1M")
	vdi[76], vdi[424] = vdiDifferencing, 0xab
	_, vpc := made(t, VPC, "1M")
	vpc = footer(vpc, func(f []byte) { f[63] = vpcDifferencing })
	header := vpc[512:][:vpcDynamicBytes]
	copy(header[64:], put16("base.vhd", binary.BigEndian))
	locator := put16(`C:\secret\base.vhd`, binary.LittleEndian)
	copy(header[576:], "W2ku")
	binary.BigEndian.PutUint32(header[584:], uint32(len(locator)))
	binary.BigEndian.PutUint64(header[592:], uint64(len(vpc)-512-len(locator)-1000))
	copy(vpc[len(vpc)-512-len(locator)-1000:], locator)
	binary.BigEndian.PutUint32(header[36:], vpcChecksum(header, 36))

	for what, tc := range map[string]struct {
		format string
		b      []byte
		err    error
		want   string
	}{
		"backing file":   {Qcow2, bytesOf("backing"), ErrBackingFile, `"/etc/passwd"`},
		"data file":      {Qcow2, bytesOf("external"), ErrDataFile, at("data")},
		"vmdk parent":    {VMDK, bytesOf("delta.vmdk"), ErrParent, at("base.vmdk")},
		"flat":           {VMDK, bytesOf("flat.vmdk"), ErrDataFile, `"flat-flat.vmdk"`},
		"split":          {VMDK, bytesOf("split.vmdk"), ErrDataFile, `"split-s001.vmdk", "split-s002.vmdk"`},
		"passwd":         {VMDK, []byte("# Disk DescriptorFile\nversion=1\nparentCID=ffffffff\nRW 8 FLAT \"/etc/passwd\" 0\n"), ErrDataFile, `"/etc/passwd"`},
		"with a BOM":     {VMDK, []byte("\xef\xbb\xbf# Disk DescriptorFile\r\nRW 8 FLAT \"/etc/passwd\" 0\r\n"), ErrDataFile, `"/etc/passwd"`},
		"a device":       {VMDK, []byte("# Disk DescriptorFile\nRW 8 VMFSRDM \"/dev/sda\"\n"), ErrDataFile, `"/dev/sda"`},
		"control":        {VMDK, []byte("# Disk DescriptorFile\nRW 8 FLAT \"\x1b[2Jevil\u202e\" 0\n"), ErrDataFile, `"\x1b[2Jevil\u202e"`},
		"vdi parent":     {VDI, vdi, ErrParent, `ab00`},
		"vhd parent":     {VPC, vpc, ErrParent, `base.vhd or C:\\secret\\base.vhd`},
		"vhdx parent":    {VHDX, vhdxDelta(t), ErrParent, `..\\base.vhdx or D:\\base.vhdx`},
		"part of a vmdk": {VMDK, bytesOf("split-s001.vmdk"), ErrDataFile, `several files`},
	} {
		h, err := read(tc.format, tc.b)
		if err == nil {
			err = h.Check(false)
		}
		if !errors.Is(err, tc.err) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", what, err, tc.want)
		}
	}
	if got := Quote(strings.Repeat("ä", 5000)); len(got) > 500 || !strings.HasSuffix(got, "…\"") {
		t.Errorf("%d bytes", len(got))
	}
}

// vhdxDelta is a differencing VHDX, as Hyper-V would make it.
func vhdxDelta(t testing.TB) []byte {
	t.Helper()
	_, b := made(t, VHDX, "1M")
	table := b[vhdxRegions1:][:vhdxRegionsBytes]
	meta, _, _ := vhdxFind(table, 16, le32(table[8:]), guidMetadata)
	m := b[meta:][:vhdxMetadataBytes]
	n := le16(m[10:])
	parameters, _, _ := vhdxFind(m, 32, uint32(n), guidParameters)
	b[meta+parameters+4] |= vhdxHasParent
	const at = 512 << 10
	entry := m[32+32*int(n):]
	copy(entry, guidLocator)
	binary.LittleEndian.PutUint32(entry[16:], at)
	binary.LittleEndian.PutUint16(m[10:], n+1)
	locator := make([]byte, 20+2*12)
	binary.LittleEndian.PutUint16(locator[18:], 2)
	for i, kv := range [][2]string{{"relative_path", `..\base.vhdx`}, {"absolute_win32_path", `D:\base.vhdx`}} {
		e := locator[20+12*i:]
		for j, s := range kv {
			text := put16(s, binary.LittleEndian)
			binary.LittleEndian.PutUint32(e[4*j:], uint32(len(locator)))
			binary.LittleEndian.PutUint16(e[8+2*j:], uint16(len(text)))
			locator = append(locator, text...)
			e = locator[20+12*i:]
		}
	}
	binary.LittleEndian.PutUint32(entry[20:], uint32(len(locator)))
	copy(b[meta+at:], locator)
	return b
}
