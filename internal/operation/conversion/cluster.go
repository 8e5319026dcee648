// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// Who makes the image.
const (
	EngineClient  = "client"
	EngineCluster = "cluster"
)

// ErrEngine says that the cluster can't take a source by itself, or not rightly.
var ErrEngine = errors.New("the cluster can't take this source by itself")

// CheckEngine refuses what an engine can't take, as far as the reference tells.
//
// Errors: ErrEngine.
func CheckEngine(engine string, ref Reference) error {
	if engine != EngineCluster {
		return nil
	}
	if why := unfit(ref); why != "" {
		return fmt.Errorf("%w: %s", ErrEngine, why)
	}
	return nil
}

// unfit says why the cluster can't take a source, or why nobody could tell whether it
// did so rightly: librbd's answer is no proof of that.
func unfit(ref Reference) string {
	switch {
	case ref.File != "":
		return "it does not see source.file"
	case ref.Image != "":
		return "a live import of an image in RBD is not the snapshot that was asked for where the image was written to after it (seen with Ceph 16, 18 and 20), and takes its other snapshots along"
	case ref.Format == imageformat.Qcow2:
		return "of a qcow2 it reads clusters of zeros wrongly without an error (seen with Ceph 16, 18 and 20), and compressed ones not at all"
	case ref.Format != formatRaw:
		return "it knows no source of format " + ref.Format
	case ref.ArchiveMember != "":
		return "it does not look into archives"
	case len(ref.Sums) == 0 && ref.ChecksumsURL == "":
		return "the source has no checksum, and only that tells whether all was read: librbd calls an import done of which it could not read all"
	}
	return unfitURL(ref.URL)
}

// unfitURL says why an address may not be given to librbd, which keeps it in the
// header of the image.
func unfitURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "source.url can't be parsed"
	case u.RawQuery != "" || u.ForceQuery:
		return "source.url has a query, and `rbd status` would show it, a signature in it too, to everybody who may read the image"
	case strings.Contains(u.Host, "["):
		return "librbd knows no IPv6 address in a URL"
	}
	return ""
}

// InspectFor is Inspect for an engine.
//
// Errors: also ErrEngine.
func InspectFor(ctx context.Context, d Deps, engine string, ref Reference) (Inspection, error) {
	if engine != EngineCluster {
		return Inspect(ctx, d, ref)
	}
	if err := CheckEngine(engine, ref); err != nil {
		return Inspection{}, err
	}
	info, err := lookForCluster(ctx, ref)
	if err != nil {
		return Inspection{}, err
	}
	return Inspection{VirtualBytes: qemu.RawSize(info.SizeBytes), Known: true}, nil
}

// lookForCluster looks at the beginning of a source that the cluster is to read: it
// follows no redirect, asks for parts, and decompresses nothing.
func lookForCluster(ctx context.Context, ref Reference) (fetch.Info, error) {
	info, head, err := fetch.ReadHead(ctx, ref.URL, qemu.HeadBytes)
	if err != nil {
		return info, err
	}
	why := ""
	switch compression := decompress.Detect(head); {
	case info.Redirected(ref.URL):
		why = "source.url is redirected, and librbd follows no redirect"
	case !info.GivesParts() && info.SizeBytes != 0:
		why = "the server gives no parts of it (`Range`)"
	case info.SizeBytes <= 0:
		why = "the server says that it is empty"
	case compression != decompress.None && !ref.AllowAnyContent:
		why = "it is compressed with " + compression
	}
	if why != "" {
		return info, fmt.Errorf("%s: %w: %s", ref.URL, ErrEngine, why)
	}
	b := beginning{qemu.Source{File: ref.URL, Format: formatRaw, AnyContent: ref.AllowAnyContent}, head}
	return info, b.check(info.SizeBytes != int64(len(head)))
}

// importByCluster has the cluster read the source, and compares what it made with the
// checksum. Nothing of the source itself passes through here unless no manager takes it.
func (j *job) importByCluster(ctx context.Context) (revision string, err error) {
	if err := CheckEngine(EngineCluster, j.Source); err != nil {
		return "", err
	}
	info, err := lookForCluster(ctx, j.Source)
	if err != nil {
		return "", err
	}
	virtual := qemu.RawSize(info.SizeBytes)
	if err := CheckSize(j.Layout.SizeBytes, virtual); err != nil {
		return "", err
	}
	if most := j.MaxSourceBytes; most > 0 && uint64(info.SizeBytes) > most { //nolint:gosec // not negative
		return "", j.tooLong(int64(most)) //nolint:gosec // the schema bounds it
	}
	p, err := j.Ceph.NewPendingImport(ctx, j.Target, j.Source.URL, j.Layout, j.Token)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.Discard(ctx)) }()
	if size, err := p.Size(ctx); err != nil {
		return "", err
	} else if size != uint64(info.SizeBytes) { //nolint:gosec // not negative
		return "", fmt.Errorf("%w: %s had %d bytes, and %d for the cluster", qemu.ErrChanged, j.Source.URL, info.SizeBytes, size)
	}
	if _, err := p.Execute(ctx); err != nil {
		return "", err
	}
	log := j.progress(ctx, "checksum of the image", p.Spec)
	defer log.Stop()
	h, err := j.Ceph.HashContent(ctx, p.Spec, slices.Collect(maps.Keys(j.want)), log.Set)
	if err != nil {
		return "", err
	}
	if err := j.want.Compare(h.Sums); err != nil {
		return "", fmt.Errorf("what the cluster read from %s: %w", j.Source.URL, err)
	}
	return info.Revision(), j.publish(ctx, p, virtual)
}
