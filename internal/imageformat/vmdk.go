// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// See VMware's Virtual Disk Format, and qemu's block/vmdk.c.
const (
	vmdkMagic = "KDMV"
	// vmdkDescriptorLine begins a descriptor.
	vmdkDescriptorLine = "# Disk DescriptorFile"
	vmdkHeaderBytes    = 512
	// vmdkAtEnd stands for the grain directory where it is behind the data; a
	// copy of the header is in front of the last sector then.
	vmdkAtEnd     = 1<<64 - 1
	maxDescriptor = 1 << 20
	maxExtents    = 8 // that are named
)

func readVMDK(f file) (h Header, err error) {
	b, err := f.upTo(0, vmdkHeaderBytes)
	if err != nil {
		return h, err
	}
	if isDescriptor(b) {
		text, err := f.upTo(0, maxDescriptor)
		if err == nil {
			err = h.readDescriptor(text)
		}
		return h, err
	}
	if !strings.HasPrefix(string(b), vmdkMagic) {
		return h, notThe(VMDK, f)
	}
	if len(b) < vmdkHeaderBytes {
		return h, fmt.Errorf("%w: the vmdk header is cut off", ErrTruncated)
	}
	capacity := le64(b[12:])
	if le64(b[56:]) == vmdkAtEnd && f.size >= 0 {
		if capacity, err = vmdkFooter(f, capacity); err != nil {
			return h, err
		}
	}
	grain := le64(b[20:])
	if capacity > 1<<54 || grain == 0 || grain > 1<<20 {
		return h, fmt.Errorf("%w: a vmdk of %d sectors in grains of %d", ErrFormat, capacity, grain)
	}
	h.SizeBytes, h.ClusterBytes = capacity*SectorBytes, grain*SectorBytes
	return h, h.readEmbedded(f, capacity, grain, le64(b[28:]), le64(b[36:]))
}

func isDescriptor(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(b, "\xef\xbb\xbf \t\r\n"), []byte(vmdkDescriptorLine))
}

// vmdkFooter reads the copy of the header at the end.
func vmdkFooter(f file, capacity uint64) (uint64, error) {
	const fromEnd = 1024
	if f.size < fromEnd {
		return 0, fmt.Errorf("%w: its vmdk footer is missing", ErrTruncated)
	}
	b, err := f.read(uint64(f.size-fromEnd), vmdkHeaderBytes, "footer")
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(string(b), vmdkMagic) {
		return 0, fmt.Errorf("%w: its vmdk footer is missing, or there is something behind it", ErrTruncated)
	}
	if at := le64(b[12:]); at != capacity {
		return 0, fmt.Errorf("%w: its header gives %d sectors, its footer %d", ErrSize, capacity, at)
	}
	return capacity, nil
}

// readEmbedded reads the descriptor inside of a sparse extent. Without one it is
// a part of a disk in several files.
func (h *Header) readEmbedded(f file, capacity, grain, at, sectors uint64) error {
	const most = 1 << 40
	var text []byte
	if at != 0 && at < most {
		var err error
		if text, err = f.upTo(int64(at*SectorBytes), int(min(sectors, maxDescriptor/SectorBytes))*SectorBytes); err != nil {
			return err
		}
		text, _, _ = bytes.Cut(text, []byte{0})
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return fmt.Errorf("%w: it is one of the extents of a disk in several files, as it has no descriptor", ErrDataFile)
	}
	if err := h.readDescriptor(text); err != nil {
		return err
	}
	if len(h.Extents) > 1 || capacity == 0 {
		return nil // which Check refuses
	}
	if len(h.Extents) == 1 {
		// The name is that which this file had when it was made.
		said := h.Extents[0].Sectors
		if h.Extents[0].Kind != "SPARSE" {
			return nil
		}
		if said > capacity || (said+grain-1)/grain*grain < capacity {
			return fmt.Errorf("%w: its header gives %d sectors, its descriptor %d", ErrSize, capacity, said)
		}
	}
	h.Extents = nil
	return nil
}

var (
	vmdkValue  = regexp.MustCompile(`(?m)^[ \t]*(parentCID|parentFileNameHint|createType)[ \t]*=[ \t]*"?([^"\r\n]*)"?`)
	vmdkExtent = regexp.MustCompile(`(?m)^[ \t]*(?:RW|RDONLY|NOACCESS)[ \t]+([0-9]{1,18})[ \t]+([A-Z0-9_]{1,16})(?:[ \t]+"([^"\r\n]*)")?`)
)

// readDescriptor reads the text that tells what a disk consists of.
func (h *Header) readDescriptor(text []byte) error {
	for _, m := range vmdkValue.FindAllSubmatch(text, -1) {
		switch v := string(m[2]); string(m[1]) {
		case "parentCID":
			cid, err := strconv.ParseUint(strings.TrimSpace(v), 16, 32)
			h.HasParent = h.HasParent || err != nil || cid != 1<<32-1
		case "parentFileNameHint":
			h.HasParent, h.Parent = true, v
		case "createType":
			h.CreateType = v
		}
	}
	var total uint64
	for _, m := range vmdkExtent.FindAllSubmatch(text, -1) {
		n, err := strconv.ParseUint(string(m[1]), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: its descriptor is damaged", ErrFormat)
		}
		total += n
		h.Extents = append(h.Extents, Extent{string(m[2]), string(m[3]), n})
	}
	if h.SizeBytes == 0 {
		if len(h.Extents) == 0 {
			return fmt.Errorf("%w: its descriptor names no extent", ErrFormat)
		}
		h.SizeBytes = total * SectorBytes
	}
	return nil
}

func extentsText(extents []Extent) string {
	var names []string
	for _, e := range extents[:min(len(extents), maxExtents)] {
		if e.File != "" {
			names = append(names, Quote(e.File))
		}
	}
	if n := len(extents) - maxExtents; n > 0 {
		names = append(names, fmt.Sprintf("%d more", n))
	}
	return "it is a descriptor that names " + strings.Join(names, ", ")
}
