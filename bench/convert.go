// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// conversions are those into RBD. Each is measured on the loopback and, where
// that tells something, with a network's latency.
var conversions = []benchmark{
	conversion("convert-qcow2", "qcow2 → RBD.", qcow2, false),
	conversion("convert-qcow2-latency", "qcow2 → RBD, with 0 to 10 ms of delay per message.", qcow2, true),
	conversion("convert-compressed", "Compressed qcow2 → RBD.", compressed, false),
	conversion("convert-vmdk", "streamOptimized VMDK → RBD.", vmdk, false),
	conversion("convert-in-rbd", "qcow2 in RBD → RBD, as a runbook does with what was uploaded to Glance.", inRBD, false),
	conversion("convert-in-rbd-latency", "qcow2 in RBD → RBD, with 0 to 10 ms of delay per message.", inRBD, true),
}

// kind is a source to convert.
type kind struct {
	format  string
	options []string // of qemu-img convert, to make it
	rbd     bool
}

var (
	qcow2      = kind{format: "qcow2"}
	compressed = kind{format: "qcow2", options: []string{"-c"}}
	vmdk       = kind{format: "vmdk", options: []string{"-o", "subformat=streamOptimized"}}
	inRBD      = kind{format: "qcow2", rbd: true}
)

const (
	convertTarget  = "bench-convert"
	convertSource  = "bench-convert-source"
	convertVirtual = 3 << 30
	convertExtents = 128
	convertExtent  = 8 << 20
)

// delay is the part of a ceph.conf that makes every message of a client late, as
// a network does.
const delay = "\n[client]\nms_inject_delay_type = osd\nms_inject_delay_probability = 1\nms_inject_delay_max = 0.01\n"

func conversion(name, about string, k kind, late bool) benchmark {
	return benchmark{name: name, about: about, prepare: func(ctx context.Context, s *session) (subject, error) {
		return prepareConversion(ctx, s, k, late)
	}}
}

func prepareConversion(ctx context.Context, s *session, k kind, late bool) (subject, error) {
	conf, err := s.conf(late)
	if err != nil {
		return subject{}, err
	}
	file, err := makeDisk(ctx, s.dir, k, convertExtents)
	if err != nil {
		return subject{}, err
	}
	s.later(func(ctx context.Context) error { return dropImage(ctx, convertTarget) })
	if err := dropImage(ctx, convertTarget); err != nil {
		return subject{}, err
	}
	from, source := file, map[string]any{"file": file, "format": k.format}
	if k.rbd {
		if err := dropImage(ctx, convertSource); err != nil {
			return subject{}, err
		}
		s.later(func(ctx context.Context) error { return dropImage(ctx, convertSource) })
		if err := run(ctx, "rbd", "import", "--no-progress", file, pool+"/"+convertSource); err != nil {
			return subject{}, err
		}
		from, source = rbdName(convertSource, conf), map[string]any{"image": pool + "/" + convertSource, "format": k.format}
	}
	server, err := newServerOf(ctx, conf)
	if err != nil {
		return subject{}, err
	}
	var made *tfprotov6.DynamicValue
	return subject{item: "MiB of data", items: convertExtents * convertExtent >> 20, ways: []way{
		{
			name: "plain: `qemu-img convert -O raw SRC rbd:…`",
			run: func(ctx context.Context) error {
				return run(ctx, "qemu-img", "convert", "-f", k.format, "-O", "raw", from, rbdName(convertTarget, conf))
			},
			after: func(ctx context.Context) error { return dropImage(ctx, convertTarget) },
		},
		{
			name: "`rbd_image_conversion`",
			run: func(ctx context.Context) (err error) {
				made, err = server.create(ctx, "rbd_image_conversion", map[string]any{"name": convertTarget, "pool": pool, "source": source})
				return err
			},
			after: func(ctx context.Context) error {
				if err := run(ctx, "qemu-img", "compare", "-q", "-f", k.format, "-F", "raw", file, rbdName(convertTarget, os.Getenv("CEPH_CONF"))); err != nil {
					return err
				}
				return server.destroy(ctx, "rbd_image_conversion", made)
			},
		},
	}}, nil
}

func rbdName(image, conf string) string {
	return fmt.Sprintf("rbd:%s/%s:conf=%s:id=%s", pool, image, conf, rbd.NewCluster(rbd.Config{}).User())
}

func run(ctx context.Context, name string, args ...string) error {
	_, err := plain(ctx, command.Spec{Name: name, Args: args})
	return err
}

func dropImage(ctx context.Context, name string) error {
	res, err := plain(ctx, command.Spec{Name: "rbd", Args: []string{"ls", pool}})
	if err != nil || !slices.Contains(strings.Fields(string(res.Stdout)), name) {
		return err
	}
	return run(ctx, "rbd", "rm", "--no-progress", pool+"/"+name)
}

// conf is the lab's ceph.conf, or one with a network's latency.
func (s *session) conf(late bool) (string, error) {
	lab := os.Getenv("CEPH_CONF")
	if !late {
		return lab, nil
	}
	b, err := os.ReadFile(lab)
	if err != nil {
		return "", err
	}
	name := filepath.Join(s.dir, "late.conf")
	return name, os.WriteFile(name, append(b, delay...), 0o600)
}

// makeDisk makes a disk of this kind: extents of data with holes between, of which
// half can be compressed.
func makeDisk(ctx context.Context, dir string, k kind, extents int) (name string, err error) {
	raw, name := filepath.Join(dir, "disk.raw"), filepath.Join(dir, "disk."+k.format)
	f, err := os.Create(raw)
	if err != nil {
		return "", err
	}
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, convertExtent)
	for i := range int64(extents) {
		_, _ = r.Read(b) // it never fails
		for j := 0; j < len(b); j += 4096 {
			copy(b[j:j+2048], "the quick brown fox jumps over the lazy dog")
			for k := j + 64; k < j+2048; k++ {
				b[k] = b[k%64+j]
			}
		}
		if _, err := f.WriteAt(b, i*convertVirtual/int64(extents)); err != nil {
			return "", errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(f.Truncate(convertVirtual), f.Close()); err != nil {
		return "", err
	}
	args := append([]string{"convert", "-f", "raw", "-O", k.format}, k.options...)
	if err := run(ctx, "qemu-img", append(args, raw, name)...); err != nil {
		return "", err
	}
	return name, os.Remove(raw)
}
