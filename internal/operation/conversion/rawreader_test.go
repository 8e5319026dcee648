// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

// A stream is passed on as it is, or refused by its beginning or its end.
func TestReadRaw(t *testing.T) {
	t.Parallel()
	disk := bytes.Repeat([]byte{0, 1, 2}, 100000)
	for _, n := range []int{0, 1, 511, 512, 513, qemu.HeadBytes - 1, qemu.HeadBytes, qemu.HeadBytes + 1, len(disk)} {
		d, err := readRaw("x", io.MultiReader(bytes.NewReader(disk[:n/2]), bytes.NewReader(disk[n/2:n])))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(d); err != nil || !bytes.Equal(got, disk[:n]) {
			t.Errorf("%d of %d bytes, %v", len(got), n, err)
		}
	}
	if _, err := readRaw("x", bytes.NewReader(tarred(t, disk))); !errors.Is(err, qemu.ErrContent) {
		t.Errorf("tar: %v", err)
	}
	d, err := readRaw("x", io.MultiReader(bytes.NewReader(disk), bytes.NewReader(imageOf(t, "vpc", "-o", "subformat=fixed"))))
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(d, 1000))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, d)
	}
	if !errors.Is(err, qemu.ErrContent) {
		t.Errorf("fixed vhd: %v", err)
	}
}
