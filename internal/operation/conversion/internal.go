// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/nbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// ErrSocketPath says that a socket has no place in the temporary folder.
var ErrSocketPath = errors.New("the path of the temporary folder is too long for a socket")

// past is a qcow2 as it was at an internal snapshot. The file stays open until
// close.
type past struct {
	content io.ReaderAt
	header  imageformat.Header
	// others is how many internal snapshots it has besides.
	others uint32
	file   io.Closer
}

// openPast looks the snapshot up, by name or id.
//
// Errors: those of imageformat.
func (d *disk) openPast() (_ *past, err error) {
	r, err := d.reader()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = r.Close() // opened for reading
		}
	}()
	all, err := imageformat.Qcow2Snapshots(r, *d.Header)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", d, err)
	}
	s, err := imageformat.FindQcow2Snapshot(all, d.snapshot)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", d, err)
	}
	p := &past{file: r, others: d.Header.Snapshots - 1}
	if p.content, err = imageformat.AtQcow2Snapshot(r, *d.Header, s); err != nil {
		return nil, err
	}
	if p.header, err = imageformat.Read(imageformat.Qcow2, p.content, int64(d.sizeBytes)); err != nil { //nolint:gosec // of a file
		return nil, fmt.Errorf("look at %s at %s: %w", d, imageformat.Quote(s.Name), err)
	}
	return p, nil
}

func (p *past) close() { _ = p.file.Close() } // opened for reading

// inspection is what a plan sees of the source, at its snapshot where one is meant.
func (d *disk) inspection() (Inspection, error) {
	if d.snapshot == "" {
		return inspectionOf(*d.Header), nil
	}
	p, err := d.openPast()
	if err != nil {
		return Inspection{}, err
	}
	defer p.close()
	found := inspectionOf(p.header)
	if p.others > 0 {
		found.Omitted = append(found.Omitted, fmt.Sprintf("It has %d more internal snapshots (`qemu-img snapshot -l`), and a disk as it is now, which are left out.", p.others))
	}
	return found, nil
}

// atSnapshot is the disk as it is to be converted, until done. qemu-img reads one of
// an internal snapshot by way of this process: of what is done with it, only
// `qemu-img convert` knows internal snapshots by itself.
func (j *job) atSnapshot(d *disk) (_ *disk, done func() error, err error) {
	if d.snapshot == "" {
		return d, func() error { return nil }, nil
	}
	p, err := d.openPast()
	if err != nil {
		return nil, nil, err
	}
	server, err := p.serve(filepath.Join(j.workspace.dir.Path(), "at"), int64(d.sizeBytes)) //nolint:gosec // of a file
	if err != nil {
		p.close()
		return nil, nil, err
	}
	at := *d
	at.Source = qemu.Source{File: d.String(), Socket: server.Socket, Format: d.Format, Chain: d.Chain, Env: j.workspace.tool.Env}
	at.reader = func() (readAtCloser, error) { return keptOpen{p.content}, nil }
	done = func() error { defer p.close(); return server.Close() }
	if err := at.Inspect(p.content, int64(at.sizeBytes)); err != nil { //nolint:gosec // of a file
		return nil, nil, errors.Join(err, done())
	}
	return &at, done, nil
}

func (p *past) serve(dir string, sizeBytes int64) (*nbd.Server, error) {
	if len(dir) > longestSocket {
		return nil, fmt.Errorf("%w: %s", ErrSocketPath, dir)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return nbd.Serve(dir, p.content, sizeBytes)
}
