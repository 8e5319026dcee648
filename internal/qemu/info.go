// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
)

// Reading a header takes little; an image that makes it take more is hostile.
// librbd maps far more address space than it uses.
var infoLimits = command.Limits{AddressSpace: 4 << 30, CPU: 30 * time.Second}

// infoTimeout bounds the time on the clock.
const infoTimeout = time.Minute

// Info is what `qemu-img info` says of a source.
type Info struct {
	VirtualSizeBytes uint64
	ClusterBytes     uint64 // 0 where the format has none
	// Compression is what the compressed clusters of a qcow2 are, or would be,
	// compressed with.
	Compression string
}

// ReadInfo checks a source that was inspected and runs `qemu-img info` on it. The
// size is that of the header, of which qemu-img must think the same.
//
// Errors: those of Check, ErrSize, and a *command.Error with qemu-img's own words.
func ReadInfo(ctx context.Context, s Source) (Info, error) {
	if err := s.Check(); err != nil {
		return Info{}, err
	}
	out, err := queryInfo(ctx, s)
	if err != nil {
		return Info{}, err
	}
	return out.check(s)
}

// answer is what `qemu-img info --output=json` prints.
type answer struct {
	VirtualSize    uint64 `json:"virtual-size"`
	ClusterSize    uint64 `json:"cluster-size"`
	Format         string `json:"format"`
	BackingFile    string `json:"backing-filename"`
	Encrypted      bool   `json:"encrypted"`
	Dirty          bool   `json:"dirty-flag"`
	FormatSpecific struct {
		Data struct {
			DataFile    string `json:"data-file"`
			Compression string `json:"compression-type"`
			CreateType  string `json:"create-type"`
			ParentCID   uint32 `json:"parent-cid"`
			Extents     []struct {
				Filename string `json:"filename"`
			} `json:"extents"`
		} `json:"data"`
	} `json:"format-specific"`
	Snapshots []struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		VMStateSize int64  `json:"vm-state-size"`
		Seconds     int64  `json:"date-sec"`
	} `json:"snapshots"`
}

// queryInfo runs qemu-img on what was found to be harmless.
func queryInfo(ctx context.Context, s Source) (answer, error) {
	name, err := s.alone().filename()
	if err != nil {
		return answer{}, err
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
		return answer{}, fmt.Errorf("read %s as %s: %w", s, s.Format, err)
	}
	return parseInfo(res.Stdout, s)
}

func parseInfo(b []byte, s Source) (out answer, err error) {
	if err := json.Unmarshal(b, &out); err != nil {
		return out, fmt.Errorf("read the answer of qemu-img info: %w", err)
	}
	if out.Format != s.Format {
		return out, fmt.Errorf("%w: qemu-img reads %s, not %s", ErrFormat, out.Format, s.Format)
	}
	return out, nil
}

// isItself tells whether a name is that of the source, as qemu writes it.
func (s Source) isItself(name string) bool {
	switch {
	case s.Socket != "":
		return name == "nbd+unix://?socket="+s.Socket
	case s.Member == nil:
		return name == s.File
	}
	want, err := json.Marshal(s.fileNode())
	text, ok := strings.CutPrefix(name, "json:")
	if err != nil || !ok {
		return false
	}
	var a, b any
	if json.Unmarshal(want, &a) != nil || json.Unmarshal([]byte(text), &b) != nil {
		return false
	}
	return reflect.DeepEqual(a, b)
}

// check refuses what refers to other files.
func (out answer) check(s Source) (Info, error) {
	const noParent = 1<<32 - 1
	d := out.FormatSpecific.Data
	switch {
	case s.Format == imageformat.VMDK && (out.BackingFile != "" || d.ParentCID != noParent):
		return Info{}, fmt.Errorf("%w: %s", ErrParent, imageformat.Quote(out.BackingFile))
	case out.BackingFile != "" && len(s.Chain) == 0:
		return Info{}, fmt.Errorf("%w: %s", ErrBackingFile, imageformat.Quote(out.BackingFile))
	case out.Encrypted:
		return Info{}, ErrEncrypted
	case d.DataFile != "", len(d.Extents) > 1:
		return Info{}, ErrDataFile
	}
	for _, e := range d.Extents {
		if s.RBD == nil && !s.isItself(e.Filename) {
			return Info{}, fmt.Errorf("%w: %s", ErrDataFile, imageformat.Quote(e.Filename))
		}
	}
	if s.Header == nil {
		return Info{}, fmt.Errorf("look at %s: %w", s, errNotInspected)
	}
	if want := RawSize(int64(s.Header.SizeBytes)); out.VirtualSize != want { //nolint:gosec // compared
		return Info{}, fmt.Errorf("%w: its header gives %d bytes, qemu-img reads %d", ErrSize, s.Header.SizeBytes, out.VirtualSize)
	}
	return Info{VirtualSizeBytes: out.VirtualSize, ClusterBytes: out.ClusterSize, Compression: d.Compression}, nil
}
