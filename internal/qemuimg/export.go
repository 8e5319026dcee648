package qemuimg

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

// Export writes the content of an image or snapshot of sizeBytes in RBD into
// the file at path, which must be absolute, as qcow2: `qemu-img convert -O qcow2
// rbd:… PATH`. compression is one of Compressions, or empty. A file that is there
// is overwritten; it keeps its mode.
//
// Reads are under way many at a time, and a cluster is written as soon as it has
// been read, or compressed: qcow2 takes them in any order.
func Export(ctx context.Context, src RBD, sizeBytes uint64, path, compression string, env []string, progress func(percent float64)) error {
	create := []string{"create", "-q", "-f", "qcow2"}
	convert := []string{"convert", "-p", "-n", "--target-is-zero", "-W", "-m", "16", "-S", "64k"}
	if compression != "" {
		create = append(create, "-o", "compression_type="+compression)
		convert = append(convert, "-c")
	}
	create = append(create, path, strconv.FormatUint(sizeBytes, 10))
	if _, err := command.Run(ctx, command.Spec{Name: "qemu-img", Args: create, Env: env, Limits: convertLimits}); err != nil {
		return fmt.Errorf("make a qcow2 file: %w", err)
	}
	if sizeBytes == 0 { // an empty image can't be mapped
		return nil
	}
	name, err := Source{RBD: &src, Format: "raw"}.filename()
	if err != nil {
		return err
	}
	target := "driver=qcow2,file.driver=file,file.filename=" + escapeOpt(path)
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
// Errors: those of CheckHead; ErrDamaged.
func CheckQcow2(ctx context.Context, src Source) (compressed bool, err error) {
	if err := src.CheckHead(); err != nil {
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
