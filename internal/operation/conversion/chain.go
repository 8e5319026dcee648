// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// ErrCompressed is about what is no disk image until it is decompressed.
var ErrCompressed = errors.New("it is compressed as a whole")

// chain is a qcow2 file of this machine with its backing files, which the
// configuration allows.
type chain struct{ *disk }

// openChain opens the backing files of a file, and refuses what is wrong with one
// of them.
func openChain(top *disk) (source, error) {
	files, err := qemu.ReadChain(top.File)
	if err != nil {
		return nil, err
	}
	top.Chain = files
	for i, b := range files {
		src := qemu.Source{Format: b.Format, Chain: files[i+1:], AnyContent: top.AnyContent}
		d, compressed, err := readFile(b.File, src, true)
		if err != nil {
			return nil, err
		}
		if compressed {
			return nil, fmt.Errorf("%s: %w", b.File, ErrCompressed)
		}
		if err := d.Check(); err != nil {
			return nil, err
		}
		top.backing = append(top.backing, d)
	}
	return &chain{top}, nil
}

// write verifies the checksum of the file that is named alone.
func (c *chain) write(ctx context.Context, j *job) (string, error) {
	if err := c.Check(); err != nil {
		return "", err
	}
	return "", j.convert(ctx, c.disk, j.verifyFile(c.File)...)
}

func (c *chain) close() error { return nil }
