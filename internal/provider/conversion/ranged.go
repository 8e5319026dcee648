package conversion

import (
	"context"
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/nbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemuimg"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/unwrap"
)

// longestSocket is what fits into a socket's address, with a margin.
const longestSocket = 90

// ranged has qemu-img read the source from its server, by way of this process:
// nothing is kept on this machine, and of the server's file only what is needed
// is fetched. qemu itself never talks to the server: it would follow redirects,
// and would not notice that the file changes.
//
// It returns false for what has to be read as one stream: what is compressed as
// a whole, what has a checksum, and what a server gives no parts of.
func (j *job) ranged(ctx context.Context, src sourceModel, want checksum.Sums) (done bool, err error) {
	url, s := src.URL.ValueString(), j.source
	if url == "" || len(want) > 0 || s.Format == "raw" && !j.m.VerifyContent.ValueBool() || len(s.dir.Path()) > longestSocket {
		return false, nil
	}
	r, head, err := fetch.OpenRanges(ctx, url, qemuimg.HeadBytes)
	if errors.Is(err, fetch.ErrNoRanges) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if unwrap.Detect(head) != unwrap.None {
		return false, r.Close()
	}
	server, err := nbd.Serve(s.dir.Path(), r, r.Info().SizeBytes)
	if err != nil {
		return false, errors.Join(err, r.Close())
	}
	// The reads that the server waits for end with r.
	defer func() { err = errors.Join(err, r.Close(), server.Close()) }()
	s.File, s.Socket, s.Head, s.ranges = url, server.Socket, head, r
	s.sizeBytes = uint64(r.Info().SizeBytes) //nolint:gosec // not negative
	s.unchanged = r.Unchanged
	s.streamed = false
	j.revision = r.Info().Revision()
	err = j.convert(ctx)
	// qemu-img knows no more than that it could not read.
	if why := r.Err(); err != nil && why != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w (%w)", why, err)
	}
	return true, err
}
