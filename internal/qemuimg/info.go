package qemuimg

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// Reading a header takes little; an image that makes it take more is hostile.
// librbd maps far more address space than it uses.
var infoLimits = command.Limits{AddressSpace: 4 << 30, CPU: 30 * time.Second}

// infoTimeout bounds the time on the clock.
const infoTimeout = time.Minute

// Info is what `qemu-img info` says of a source.
type Info struct {
	VirtualSizeBytes uint64
	// Compression is what the compressed clusters of a qcow2 are, or would be,
	// compressed with.
	Compression string
}

// ReadInfo checks the source's head and runs `qemu-img info` on it.
//
// Errors: those of CheckHead, and a *command.Error with qemu-img's own words.
func ReadInfo(ctx context.Context, s Source) (Info, error) {
	if err := s.CheckHead(); err != nil {
		return Info{}, err
	}
	name, err := s.filename()
	if err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	res, err := command.Run(ctx, command.Spec{
		Name:   "qemu-img",
		Args:   []string{"info", "--output=json", name},
		Env:    s.Env,
		Limits: infoLimits,
	})
	if err != nil {
		return Info{}, fmt.Errorf("read %s as %s: %w", s, s.Format, err)
	}
	return parseInfo(res.Stdout, s)
}

func parseInfo(b []byte, s Source) (Info, error) {
	var out struct {
		VirtualSize    uint64 `json:"virtual-size"`
		Format         string `json:"format"`
		BackingFile    string `json:"backing-filename"`
		Encrypted      bool   `json:"encrypted"`
		FormatSpecific struct {
			Data struct {
				DataFile    string `json:"data-file"`
				Compression string `json:"compression-type"`
				ParentCID   uint32 `json:"parent-cid"`
				Extents     []struct {
					Filename string `json:"filename"`
				} `json:"extents"`
			} `json:"data"`
		} `json:"format-specific"`
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return Info{}, fmt.Errorf("read the answer of qemu-img info: %w", err)
	}
	const noParent = 1<<32 - 1
	d := out.FormatSpecific.Data
	switch {
	case out.Format != s.Format:
		return Info{}, fmt.Errorf("%w: qemu-img reads %s, not %s", ErrFormat, out.Format, s.Format)
	case out.BackingFile != "", s.Format == "vmdk" && d.ParentCID != noParent:
		return Info{}, ErrBackingFile
	case out.Encrypted:
		return Info{}, ErrEncrypted
	case d.DataFile != "", len(d.Extents) > 1:
		return Info{}, ErrDataFile
	}
	for _, e := range d.Extents {
		if s.RBD == nil && e.Filename != s.File {
			return Info{}, fmt.Errorf("%w: %s", ErrDataFile, e.Filename)
		}
	}
	return Info{VirtualSizeBytes: out.VirtualSize, Compression: d.Compression}, nil
}
