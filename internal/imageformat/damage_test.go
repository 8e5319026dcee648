// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// patched is a copy with other bytes at one place.
func patched(b []byte, at int, with ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], with)
	return b
}

// What can't be, what contradicts itself and what can't be trusted is refused.
func TestDamagedHeaders(t *testing.T) {
	_, qcow2 := made(t, Qcow2, "1M")
	_, old := made(t, Qcow2, "1M", "compat=0.10")
	_, backed := made(t, Qcow2, "1M")
	backed = patched(patched(backed, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0), 16, 0, 0, 0, 4)
	_, vdi := made(t, VDI, "1M")
	_, vmdk := made(t, VMDK, "1M")
	_, stream := made(t, VMDK, "1M", "subformat=streamOptimized")
	_, vhdx := made(t, VHDX, "1M")
	// As VMware writes it: the grain directory and a copy of the header at the end.
	stream = patched(stream, 56, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	stream = append(stream, append(append(make([]byte, 512), stream[:512]...), make([]byte, 512)...)...)
	capacity := func(b []byte, sectors uint64) []byte {
		return patched(b, 12, binary.LittleEndian.AppendUint64(nil, sectors)...)
	}
	for what, tc := range map[string]struct {
		format string
		b      []byte
		want   error
	}{
		"qcow2":                     {Qcow2, qcow2, nil},
		"qcow2 v2":                  {Qcow2, old, nil},
		"qcow2 v4":                  {Qcow2, patched(qcow2, 7, 4), ErrFormat},
		"qcow v1":                   {Qcow2, patched(qcow2, 7, 1), ErrFormat},
		"not qcow2":                 {Qcow2, make([]byte, 4096), ErrFormat},
		"empty":                     {Qcow2, nil, ErrFormat},
		"cut off v2":                {Qcow2, old[:70], ErrTruncated},
		"cut off v3":                {Qcow2, qcow2[:80], ErrTruncated},
		"corrupt":                   {Qcow2, patched(qcow2, 79, 2), ErrCorrupt},
		"dirty":                     {Qcow2, patched(qcow2, 79, 1), nil},
		"data file that is unnamed": {Qcow2, patched(qcow2, 79, 4), ErrDataFile},
		"unknown feature":           {Qcow2, patched(qcow2, 79, 1<<5), ErrFormat},
		"unknown high feature":      {Qcow2, patched(qcow2, 72, 0x80), ErrFormat},
		"AES":                       {Qcow2, patched(qcow2, 35, 1), ErrEncrypted},
		"LUKS":                      {Qcow2, patched(old, 35, 2), ErrEncrypted},
		"unknown encryption":        {Qcow2, patched(qcow2, 32, 1), ErrEncrypted},
		"compression":               {Qcow2, patched(patched(qcow2, 79, 8), 104, 9), ErrFormat},
		"tiny clusters":             {Qcow2, patched(qcow2, 23, 8), ErrFormat},
		"huge clusters":             {Qcow2, patched(qcow2, 20, 1), ErrFormat},
		"part of a sector":          {Qcow2, patched(qcow2, 31, 1), ErrSize},
		"more than there are":       {Qcow2, patched(qcow2, 24, 0x80), ErrFormat},
		"huge header":               {Qcow2, patched(qcow2, 100, 0xff), ErrFormat},
		"extension out of bounds":   {Qcow2, patched(qcow2, 112, 1, 2, 3, 4, 0x7f), ErrFormat},
		"backing file":              {Qcow2, backed, ErrBackingFile},
		"backing name far away":     {Qcow2, patched(backed, 8, 1), ErrFormat},
		"backing name too long":     {Qcow2, patched(backed, 17, 1), ErrFormat},
		"backing name in header":    {Qcow2, patched(backed, 14, 0, 8), ErrFormat},
		"backing name cut off":      {Qcow2, backed[:0xf000], ErrTruncated},

		"vdi":            {VDI, vdi, nil},
		"vdi version":    {VDI, patched(vdi, 68, 2), ErrFormat},
		"vdi undo":       {VDI, patched(vdi, 76, vdiUndo), ErrParent},
		"vdi parent":     {VDI, patched(vdi, 440, 1), ErrParent},
		"vdi type":       {VDI, patched(vdi, 76, 9), ErrFormat},
		"vdi cut off":    {VDI, vdi[:400], ErrTruncated},
		"vdi size":       {VDI, patched(vdi, 370, 0x20), ErrSize},
		"vdi signature":  {VDI, patched(vdi, 64, 0), ErrFormat},
		"vdi of nothing": {VDI, nil, ErrFormat},

		"vmdk":                     {VMDK, vmdk, nil},
		"vmdk without capacity":    {VMDK, capacity(vmdk, 0), ErrDataFile},
		"vmdk without descriptor":  {VMDK, patched(vmdk, 28, make([]byte, 8)...), ErrDataFile},
		"vmdk smaller than said":   {VMDK, capacity(vmdk, 1024), ErrSize},
		"vmdk larger than said":    {VMDK, capacity(vmdk, 1<<20), ErrSize},
		"vmdk of a huge size":      {VMDK, capacity(vmdk, 1<<60), ErrFormat},
		"vmdk without grain":       {VMDK, patched(vmdk, 20, make([]byte, 8)...), ErrFormat},
		"vmdk cut off":             {VMDK, vmdk[:100], ErrTruncated},
		"stream":                   {VMDK, stream, nil},
		"stream cut off":           {VMDK, stream[:len(stream)-512], ErrTruncated},
		"stream grown":             {VMDK, append(bytes.Clone(stream), 0), ErrTruncated},
		"stream of two capacities": {VMDK, capacity(stream, 4096), ErrSize},
		"stream of nothing":        {VMDK, stream[:512], ErrTruncated},
		"descriptor alone":         {VMDK, []byte("# Disk DescriptorFile\n"), ErrFormat},

		"vhdx":             {VHDX, vhdx, nil},
		"vhdx one table":   {VHDX, patched(vhdx, vhdxRegions1+20, 1), nil},
		"vhdx no table":    {VHDX, patched(patched(vhdx, vhdxRegions1+20, 1), vhdxRegions2+20, 1), ErrFormat},
		"vhdx cut off":     {VHDX, vhdx[:1<<20], ErrTruncated},
		"vhdx of nothing":  {VHDX, vhdx[:8], ErrTruncated},
		"vhdx signature":   {VHDX, patched(vhdx, 0, 0), ErrFormat},
		"an unknown name":  {"qed", qcow2, ErrFormat},
		"qcow2 as vdi":     {VDI, qcow2, ErrFormat},
		"qcow2 as vpc":     {VPC, qcow2, ErrFormat},
		"vdi as qcow2":     {Qcow2, vdi, ErrFormat},
		"vmdk as vhdx":     {VHDX, vmdk, ErrFormat},
		"vhdx as vmdk":     {VMDK, vhdx, ErrFormat},
		"nothing as vhdx":  {VHDX, nil, ErrFormat},
		"zeros as vmdk":    {VMDK, make([]byte, 1<<20), ErrFormat},
		"zeros as a vhd":   {VPC, make([]byte, 1<<20), ErrFormat},
		"random text":      {VDI, []byte("# Disk of mine\n"), ErrFormat},
		"an archive":       {Qcow2, patched(make([]byte, 1024), 257, []byte("ustar")...), ErrFormat},
		"a page of errors": {VMDK, []byte("<html>404</html>"), ErrFormat},
	} {
		h, err := read(tc.format, tc.b)
		if err == nil {
			err = h.Check(false)
		}
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", what, err, tc.want)
		}
	}
}

