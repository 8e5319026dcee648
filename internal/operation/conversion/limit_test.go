// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
)

// A source that never ends, compressed or not, raw or behind a disk image, is read
// as far as it may go and no further, and leaves nothing.
func TestDoEndlessSources(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", disktest.Noise(t, 1<<20), qcow2)
	beginning := disktest.Content(t, qcow2)
	piece := disktest.Content(t, disktest.Noise(t, 1<<20))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("ETag", `"weak validators don't count"`)
		out := w.Write
		if strings.HasSuffix(req.URL.Path, ".gz") {
			out = gzip.NewWriter(w).Write
		}
		next := piece
		if strings.HasPrefix(req.URL.Path, "/disk.qcow2") {
			next = beginning
		}
		for {
			if _, err := out(next); err != nil {
				return
			}
			next = piece
		}
	}))
	t.Cleanup(s.Close)
	source := func(file, format string) conversion.Reference {
		return conversion.Reference{URL: s.URL + "/" + file, Format: format}
	}
	for _, tc := range []struct {
		ref     conversion.Reference
		changes []change
		want    string
	}{
		{source("disk.raw.gz", "raw"), []change{sized(8 << 20)}, `size is smaller than the source.*more than 8388608 bytes`},
		{source("disk.raw", "raw"), []change{sized(8 << 20)}, `size is smaller than the source.*more than 8388608 bytes`},
		{source("disk.raw.gz", "raw"), []change{sized(8 << 20), verified}, `size is smaller than the source`},
		{source("disk.raw.gz", "raw"), []change{bounded(5 << 20)}, `holds more than it may: more than 5242880 bytes`},
		{source("disk.qcow2.gz", "qcow2"), []change{sized(1 << 30)}, `holds more than it may: more than 5308416 bytes`},
		{source("disk.qcow2", "qcow2"), nil, `holds more than it may`},
	} {
		refused(t, request(name, tc.ref, tc.changes...), tc.want)
	}
}
