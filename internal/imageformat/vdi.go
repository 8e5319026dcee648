// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bytes"
	"fmt"
)

// The header of a VDI, as qemu's block/vdi.c and VirtualBox have it.
const (
	vdiSignature   = "\x7f\x10\xda\xbe" // at 64
	vdiHeaderBytes = 512
	vdiVersion     = 1<<16 | 1

	vdiDynamic, vdiFixed, vdiUndo, vdiDifferencing = 1, 2, 3, 4
)

func readVDI(f file) (h Header, err error) {
	b, err := f.upTo(0, vdiHeaderBytes)
	if err != nil {
		return h, err
	}
	if len(b) < 68 || string(b[64:68]) != vdiSignature {
		return h, notThe(VDI, f)
	}
	if len(b) < vdiHeaderBytes {
		return h, fmt.Errorf("%w: the vdi header is cut off", ErrTruncated)
	}
	if v := le32(b[68:]); v != vdiVersion {
		return h, fmt.Errorf("%w: vdi version %d.%d", ErrFormat, v>>16, v&0xffff)
	}
	h.SizeBytes, h.ClusterBytes = le64(b[368:]), uint64(le32(b[376:]))
	var none [16]byte
	link, parent := b[424:440], b[440:456]
	switch kind := le32(b[76:]); {
	case kind == vdiUndo, kind == vdiDifferencing, !bytes.Equal(link, none[:]), !bytes.Equal(parent, none[:]):
		h.HasParent, h.Parent = true, fmt.Sprintf("uuid %x", link)
	case kind != vdiDynamic && kind != vdiFixed:
		return h, fmt.Errorf("%w: vdi of type %d", ErrFormat, kind)
	}
	if have := uint64(le32(b[384:])) * h.ClusterBytes; have < h.SizeBytes {
		return h, fmt.Errorf("%w: its header gives %d bytes, and blocks for %d", ErrSize, h.SizeBytes, have)
	}
	return h, nil
}
