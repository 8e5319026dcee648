// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

// Decoding needs little memory whatever the image's size; what needs more than
// this is a source made to exhaust the machine. Most of it is address space
// that librbd reserves.
var convertLimits = command.Limits{AddressSpace: 8 << 30}

// TargetOptions are the ceph options under which Convert writes fastest: the
// cache only copies data once more, and the buffers are qemu's until a write
// has been answered.
var TargetOptions = map[string]string{
	"rbd_cache":                    "false",
	"rbd_disable_zero_copy_writes": "false",
}

// Convert writes the content of src into target, which must be an empty image
// of at least its virtual size: `qemu-img convert -n --target-is-zero -W …`.
// Writes go out of order and many at a time, since a cluster answers each only
// after a network round trip, and what is zero is not written.
//
// progress, where given, is called with percentages from 0 to 100.
func Convert(ctx context.Context, src Source, target RBD, progress func(percent float64)) error {
	if err := src.Check(); err != nil {
		return err
	}
	name, err := src.filename()
	if err != nil {
		return err
	}
	_, err = command.Run(ctx, command.Spec{
		Name: "qemu-img",
		Args: []string{"convert", "-p", "-n", "--target-is-zero", "-W", "-m", "16", "-S", "1M", "-t", "none",
			name, "--target-image-opts", target.rawOptions()},
		Env:    src.Env,
		Stdout: &progressWriter{report: progress},
		Limits: convertLimits,
	})
	if err != nil {
		return fmt.Errorf("convert %s from %s: %w", src, src.Format, err)
	}
	return nil
}

// ErrDiffer says that two images have different content.
var ErrDiffer = errors.New("the content differs")

// Compare reads both and fails where their content differs: `qemu-img compare`.
// What target has beyond the source must be zero.
//
// Errors: ErrDiffer.
func Compare(ctx context.Context, src Source, target RBD) error {
	name, err := src.filename()
	if err != nil {
		return err
	}
	raw, err := Source{RBD: &target, Format: "raw"}.filename()
	if err != nil {
		return err
	}
	res, err := command.Run(ctx, command.Spec{Name: "qemu-img", Args: []string{"compare", name, raw}, Env: src.Env, Limits: convertLimits})
	var failed *command.Error
	if errors.As(err, &failed) && failed.ExitCode == 1 {
		return fmt.Errorf("compare with %s: %w: %s", src, ErrDiffer, bytes.TrimSpace(res.Stdout))
	}
	if err != nil {
		return fmt.Errorf("compare with %s: %w", src, err)
	}
	return nil
}

// progressWriter reads "(12.34/100%)" out of what qemu-img -p prints.
type progressWriter struct {
	report func(percent float64)
	rest   []byte
}

var progressPattern = regexp.MustCompile(`\((\d+\.\d+)/100%\)`)

func (w *progressWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\r"))
		if !found {
			break
		}
		w.rest = rest
		if m := progressPattern.FindSubmatch(line); m != nil && w.report != nil {
			if p, err := strconv.ParseFloat(string(m[1]), 64); err == nil {
				w.report(p)
			}
		}
	}
	const longest = 4096
	if len(w.rest) > longest {
		w.rest = w.rest[len(w.rest)-longest:]
	}
	return len(b), nil
}
