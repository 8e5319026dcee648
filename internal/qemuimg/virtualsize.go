package qemuimg

import "encoding/binary"

// VirtualSize tells the virtual size in bytes of a source by its first
// HeadBytes, without qemu-img, for a source that is not all at hand. fileBytes is
// the source's own size, -1 where it is not known. It is false where the head
// does not tell.
func VirtualSize(format string, head []byte, fileBytes int64) (uint64, bool) {
	const sector = 512
	switch {
	case format == "raw" && fileBytes >= 0:
		return (uint64(fileBytes) + sector - 1) / sector * sector, true
	case format == "qcow2" && len(head) >= 32:
		return binary.BigEndian.Uint64(head[24:]), true
	case format == "vmdk" && len(head) >= 20:
		return binary.LittleEndian.Uint64(head[12:]) * sector, true
	case format == "vdi" && len(head) >= 376:
		return binary.LittleEndian.Uint64(head[368:]), true
	}
	return 0, false
}
