// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// CheckTruncation makes sure that a source of sizeBytes has all the data that it
// refers to: `qemu-img map`. qemu itself reads zeros beyond the end of a file,
// and says nothing.
//
// The last cluster (of clusterBytes, see Info) may be incomplete, as it is where
// its end was never written. Compressed clusters are left to the decoder.
//
// Backing files are checked one by one. r reads the source.
//
// Errors: ErrTruncated.
func CheckTruncation(ctx context.Context, src Source, r io.ReaderAt, sizeBytes, clusterBytes uint64) error {
	switch src.Format {
	case "qcow2":
		if err := checkTables(r, src.Head, sizeBytes); err != nil {
			return fmt.Errorf("look for the tables of %s: %w", src, err)
		}
	case "vmdk", "vdi": // whose tables are at the beginning
	default: // raw is what it is, and qemu looks for itself in the others
		return nil
	}
	name, err := src.alone().filename()
	if err != nil {
		return err
	}
	out, in := io.Pipe()
	checked := make(chan error, 1)
	go func() {
		err := checkMap(out, sizeBytes, clusterBytes)
		_ = out.CloseWithError(err) // it always returns nil
		checked <- err
	}()
	_, err = command.Run(ctx, command.Spec{
		Name: "qemu-img", Args: []string{"map", "--output=json", name}, Env: src.Env, Stdout: in, Limits: convertLimits,
	})
	_ = in.Close() // it always returns nil
	if found := <-checked; errors.Is(found, ErrTruncated) || err == nil {
		err = found
	}
	if err != nil {
		return fmt.Errorf("look for the data of %s: %w", src, err)
	}
	return nil
}

// checkTables looks for the L2 tables of a qcow2, in which qemu finds nothing
// where they are beyond the end of the file.
func checkTables(r io.ReaderAt, head []byte, sizeBytes uint64) error {
	const (
		entryBytes = 8
		maxTable   = 32 << 20 // of qemu, in bytes
		offsetMask = 1<<56 - 1<<9
		maxBits    = 21
	)
	if len(head) < 48 {
		return fmt.Errorf("%w: the qcow2 header is cut off", ErrFormat)
	}
	bits, entries := binary.BigEndian.Uint32(head[20:]), binary.BigEndian.Uint32(head[36:])
	at := binary.BigEndian.Uint64(head[40:])
	if bits > maxBits || uint64(entries)*entryBytes > maxTable || at > math.MaxInt64-maxTable {
		return fmt.Errorf("%w: its header makes no sense", ErrFormat)
	}
	table := make([]byte, uint64(entries)*entryBytes)
	if n, err := r.ReadAt(table, int64(at)); n < len(table) {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: its L1 table ends beyond byte %d", ErrTruncated, sizeBytes)
		}
		return err
	}
	for ; len(table) > 0; table = table[entryBytes:] {
		l2 := binary.BigEndian.Uint64(table) & offsetMask
		if end := l2 + 1<<bits; l2 != 0 && end > sizeBytes {
			return fmt.Errorf("%w: it has %d bytes, and refers to a table up to byte %d", ErrTruncated, sizeBytes, end)
		}
	}
	return nil
}

// checkMap reads the list as it comes, since there is no end to how long it may
// be.
func checkMap(r io.Reader, sizeBytes, clusterBytes uint64) error {
	d := json.NewDecoder(r)
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("read the answer of qemu-img map: %w", err)
	}
	for d.More() {
		var e struct {
			Length uint64  `json:"length"`
			Data   bool    `json:"data"`
			Offset *uint64 `json:"offset"`
		}
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("read the answer of qemu-img map: %w", err)
		}
		if !e.Data || e.Offset == nil || e.Length == 0 {
			continue
		}
		if end := *e.Offset + e.Length; end >= sizeBytes+max(clusterBytes, 1) || end < e.Length {
			return fmt.Errorf("%w: it has %d bytes, and refers to data up to byte %d", ErrTruncated, sizeBytes, end)
		}
	}
	_, err := io.Copy(io.Discard, r) // so that qemu-img comes to its end
	return err
}
