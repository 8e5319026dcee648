// SPDX-License-Identifier: MPL-2.0

package guestread

// Parts of XFS's log, see the kernel's fs/xfs/xfs_log_recover.c: a ring of
// sectors, each beginning with the number of the round it was written in.
const (
	logMagic     = 0xfeedbabe
	logUnmount   = 0x20      // flag of the record that an unmount leaves
	logHeaderLen = 32 << 10  // bytes of a record that one header covers
	logWindow    = 4096      // sectors that may be in flight at once: 8 buffers of 256 KiB
	maxLog       = 1<<31 - 1 // bytes, the kernel's own limit
)

// checkLog refuses a file system that has to be recovered: unless the log ends
// with the record of an unmount, what it holds is not in its place yet.
func (x *xfs) checkLog(sb []byte) error {
	start, blocks := be.Uint64(sb[48:]), int64(be.Uint32(sb[96:]))
	if start == 0 {
		return unsupported("XFS with its log on another device")
	}
	if blocks < 1 || blocks > maxLog/x.blockSize {
		return unsupported("an XFS log of %d blocks", blocks)
	}
	at, err := x.offset(start)
	if err != nil {
		return err
	}
	if _, err := x.offset(start + uint64(blocks) - 1); err != nil {
		return err
	}
	l := &xfsLog{d: x.d, at: at, n: blocks * x.blockSize / sector, uuid: x.uuid}
	clean, err := l.clean()
	if err != nil {
		return err
	}
	if !clean {
		return unsupported("XFS with a log that must be replayed")
	}
	return nil
}

type xfsLog struct {
	d    *device
	at   int64 // of the log on the device, in bytes
	n    int64 // sectors
	uuid [16]byte
}

func (l *xfsLog) sectors(first, n int64) ([]byte, error) {
	return l.d.bytes(l.at+first*sector, n*sector)
}

func (l *xfsLog) cycle(n int64) (uint32, error) {
	b, err := l.sectors(n, 1)
	if err != nil {
		return 0, err
	}
	return cycleOf(b), nil
}

// cycleOf is a sector's round. A header begins with the magic number, and has
// the round behind it.
func cycleOf(b []byte) uint32 {
	if c := be.Uint32(b); c != logMagic {
		return c
	}
	return be.Uint32(b[4:])
}

// clean says whether the last thing in the log is the record of an unmount.
func (l *xfsLog) clean() (bool, error) {
	head, err := l.head()
	if err != nil {
		return false, err
	}
	// Before the head there are sectors of the latest round only, behind it
	// only older ones. Anything else is what a crash leaves.
	first := max(0, head-logWindow)
	before, err := l.sectors(first, head-first)
	if err != nil {
		return false, err
	}
	after, err := l.sectors(head, min(logWindow, l.n-head))
	if err != nil {
		return false, err
	}
	if len(before) == 0 {
		return false, nil // a round that has just begun: rare, and not worth more
	}
	latest := cycleOf(before[len(before)-sector:])
	for i := 0; i < len(before); i += sector {
		if cycleOf(before[i:]) != latest {
			return false, nil
		}
	}
	for i := 0; i < len(after); i += sector {
		if c := cycleOf(after[i:]); c != latest-1 {
			return false, nil
		}
	}
	for i := len(before) - sector; i >= 0; i -= sector {
		if be.Uint32(before[i:]) == logMagic {
			return l.isUnmount(before[i:]), nil
		}
	}
	return false, nil
}

// isUnmount says whether the bytes are one record of an unmount, and no more.
func (l *xfsLog) isUnmount(b []byte) bool {
	version, length, size := be.Uint32(b[8:]), int64(be.Uint32(b[12:])), int64(be.Uint32(b[320:]))
	headers := int64(1)
	if version&2 != 0 && size > logHeaderLen {
		headers = (size + logHeaderLen - 1) / logHeaderLen
	}
	body := (length + sector - 1) / sector
	if headers > logWindow || body < 1 || body > logWindow || (headers+body)*sector != int64(len(b)) {
		return false
	}
	if be.Uint32(b[40:]) != 1 || [16]byte(b[304:320]) != l.uuid {
		return false
	}
	return b[headers*sector+9]&logUnmount != 0
}

// head finds the first sector that the latest round has not reached.
func (l *xfsLog) head() (int64, error) {
	first, err := l.cycle(0)
	if err != nil {
		return 0, err
	}
	last, err := l.cycle(l.n - 1)
	if err != nil {
		return 0, err
	}
	if first == last {
		return l.n, nil
	}
	lo, hi := int64(0), l.n-1 // lo has the round of the first, hi has not
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		c, err := l.cycle(mid)
		if err != nil {
			return 0, err
		}
		if c == first {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi, nil
}
