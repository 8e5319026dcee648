// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// memory is what the provider and the tools that it runs take at most. It is
// measured on the provider as the command line starts it.
var memory = benchmark{
	name:   "memory",
	about:  "Peak memory of the provider and its children, for little and for much data.",
	report: reportMemory,
}

// memoryWork is something that is applied and destroyed under watch.
type memoryWork struct{ name, config string }

func reportMemory(ctx context.Context, s *session, out io.Writer) error {
	bin, err := filepath.Abs(filepath.Join(s.bin, "terraform-provider-rbd"))
	if err != nil {
		return err
	}
	m, err := s.newModule(ctx, "")
	if err != nil {
		return err
	}
	s.later(func(ctx context.Context) error {
		return errors.Join(dropImage(ctx, convertTarget), dropImage(ctx, convertSource))
	})
	if err := errors.Join(dropImage(ctx, convertTarget), dropImage(ctx, convertSource)); err != nil {
		return err
	}
	fmt.Fprintf(out, "## %s\n\n%s\n\n", s.name, s.about)
	fmt.Fprint(out, "| work | data, MiB | provider, MiB | with its children, MiB |\n|---|--:|--:|--:|\n")
	for _, extents := range []int{convertExtents / 8, convertExtents} {
		works, err := s.memoryWorks(ctx, extents)
		if err != nil {
			return err
		}
		for _, w := range works {
			peak, err := m.watched(ctx, bin, w)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			fmt.Fprintf(out, "| %s | %d | %d | %d |\n", w.name, extents*convertExtent>>20, peak.provider>>20, peak.all>>20)
			log.Printf("%s: %s: %d MiB", s.name, w.name, peak.all>>20)
		}
		if err := dropImage(ctx, convertSource); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out)
	return err
}

// memoryWorks are done one after the other on a disk with this much data.
func (s *session) memoryWorks(ctx context.Context, extents int) (works []memoryWork, err error) {
	conversion := func(name, source string) {
		works = append(works, memoryWork{name: name, config: fmt.Sprintf(`
resource "rbd_image_conversion" "it" {
  pool   = %q
  name   = %q
  source = {
%s
}
}
`, pool, convertTarget, strings.ReplaceAll(source, ", ", "\n"))})
	}
	for _, k := range []kind{compressed, vmdk, qcow2} {
		dir := filepath.Join(s.dir, k.String())
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
			return nil, err
		}
		name, err := makeDisk(ctx, dir, k, extents)
		if err != nil {
			return nil, err
		}
		conversion(k.String()+" → RBD", fmt.Sprintf("file = %q, format = %q", name, k.format))
		if k.String() != qcow2.String() {
			continue
		}
		// The same disk, raw, as it comes out of a compressed stream.
		raw := filepath.Join(dir, "stream.raw")
		if err := run(ctx, "qemu-img", "convert", "-f", k.format, "-O", "raw", name, raw); err != nil {
			return nil, err
		}
		if err := run(ctx, "gzip", "-1", raw); err != nil {
			return nil, err
		}
		conversion("raw in gzip → RBD", fmt.Sprintf("file = %q, format = \"raw\"", raw+".gz"))
		if err := run(ctx, "qemu-img", "convert", "-f", k.format, "-O", "raw", name, rbdName(convertSource, os.Getenv("CEPH_CONF"))); err != nil {
			return nil, err
		}
	}
	return append(works, readingWorks(s.dir)...), nil
}

// readingWorks read the image that the conversions were made from, and write into
// the folder.
func readingWorks(dir string) []memoryWork {
	spec := pool + "/" + convertSource
	return []memoryWork{
		{"snapshot → image, compared in the end", fmt.Sprintf(`
resource "rbd_snapshot" "it" {
  image = %q
  name  = "bench"
}
resource "rbd_image_replica" "it" {
  pool           = %q
  name           = %q
  source         = { snapshot = rbd_snapshot.it.spec }
  verify_content = true
}
`, spec, pool, convertTarget)},
		{"MD5, SHA-256 and SHA-512 of an image", fmt.Sprintf("data \"rbd_image_checksum\" \"it\" {\n  spec       = %q\n  algorithms = [\"md5\", \"sha256\", \"sha512\"]\n}\n", spec)},
		{"snapshot → compressed qcow2", fmt.Sprintf(`
resource "rbd_snapshot" "it" {
  image = %q
  name  = "bench"
}
resource "rbd_image_export" "it" {
  snapshot    = rbd_snapshot.it.spec
  file        = %q
  format      = "qcow2"
  compression = "zlib"
}
`, spec, filepath.Join(dir, "export.qcow2"))},
	}
}

func (k kind) String() string {
	if len(k.options) == 0 {
		return k.format
	}
	return map[string]string{"qcow2": "compressed qcow2", "vmdk": "streamOptimized VMDK"}[k.format]
}

// watched applies and destroys, and returns the most that was used.
func (m *module) watched(ctx context.Context, provider string, w memoryWork) (peak peak, err error) {
	if err := m.configure(w.config); err != nil {
		return peak, err
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			peak.look(provider)
		}
	}()
	_, err = m.do(ctx, "apply", "-auto-approve", "-no-color")
	_, e := m.do(context.WithoutCancel(ctx), "destroy", "-auto-approve", "-no-color")
	stop()
	<-done
	if err = errors.Join(err, e); err == nil && peak.provider == 0 {
		err = errors.New("the provider was not seen at work")
	}
	return peak, err
}

// peak is resident memory in bytes: of a provider's process, and of it and its
// children at the same time, where pages that they share count for each.
type peak struct{ provider, all int64 }

// look counts what runs now.
func (p *peak) look(provider string) {
	type process struct {
		pid, parent int
		ours        bool
		resident    int64
	}
	var all []process
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		stat, err := os.ReadFile(filepath.Join(name, "stat"))
		if err != nil {
			continue // it has ended
		}
		// The name, in brackets, may hold anything; the parent is the second
		// field behind it, the resident pages the twenty-second.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		pid, err1 := strconv.Atoi(filepath.Base(name))
		parent, err2 := strconv.Atoi(fields[1])
		pages, err3 := strconv.ParseInt(fields[21], 10, 64)
		if errors.Join(err1, err2, err3) != nil {
			continue
		}
		exe, _ := os.Readlink(filepath.Join(name, "exe"))
		all = append(all, process{pid, parent, exe == provider, pages * int64(os.Getpagesize())})
	}
	var sum, largest int64
	for _, one := range all {
		if one.ours {
			largest = max(largest, one.resident)
		}
		for at := one; ; {
			if at.ours {
				sum += one.resident
				break
			}
			i := slices.IndexFunc(all, func(q process) bool { return q.pid == at.parent })
			if i < 0 {
				break
			}
			at = all[i]
		}
	}
	p.provider, p.all = max(p.provider, largest), max(p.all, sum)
}
