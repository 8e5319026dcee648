// SPDX-License-Identifier: MPL-2.0

// Package conversion makes a raw image in RBD out of a disk image of another
// format, or that lies elsewhere: `qemu-img convert -O raw SOURCE rbd:POOL/NAME`.
//
// Nobody vouches for a source: its format is stated and never probed, what refers
// to other files is refused, and what is read of a stream is bounded. The content
// goes into a temporary image, which gets its name when all of it is there.
package conversion

import (
	"context"
	"errors"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// Deps is what a conversion works with.
type Deps struct {
	Ceph *rbd.Cluster
	// Log gets a line now and then of how far a long step has come.
	Log progress.Logger
}

// Request says what is to be converted, and what into.
type Request struct {
	Source Reference
	Target rbd.Spec
	// Layout is that of the image. SizeBytes of it is what the image grows to when
	// the content is there; 0 leaves it at the virtual size of the source.
	Layout rbd.Layout
	// MaxSourceBytes is how much a source that is read as one stream may hold,
	// decompressed; 0 leaves that to the format and the size.
	MaxSourceBytes uint64
	// Engine is EngineClient where empty.
	Engine string
	// VerifyContent reads the result back and compares it with the source.
	VerifyContent bool
	// Sparsify lets go of short runs of zeros: `rbd sparsify`.
	Sparsify bool
	// Token is what a run that was interrupted finds its own image by.
	Token string
}

// pools are those that the image's data goes to.
func (r Request) pools() []string {
	pools := []string{r.Target.Pool}
	if r.Layout.DataPool != "" {
		pools = append(pools, r.Layout.DataPool)
	}
	return pools
}

// Result is what a conversion has to tell beside the image.
type Result struct {
	// Revision is that of the source: its checksum in a list, or what its server
	// says; empty where there is neither.
	Revision string
}

// Do makes the image under its temporary name and publishes it. When it was cut
// off, the next Do of the same state removes what is left and begins anew, or
// finishes what had its name already.
//
// Errors: those of rbd's Resume, NewPending, Publish and UnlessFull, of checksum,
// fetch, imageformat, qemu, decompress and archive; ErrTooSmall, ErrTooLong,
// ErrUnknownEnd, ErrNoChain, ErrNoArchive, ErrCompressedImage, ErrEngine; workdir.ErrNoSpace.
func Do(ctx context.Context, d Deps, r Request) (_ Result, err error) {
	ctx = rbd.Patiently(ctx)
	unlock, err := d.Ceph.LockImage(ctx, r.Target)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if finished, err := d.Ceph.Resume(ctx, r.Target, r.Token); err != nil {
		return Result{}, err
	} else if finished {
		revision, err := RevisionNow(ctx, r.Source, "")
		return Result{revision}, err
	}
	want, err := expected(ctx, r.Source)
	if err != nil {
		return Result{}, err
	}
	w, err := newWorkspace(ctx, d.Ceph, qemu.TargetOptions)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, w.remove()) }()
	j := &job{Deps: d, Request: r, workspace: w, want: want}
	var revision string
	err = d.Ceph.UnlessFull(ctx, r.pools(), func(ctx context.Context) (err error) {
		revision, err = j.run(ctx)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	if r.Source.ChecksumsURL != "" {
		revision = revisionOf(want)
	}
	return Result{revision}, nil
}

// job is one conversion.
type job struct {
	Deps
	Request
	workspace *workspace
	want      checksum.Sums // of the source, as it is published
	byQemuImg bool          // it has written the content
}

// run opens the source and writes it.
func (j *job) run(ctx context.Context) (revision string, err error) {
	if j.Engine == EngineCluster {
		return j.importByCluster(ctx)
	}
	s, err := open(ctx, j.workspace, j.Source, j.takesParts())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.write(ctx, j)
}

// workspace is a private folder with the configuration under which qemu-img opens
// images of the cluster. It also holds the copy of a stream.
type workspace struct {
	ceph *rbd.Cluster
	dir  *workdir.Dir
	tool rbd.Tool
}

// newWorkspace makes one; options are for the image that is written.
func newWorkspace(ctx context.Context, ceph *rbd.Cluster, options map[string]string) (*workspace, error) {
	dir, err := workdir.New("convert")
	if err != nil {
		return nil, err
	}
	tool, err := ceph.WriteToolConf(ctx, dir.Path(), options)
	if err != nil {
		return nil, errors.Join(err, dir.Remove())
	}
	return &workspace{ceph, dir, tool}, nil
}

func (w *workspace) remove() error { return w.dir.Remove() }

// node is an image of this cluster for qemu-img.
func (w *workspace) node(spec rbd.Spec) qemu.RBD {
	return qemu.RBD{
		Pool: spec.Pool, Namespace: spec.Namespace, Image: spec.Image, Snapshot: spec.Snapshot,
		ConfFile: w.tool.ConfFile, User: w.tool.User,
	}
}
