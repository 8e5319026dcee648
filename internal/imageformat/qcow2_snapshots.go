// SPDX-License-Identifier: MPL-2.0

package imageformat

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// ErrNoSnapshot says that a qcow2 has no internal snapshot of a name, or several.
var ErrNoSnapshot = errors.New("no such internal snapshot")

// Qcow2Snapshot is an internal snapshot of a qcow2: a disk of its own, which shares
// the file's clusters.
type Qcow2Snapshot struct {
	// ID and Name stand as they are in the image; use Quote to show one.
	ID, Name string
	// SizeBytes is the size of the disk then; that of today where the image, of
	// version 2, does not say.
	SizeBytes uint64

	tableAt      uint64
	tableEntries uint32
}

const (
	// These are qemu's.
	maxQcow2Snapshots  = 65536
	maxSnapshotExtra   = 1024
	maxTableEntries    = 32 << 20 / 8
	snapshotEntryBytes = 40
	// maxSnapshotTable is less than qemu's 64 MiB: entries have some 80 bytes.
	maxSnapshotTable = 16 << 20
	// mostNamed is how many snapshots an error names.
	mostNamed = 20
)

// Qcow2Snapshots lists the internal snapshots of a qcow2 whose header was read:
// `qemu-img snapshot -l`.
//
// Errors: ErrFormat, ErrTruncated.
func Qcow2Snapshots(r io.ReaderAt, h Header) (out []Qcow2Snapshot, err error) {
	head := make([]byte, qcow2V2)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	count, at := be32(head[60:]), be64(head[64:])
	if count > maxQcow2Snapshots || at > math.MaxInt64-maxSnapshotTable {
		return nil, fmt.Errorf("%w: its table of internal snapshots makes no sense", ErrFormat)
	}
	table := &counted{r: bufio.NewReader(io.NewSectionReader(r, int64(at), maxSnapshotTable))}
	for range count {
		s, err := readSnapshot(table, h)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: its table of internal snapshots ends too early, or has more than %d bytes", ErrTruncated, maxSnapshotTable)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// counted tells how far it was read: entries begin at multiples of eight.
type counted struct {
	r io.Reader
	n int
}

func (c *counted) next(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(c.r, b)
	c.n += n
	return b, err
}

func readSnapshot(table *counted, h Header) (s Qcow2Snapshot, err error) {
	b, err := table.next(snapshotEntryBytes)
	if err != nil {
		return s, err
	}
	s = Qcow2Snapshot{SizeBytes: h.SizeBytes, tableAt: be64(b), tableEntries: be32(b[8:])}
	idBytes, nameBytes, extraBytes := int(binary.BigEndian.Uint16(b[12:])), int(binary.BigEndian.Uint16(b[14:])), be32(b[36:])
	if extraBytes > maxSnapshotExtra {
		return s, fmt.Errorf("%w: an internal snapshot with %d bytes of extra data", ErrFormat, extraBytes)
	}
	extra, err := table.next(int(extraBytes))
	if err != nil {
		return s, err
	}
	if len(extra) >= 16 { //nolint:mnd // behind the size of the virtual machine's state
		s.SizeBytes = be64(extra[8:])
	}
	names, err := table.next(idBytes + nameBytes)
	if err != nil {
		return s, err
	}
	s.ID, s.Name = string(names[:idBytes]), string(names[idBytes:])
	_, err = table.next((8 - table.n%8) % 8)
	if errors.Is(err, io.EOF) { // the last one need not be padded
		err = nil
	}
	return s, err
}

// FindQcow2Snapshot finds the one of a name or, where none has that name, of an id.
//
// Errors: ErrNoSnapshot.
func FindQcow2Snapshot(all []Qcow2Snapshot, name string) (Qcow2Snapshot, error) {
	for _, of := range []func(Qcow2Snapshot) string{func(s Qcow2Snapshot) string { return s.Name }, func(s Qcow2Snapshot) string { return s.ID }} {
		var found []Qcow2Snapshot
		for _, s := range all {
			if of(s) == name {
				found = append(found, s)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return Qcow2Snapshot{}, fmt.Errorf("%w: several are called %s: it has %s", ErrNoSnapshot, Quote(name), snapshotsText(found))
		}
	}
	return Qcow2Snapshot{}, fmt.Errorf("%w: %s: it has %s", ErrNoSnapshot, Quote(name), snapshotsText(all))
}

func snapshotsText(all []Qcow2Snapshot) string {
	if len(all) == 0 {
		return "none"
	}
	var out []string
	for i, s := range all {
		if i == mostNamed {
			out = append(out, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		out = append(out, fmt.Sprintf("%s (id %s)", Quote(s.Name), Quote(s.ID)))
	}
	return strings.Join(out, ", ")
}

// AtQcow2Snapshot is a qcow2 of which the internal snapshot is the disk, and which
// has no snapshots: the same bytes, with another header.
//
// Errors: ErrFormat.
func AtQcow2Snapshot(r io.ReaderAt, h Header, s Qcow2Snapshot) (io.ReaderAt, error) {
	if s.tableEntries > maxTableEntries || s.SizeBytes > maxBytes || s.SizeBytes%SectorBytes != 0 {
		return nil, fmt.Errorf("%w: its internal snapshot %s makes no sense", ErrFormat, Quote(s.Name))
	}
	head := make([]byte, qcow2V2)
	if h.Version > 2 { //nolint:mnd // as in the format's description
		head = make([]byte, qcow2V3)
	}
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	binary.BigEndian.PutUint64(head[24:], s.SizeBytes)
	binary.BigEndian.PutUint32(head[36:], s.tableEntries)
	binary.BigEndian.PutUint64(head[40:], s.tableAt)
	clear(head[60:72])
	if len(head) == qcow2V3 {
		clear(head[88:96]) // bitmaps are of the disk of today
	}
	return rewritten{r, head}, nil
}

// rewritten has another beginning.
type rewritten struct {
	io.ReaderAt
	head []byte
}

func (w rewritten) ReadAt(b []byte, at int64) (int, error) {
	n, err := w.ReaderAt.ReadAt(b, at)
	if at >= 0 && at < int64(len(w.head)) {
		copy(b[:n], w.head[at:])
	}
	return n, err
}
