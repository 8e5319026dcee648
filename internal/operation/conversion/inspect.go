// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// beginning is what of a source is at hand before all of it is read.
type beginning struct {
	qemu.Source
	bytes []byte
}

// checkDecompressed checks what is inside of a compressed compression, as far as its
// beginning goes. What does not decode is told of when all of it is read.
func (b *beginning) checkDecompressed() error {
	inner, _, err := decompress.Open(bytes.NewReader(b.bytes))
	if err != nil {
		return nil
	}
	defer func() { _ = inner.Close() }()                             // of what was read to its end
	inside, err := io.ReadAll(io.LimitReader(inner, qemu.HeadBytes)) // cut off where the head is
	switch {
	case len(inside) == 0:
		return nil
	case decompress.Detect(inside) != decompress.None && !b.AnyContent:
		return fmt.Errorf("look at %s: %w", b, errTwice)
	}
	b.bytes = inside
	return b.check(err != nil || len(inside) == qemu.HeadBytes)
}

// check refuses what is told by a beginning alone. more says that the source goes
// on behind it.
func (b *beginning) check(more bool) error {
	c := imageformat.Identify(b.bytes, nil, more)
	switch {
	case b.Format == formatRaw && c.Name != "" && !b.AnyContent:
		return qemu.ContentError(b.String(), c)
	case b.Format == formatRaw:
		return nil
	case c.Name != "" && c.Format != b.Format:
		return c.WithArchive(fmt.Errorf("look at %s: %w: it is %s, not %s", b, qemu.ErrFormat, c.Name, b.Format))
	}
	if b.Format == imageformat.Qcow2 || b.Format == imageformat.VDI {
		// Cut off is only what was seen of it.
		if err := b.Inspect(bytes.NewReader(b.bytes), -1); err != nil && (!more || !errors.Is(err, qemu.ErrTruncated)) {
			return err
		} else if err == nil {
			return b.Check()
		}
	}
	return nil
}

// omitted is what of an image a conversion leaves out.
func omitted(h imageformat.Header) (out []string) {
	if h.Snapshots > 0 {
		out = append(out, fmt.Sprintf("It has %d internal snapshots (`qemu-img snapshot -l`), which are left out: the disk is converted as it is now. internal_snapshot of the source names one instead.", h.Snapshots))
	}
	if h.Bitmaps > 0 {
		out = append(out, fmt.Sprintf("It has %d dirty bitmaps, which are left out.", h.Bitmaps))
	}
	if h.Dirty {
		out = append(out, "It was not closed cleanly: a virtual machine may still use it, or was ended hard. What it had not written yet is missing.")
	}
	return out
}
