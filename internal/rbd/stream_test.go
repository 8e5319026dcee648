// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

func TestWriteStream(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	random := make([]byte, 9<<20+777)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	sparse := make([]byte, 41<<20+13)
	copy(sparse[5<<20-1:], random[:3])
	copy(sparse[40<<20:], random[:70<<10])
	for name, tc := range map[string]struct {
		data   []byte
		layout Layout
	}{
		"empty": {nil, Layout{}}, "one byte": {[]byte{1}, Layout{}}, "random": {random, Layout{}},
		"size known": {random, Layout{SizeBytes: uint64(len(random))}}, "sparse": {sparse, Layout{}},
		"all zero":      {make([]byte, 20<<20), Layout{SizeBytes: 20 << 20}},
		"small objects": {random, Layout{ObjectSizeBytes: 64 << 10}},
		"large objects": {random, Layout{ObjectSizeBytes: 32 << 20}},
		"striped":       {sparse, Layout{StripeUnitBytes: 1 << 20, StripeCount: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := c.NewPending(ctx, spec, tc.layout, "t")
			if err != nil {
				t.Fatal(err)
			}
			var seen uint64
			n, err := p.WriteStream(ctx, iotest.HalfReader(bytes.NewReader(tc.data)), func(b uint64) { seen = b })
			if err != nil || n != uint64(len(tc.data)) || seen != n {
				t.Fatalf("%d bytes, %d seen: %v", n, seen, err)
			}
			if err := p.Publish(ctx); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "out")
			acctest.RBD(t, "export", "--no-progress", spec.String(), out)
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, tc.data) {
				t.Errorf("%d bytes come back: %v", len(got), err)
			}
			if name == "all zero" {
				if used := acctest.RBD(t, "diff", "--whole-object", spec.String()); used != "" {
					t.Errorf("zeros were written: %s", used)
				}
			}
			if err := c.RemoveImage(ctx, spec, p.ID()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A stream that breaks off leaves nothing that could be published by mistake.
func TestWriteStreamThatBreaksOff(t *testing.T) {
	spec := testSpec(t)
	c, ctx := NewCluster(Config{}), t.Context()
	p, err := c.NewPending(ctx, spec, Layout{}, "t")
	if err != nil {
		t.Fatal(err)
	}
	r := io.MultiReader(bytes.NewReader(make([]byte, 6<<20)), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := p.WriteStream(ctx, r, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if err := p.Discard(ctx); err != nil {
		t.Error(err)
	}
	if left := acctest.Images(t, "vms", spec.Image); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