// FuzzRead looks for a panic, and for a size that nothing in the file states.
func FuzzRead(f *testing.F) {
	formats := []string{Qcow2, VDI, VHDX, VMDK, VPC}
	for i, format := range formats {
		_, b := made(f, format, "1M")
		f.Add(uint8(i), b[:min(len(b), 8192)], int64(len(b)))
	}
	_, stream := made(f, VMDK, "1M", "subformat=streamOptimized")
	f.Add(uint8(3), stream[:min(len(stream), 8192)], int64(len(stream)))
	f.Add(uint8(3), []byte("# Disk DescriptorFile\nparentCID=1\nRW 8 FLAT \"/etc/passwd\" 0\n"), int64(-1))
	f.Add(uint8(2), vhdxDelta(f)[:8192], int64(8192))
	f.Fuzz(func(t *testing.T, format uint8, b []byte, size int64) {
		name := formats[int(format)%len(formats)]
		h, err := Read(name, bytes.NewReader(b), size)
		if err != nil {
			return
		}
		_ = h.Check(true)
		stated := binary.LittleEndian.AppendUint64(nil, h.SizeBytes)
		switch name {
		case Qcow2, VPC:
			stated = binary.BigEndian.AppendUint64(nil, h.SizeBytes)
		case VMDK:
			if isDescriptor(b) { // whose extents are summed up
				return
			}
			stated = binary.LittleEndian.AppendUint64(nil, h.SizeBytes/SectorBytes)
		}
		if !bytes.Contains(b, stated) {
			t.Errorf("%s: %d bytes are not stated", name, h.SizeBytes)
		}
	})
}

// FuzzQcow2Snapshots looks for a panic, and for a disk that is larger than is allowed.
func FuzzQcow2Snapshots(f *testing.F) {
	name, _ := made(f, Qcow2, "1M")
	for _, snapshot := range []string{"a", "b"} {
		if out, err := exec.Command("qemu-img", "snapshot", "-c", snapshot, name).CombinedOutput(); err != nil {
			f.Fatalf("%v: %s", err, out)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	table := be64(b[64:])
	f.Add(b[:SectorBytes], b[table:], table)
	f.Fuzz(func(t *testing.T, head, table []byte, at uint64) {
		const most = 1 << 20
		if len(head) > int(min(at, most)) || at > most {
			return
		}
		whole := append(append(head, make([]byte, int(at)-len(head))...), table...)
		r := bytes.NewReader(whole)
		h, err := Read(Qcow2, r, int64(len(whole)))
		if err != nil {
			return
		}
		all, err := Qcow2Snapshots(r, h)
		if err != nil {
			return
		}
		for _, s := range all {
			then, err := AtQcow2Snapshot(r, h, s)
			if err != nil {
				continue
			}
			if past, err := Read(Qcow2, then, int64(len(whole))); err == nil && (past.SizeBytes != s.SizeBytes || past.SizeBytes > maxBytes || past.Snapshots != 0) {
				t.Errorf("%+v is read as %+v", s, past)
			}
		}
	})
}
