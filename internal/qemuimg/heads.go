package qemuimg

import (
	"encoding/binary"
	"fmt"
)

// checkQcow2 reads the header as in qemu's docs/interop/qcow2.txt.
func checkQcow2(b []byte, backing bool) error {
	const incompatibleDataFile = 1 << 2
	if len(b) < 72 {
		return fmt.Errorf("%w: the qcow2 header is cut off", ErrFormat)
	}
	version := binary.BigEndian.Uint32(b[4:])
	if version != 2 && version != 3 {
		return fmt.Errorf("%w: qcow2 version %d", ErrFormat, version)
	}
	if binary.BigEndian.Uint64(b[8:]) != 0 && !backing {
		return ErrBackingFile
	}
	if binary.BigEndian.Uint32(b[32:]) != 0 {
		return ErrEncrypted
	}
	if version == 3 {
		if len(b) < 104 {
			return fmt.Errorf("%w: the qcow2 header is cut off", ErrFormat)
		}
		if binary.BigEndian.Uint64(b[72:])&incompatibleDataFile != 0 {
			return ErrDataFile
		}
	}
	return nil
}

// checkVMDK looks at the sparse extent header. One that gives no capacity
// makes qemu follow its descriptor to extents in other files.
func checkVMDK(b []byte) error {
	if len(b) < 20 {
		return fmt.Errorf("%w: the vmdk header is cut off", ErrFormat)
	}
	if binary.LittleEndian.Uint64(b[12:]) == 0 {
		return ErrDataFile
	}
	return nil
}
