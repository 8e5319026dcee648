package conversion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/unwrap"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// source is an opened source with all that qemu-img needs to read it.
type source struct {
	qemuimg.Source
	tool rbd.Tool
	dir  *workdir.Dir
	// unchanged tells whether the source still is what it was.
	unchanged func() error
	// sizeBytes is that of the source itself, not of the disk in it.
	sizeBytes uint64
	// spec is the source in RBD, where it is there.
	spec   rbd.Spec
	reader *rbd.Reader
	// chain are its backing files, nearest first.
	chain []*source
	// ranges is the source on its server, where it is read from there.
	ranges *fetch.Ranges
	// streamed tells that the source comes as a stream, and is no file for
	// qemu-img yet.
	streamed bool
}

// openSource writes the private configuration for qemu-img and reads the
// source's head. options are for the image that is written.
func openSource(ctx context.Context, d *providerdata.Data, m sourceModel, options map[string]string) (_ *source, err error) {
	s := &source{Source: qemuimg.Source{Format: m.Format.ValueString()}, unchanged: func() error { return nil }}
	if s.dir, err = workdir.New("convert"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.tool, err = d.Ceph.WriteToolConf(ctx, s.dir.Path(), options); err != nil {
		return nil, err
	}
	s.Env = s.tool.Env
	switch {
	case !m.URL.IsNull():
		s.streamed = true
		return s, nil
	case m.File.IsNull():
		return s, s.openImage(ctx, d, m.Image.ValueString())
	}
	if err := s.openFile(m.File.ValueString()); err != nil || s.streamed || !m.AllowBackingChain.ValueBool() {
		return s, err
	}
	return s, s.openChain()
}

// openChain also looks after the backing files.
func (s *source) openChain() error {
	// What is no qcow2 has no chain, and is refused by its head.
	if err := (qemuimg.Source{File: s.File, Format: s.Format, Head: s.Head, Chain: []qemuimg.Backing{{}}}).CheckHead(); err != nil {
		return err
	}
	chain, err := qemuimg.ReadChain(s.File)
	if err != nil {
		return err
	}
	s.Chain = chain
	unchanged := []func() error{s.unchanged}
	for i, b := range chain {
		link := &source{Source: qemuimg.Source{Format: b.Format, Chain: chain[i+1:]}}
		if err := link.openFile(b.File); err != nil {
			return err
		}
		s.chain, unchanged = append(s.chain, link), append(unchanged, link.unchanged)
	}
	s.unchanged = func() error {
		for _, same := range unchanged {
			if err := same(); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// errWrappedImage is about a source that would have to be unwrapped in place.
var errWrappedImage = errors.New("a source in RBD can't be in a compressed wrapper")

func (s *source) openFile(name string) error {
	before, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !before.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading
	if s.Head, err = io.ReadAll(io.LimitReader(f, qemuimg.HeadBytes)); err != nil {
		return err
	}
	s.File, s.sizeBytes = name, uint64(before.Size()) //nolint:gosec // of a regular file
	s.streamed = unwrap.Detect(s.Head) != unwrap.None
	s.unchanged = func() error {
		after, err := os.Stat(name)
		if err != nil {
			return err
		}
		if !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
			return fmt.Errorf("%w: %s", qemuimg.ErrChanged, name)
		}
		return nil
	}
	return nil
}

func (s *source) openImage(ctx context.Context, d *providerdata.Data, name string) error {
	spec, err := rbd.ParseSpec(name)
	if err != nil {
		return err
	}
	// Far from the cluster an opening costs more than all that is asked of it.
	if s.reader, err = d.Ceph.OpenReader(ctx, spec); err != nil {
		return err
	}
	if spec.Snapshot == "" {
		// Only a snapshot stays as it is while somebody writes.
		if err := s.reader.CheckUnused(); err != nil {
			return err
		}
		// An image that is open sees no lock that came later.
		s.unchanged = func() error { return d.Ceph.CheckUnused(ctx, spec, "") }
	}
	s.spec, s.sizeBytes = spec, uint64(s.reader.Size()) //nolint:gosec // a size
	if s.Head, err = io.ReadAll(io.NewSectionReader(s.reader, 0, qemuimg.HeadBytes)); err != nil {
		return err
	}
	if wrapper := unwrap.Detect(s.Head); wrapper != unwrap.None {
		return fmt.Errorf("%w: it is compressed with %s", errWrappedImage, wrapper)
	}
	r := s.node(spec)
	s.RBD = &r
	return nil
}

// node is an image of this cluster for qemu-img.
func (s *source) node(spec rbd.Spec) qemuimg.RBD {
	return qemuimg.RBD{
		Pool: spec.Pool, Namespace: spec.Namespace, Image: spec.Image, Snapshot: spec.Snapshot,
		ConfFile: s.tool.ConfFile, User: s.tool.User,
	}
}

// open opens the source for reading.
func (s *source) open() (interface {
	io.ReaderAt
	io.Closer
}, error,
) {
	switch {
	case s.RBD != nil:
		return keptOpen{s.reader}, nil
	case s.ranges != nil:
		return keptOpen{s.ranges}, nil
	}
	return os.Open(s.File)
}

// keptOpen is closed elsewhere.
type keptOpen struct{ io.ReaderAt }

func (keptOpen) Close() error { return nil }

// checkWhole makes sure that the source was not cut off.
func (s *source) checkWhole(ctx context.Context, info qemuimg.Info) error {
	r, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // opened for reading
	return qemuimg.CheckWhole(ctx, s.Source, r, s.sizeBytes, info.ClusterBytes)
}

func (s *source) close() error {
	var err error
	if s.reader != nil {
		err = s.reader.Close()
	}
	return errors.Join(err, s.dir.Remove())
}

// sourceExists tells whether a source in RBD is there.
func sourceExists(ctx context.Context, d *providerdata.Data, m sourceModel) (bool, error) {
	spec, err := rbd.ParseSpec(m.Image.ValueString())
	if err != nil {
		return false, err
	}
	img, err := d.Ceph.Image(ctx, spec)
	if err == nil && spec.Snapshot != "" {
		_, err = img.Snapshot(spec.Snapshot)
	}
	if errors.Is(err, rbd.ErrImageNotFound) || errors.Is(err, rbd.ErrSnapshotNotFound) {
		return false, nil
	}
	return err == nil, err
}
