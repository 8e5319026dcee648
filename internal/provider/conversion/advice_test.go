// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/archive"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

// Errors of the operation come with what to do next.
func TestAdvice(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want string
	}{
		{qemu.ErrFormat, `State the format`},
		{qemu.ErrContent, `allow_any_content`},
		{fmt.Errorf("%w; %w", qemu.ErrContent, qemu.ErrArchive), `archive_member.*tar -xSf`},
		{fmt.Errorf("%w; %w", qemu.ErrFormat, qemu.ErrArchive), `archive_member.*unzip`},
		{conversion.ErrNoArchive, `Leave archive_member`},
		{archive.ErrNoMember, `tar -tf`},
		{archive.ErrKind, `the disk itself`},
		{archive.ErrAmbiguous, `Nothing was made`},
		{archive.ErrMethod, `7z x`},
		{archive.ErrTooLong, `max_source_size`},
		{archive.ErrTruncated, `Fetch the source again`},
		{archive.ErrDamaged, `Fetch the source again`},
		{fmt.Errorf("%w; %w", qemu.ErrBackingFile, conversion.ErrNoChain), `may mean harm.*allow_backing_chain`},
		{qemu.ErrBackingFile, `may mean harm`},
		{qemu.ErrParent, `may mean harm`},
		{qemu.ErrChain, `qemu-img rebase`},
		{qemu.ErrDataFile, `may mean harm.*itself a raw disk`},
		{qemu.ErrEncrypted, `Decrypt it first`},
		{qemu.ErrCorrupt, `Fetch the source again`},
		{qemu.ErrChanged, `nobody writes to the source`},
		{qemu.ErrTruncated, `Fetch the source again`},
		{conversion.ErrCompressed, `decompressed first`},
		{conversion.ErrCompressedImage, `source.file or source.url`},
		{conversion.ErrTooLong, `max_source_size`},
		{conversion.ErrTooSmall, `never cut off`},
		{conversion.ErrUnknownEnd, `checksums_url`},
		{conversion.ErrIncomparable, `-replace`},
		{checksum.ErrMismatch, `Nothing was made`},
		{checksum.ErrNotListed, `published_name`},
		{fetch.ErrChanged, `Nothing was made`},
		{fetch.ErrNotFound, `typing error`},
		{workdir.ErrNoSpace, `TMPDIR`},
		{decompress.ErrCorrupt, `Fetch the source again`},
		{&rbd.PoolFullError{Pool: "p", QuotaBytes: 8}, `ool "p" is full: its quota is 8 bytes.*set-quota`},
	} {
		if got := kind.Detail(fmt.Errorf("convert: %w", tc.err)); !regexp.MustCompile("(?s)" + tc.want).MatchString(got) {
			t.Errorf("%v: %s", tc.err, got)
		}
	}
}
