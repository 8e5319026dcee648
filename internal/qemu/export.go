// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// SectorBytes is what the size of every image that qemu-img reads from RBD must
// be a multiple of: with any other it aborts, and its watch stays for a while.
const SectorBytes = 512

// ErrDamaged says that `qemu-img check` finds fault with an image.
var ErrDamaged = errors.New("the image is damaged")

// Compressions are those of a qcow2 file, as qemu-img calls them.
func Compressions() []string { return []string{"zlib", "zstd"} }

// Qcow2File is a file that an export writes.
type Qcow2File struct {
	Path      string // absolute
	SizeBytes uint64 // of the image or snapshot
	// Compression is one of Compressions, or empty.
	Compression string
}

// Export writes the content of an image or snapshot in RBD into a file, as qcow2:
// `qemu-img convert -O qcow2 rbd:… PATH`. A file that is there is overwritten; it
// keeps its mode.
//
// Reads are under way many at a time, and a cluster is written as soon as it has
// been read, or compressed: qcow2 takes them in any order.
func Export(ctx context.Context, src RBD, to Qcow2File, env []string, progress func(percent float64)) error {
	create := []string{"create", "-q", "-f", "qcow2"}
	convert := []string{"convert", "-p", "-n", "--target-is-zero", "-W", "-m", "16", "-S", "64k"}
	if to.Compression != "" {
		create = append(create, "-o", "compression_type="+to.Compression)
		convert = append(convert, "-c")
	}
	create = append(create, to.Path, strconv.FormatUint(to.SizeBytes, 10))
	if _, err := command.Run(ctx, command.Spec{Name: "qemu-img", Args: create, Env: env, Limits: convertLimits}); err != nil {
		return fmt.Errorf("make a qcow2 file: %w", err)
	}
	if to.SizeBytes == 0 { // an empty image can't be mapped
		return nil
	}
	name, err := Source{RBD: &src, Format: "raw"}.filename()
	if err != nil {
		return err
	}
	target := options([2]string{"driver", "qcow2"}, [2]string{"file.driver", "file"}, [2]string{"file.filename", to.Path})
	_, err = command.Run(ctx, command.Spec{
		Name:   "qemu-img",
		Args:   append(convert, name, "--target-image-opts", target),
		Env:    env,
		Stdout: &progressWriter{report: progress},
		Limits: convertLimits,
	})
	if err != nil {
		return fmt.Errorf("convert %s/%s to qcow2: %w", src.Pool, src.Image, err)
	}
	return nil
}

// CheckQcow2 looks for faults in the metadata of a qcow2 file: `qemu-img check`.
// It tells whether anything in it is compressed.
//
// Errors: those of Check; ErrDamaged.
func CheckQcow2(ctx context.Context, src Source) (compressed bool, err error) {
	if err := src.Check(); err != nil {
		return false, err
	}
	name, err := src.filename()
	if err != nil {
		return false, err
	}
	res, err := command.Run(ctx, command.Spec{
		Name: "qemu-img", Args: []string{"check", "--output=json", name}, Env: src.Env, Limits: convertLimits,
	})
	var failed *command.Error
	if errors.As(err, &failed) && failed.ExitCode > 1 { // 2 for errors, 3 for leaked clusters
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return false, fmt.Errorf("check %s: %w", src, err)
	}
	var out struct {
		Compressed int64 `json:"compressed-clusters"`
	}
	if err := json.Unmarshal(res.Stdout, &out); err != nil {
		return false, fmt.Errorf("read the answer of qemu-img check: %w", err)
	}
	return out.Compressed > 0, nil
}
