// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"hash/crc32"
	"slices"
	"strings"
)

// physicalVolume is an LVM2 physical volume.
type physicalVolume struct {
	*device
	id   string   // without the dashes
	text string   // the volume group's metadata
	vg   *section // the text's first section
	name string   // the volume group's
	part *partition
	// areas are begin and length of the metadata areas, in bytes.
	areas [][2]uint64
}

// volume is a logical volume; err says why it can't be read.
type volume struct {
	name   string // as libguestfs names it
	dmName string // its other name, /dev/mapper/VG-LV
	dev    *device
	err    error

	vg, lv *section
	pvs    []*physicalVolume // of the whole disk
}

// readPV reads an LVM2 label and the metadata; it returns nil where a device
// has no label.
func readPV(d *device) (*physicalVolume, error) {
	if d.size < 4*sector {
		return nil, nil
	}
	head, err := d.bytes(0, 4*sector)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc([]int{0, 1, 2, 3}, func(i int) bool { return string(head[i*sector:i*sector+8]) == "LABELONE" })
	if i < 0 {
		return nil, nil
	}
	label := head[i*sector : (i+1)*sector]
	if le.Uint64(label[8:]) != uint64(i) || string(label[24:32]) != "LVM2 001" || lvmCRC(label[20:]) != le.Uint32(label[16:]) {
		return nil, unsupported("a damaged LVM label")
	}
	off := le.Uint32(label[20:])
	if off < 32 || off > sector-100 {
		return nil, unsupported("a damaged LVM label")
	}
	pv := &physicalVolume{device: d, id: string(label[off : off+32])}
	areas, err := metadataAreas(label, int(off)+40)
	if err != nil {
		return nil, err
	}
	pv.areas = areas
	for _, area := range areas {
		text, err := readLVMText(d, area[0], area[1])
		if err != nil {
			return nil, err
		}
		if pv.text != "" && text != pv.text {
			return nil, unsupported("LVM metadata areas that differ")
		}
		pv.text = text
	}
	if pv.text == "" {
		return nil, unsupported("an LVM physical volume without metadata")
	}
	return pv, pv.findGroup()
}

// metadataAreas are begin and length, in bytes, of the areas that a label names.
// There are two lists from pos on, of data areas and of metadata areas, each with
// an end mark.
func metadataAreas(label []byte, pos int) (areas [][2]uint64, err error) {
	for list := range 2 {
		for {
			if pos+16 > sector {
				return nil, unsupported("a damaged LVM label")
			}
			at, n := le.Uint64(label[pos:]), le.Uint64(label[pos+8:])
			pos += 16
			if at == 0 {
				break
			}
			if list == 1 {
				areas = append(areas, [2]uint64{at, n})
			}
		}
	}
	return areas, nil
}

// findGroup finds the one volume group in the metadata.
func (pv *physicalVolume) findGroup() error {
	top, err := parseLVM(pv.text)
	if err != nil {
		return err
	}
	for _, name := range top.order {
		if sec, ok := top.values[name].(*section); ok {
			if pv.vg != nil {
				return unsupported("LVM metadata of two volume groups")
			}
			pv.vg, pv.name = sec, name
		}
	}
	if pv.vg == nil {
		return unsupported("LVM metadata without a volume group")
	}
	return nil
}

// readLVMText reads the committed text of a metadata area, which is a ring
// behind a header of one sector.
func readLVMText(d *device, at, size uint64) (string, error) {
	if at > uint64(d.size) || size > uint64(d.size)-at || size <= sector {
		return "", unsupported("an LVM metadata area beyond its device")
	}
	h, err := d.bytes(int64(at), sector)
	if err != nil {
		return "", err
	}
	if lvmCRC(h[4:]) != le.Uint32(h) || string(h[4:20]) != " LVM2 x[5A%r0N*>" || le.Uint32(h[20:]) != 1 || le.Uint64(h[24:]) != at || le.Uint64(h[32:]) != size {
		return "", unsupported("a damaged LVM metadata area")
	}
	off, n, sum, flags := le.Uint64(h[40:]), le.Uint64(h[48:]), le.Uint32(h[56:]), le.Uint32(h[60:])
	if off < sector || off >= size || n == 0 || n > size-sector || n > maxRead || flags != 0 || le.Uint64(h[64:]) != 0 {
		return "", unsupported("LVM metadata in an unusual state")
	}
	first := min(n, size-off)
	text, err := d.bytes(int64(at+off), int64(first))
	if err != nil {
		return "", err
	}
	if first < n {
		rest, err := d.bytes(int64(at)+sector, int64(n-first))
		if err != nil {
			return "", err
		}
		text = append(text, rest...)
	}
	if lvmCRC(text) != sum {
		return "", unsupported("damaged LVM metadata")
	}
	return string(text), nil
}

// lvmCRC is LVM2's CRC-32, with an initial value of its own.
func lvmCRC(b []byte) uint32 { return ^crc32.Update(^uint32(0xf597a6cf), crc32.IEEETable, b) }

// volumes returns the visible logical volumes of the physical volumes.
func volumes(pvs []*physicalVolume) ([]volume, error) {
	var out []volume
	seen := map[string]string{}
	for _, pv := range pvs {
		if text, ok := seen[pv.name]; ok {
			if text != pv.text {
				return nil, unsupported("two LVM volume groups %q", pv.name)
			}
			continue
		}
		seen[pv.name] = pv.text
		lvs := pv.vg.child("logical_volumes")
		for _, name := range lvs.order {
			if !hasFlag(lvs.list(name, "status"), "VISIBLE") {
				continue
			}
			v := volume{
				name: "/dev/" + pv.name + "/" + name, dmName: "/dev/mapper/" + dmEscape(pv.name) + "-" + dmEscape(name),
				vg: pv.vg, lv: lvs.child(name), pvs: pvs,
			}
			v.dev, v.err = linearVolume(pv.vg, lvs.child(name), pvs)
			out = append(out, v)
		}
	}
	return out, nil
}

// dmEscape doubles dashes, as the device mapper's names have them.
func dmEscape(s string) string { return strings.ReplaceAll(s, "-", "--") }

func hasFlag(flags []any, flag string) bool { return slices.Contains(flags, any(flag)) }

// onlyFlags says whether there are no flags but the given ones.
func onlyFlags(flags []any, known ...any) bool {
	return !slices.ContainsFunc(flags, func(f any) bool { return !slices.Contains(known, f) })
}

// linearVolume maps a logical volume of linear segments.
func linearVolume(vg, lv *section, pvs []*physicalVolume) (*device, error) {
	if !onlyFlags(vg.list("status"), "RESIZEABLE", "READ", "WRITE", "CLUSTERED", "SHARED") ||
		!onlyFlags(lv.list("status"), "READ", "WRITE", "VISIBLE", "FIXED_MINOR") || !onlyFlags(lv.list("flags")) {
		return nil, unsupported("a logical volume with the flags %v %v", lv.list("status"), lv.list("flags"))
	}
	extentSize, count := vg.num("extent_size"), lv.num("segment_count")
	if extentSize < 1 || extentSize > 1<<30 || count < 1 || count > maxLVMNodes {
		return nil, unsupported("LVM metadata that makes no sense")
	}
	extentSize *= sector
	segments := make([]*section, 0, count)
	for _, name := range lv.order {
		if seg, ok := lv.values[name].(*section); ok && strings.HasPrefix(name, "segment") {
			segments = append(segments, seg)
		}
	}
	if int64(len(segments)) != count {
		return nil, unsupported("LVM metadata that makes no sense")
	}
	slices.SortFunc(segments, func(a, b *section) int { return int(a.num("start_extent") - b.num("start_extent")) })
	l := &linear{}
	var size int64
	for _, seg := range segments {
		if kind := seg.str("type"); kind != "striped" && kind != "linear" {
			return nil, unsupported("a logical volume of the type %q", kind)
		}
		if n := seg.num("stripe_count"); n != 1 {
			return nil, unsupported("a logical volume of %d stripes", n)
		}
		start, n, stripe := seg.num("start_extent"), seg.num("extent_count"), seg.list("stripes")
		const max = 1 << 40 // so that nothing below overflows
		if n < 1 || n > max/extentSize*sector || start*extentSize != size || len(stripe) != 2 {
			return nil, unsupported("LVM metadata that makes no sense")
		}
		pvName, _ := stripe[0].(string)
		first, ok := stripe[1].(int64)
		if !ok || first < 0 || first > max/extentSize*sector {
			return nil, unsupported("LVM metadata that makes no sense")
		}
		info := vg.child("physical_volumes", pvName)
		i := slices.IndexFunc(pvs, func(p *physicalVolume) bool { return p.id == strings.ReplaceAll(info.str("id"), "-", "") })
		if i < 0 || !onlyFlags(info.list("status"), "ALLOCATABLE") || !onlyFlags(info.list("flags")) {
			return nil, unsupported("a logical volume on a physical volume that is missing")
		}
		at, bytes := info.num("pe_start")*sector+first*extentSize, n*extentSize
		if at < 0 || at > pvs[i].size || bytes > pvs[i].size-at {
			return nil, unsupported("a logical volume beyond its physical volume")
		}
		l.extents = append(l.extents, extent{size, bytes, at, pvs[i].device})
		size += bytes
	}
	return &device{r: l, size: size, cache: &cache{}}, nil
}
