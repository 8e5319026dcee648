// SPDX-License-Identifier: MPL-2.0

package nbd

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// qemu reads all of a device, also where it ends within a sector.
func TestServe(t *testing.T) {
	for _, size := range []int{1, 511, 512, 513, 1 << 20, 1<<20 + 7, 3<<20 - 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			content := make([]byte, size)
			_, _ = rand.Read(content)
			dir := t.TempDir()
			s, err := Serve(dir, bytes.NewReader(content), int64(size))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // instead of for ever
			defer cancel()
			copied := filepath.Join(dir, "copy")
			out, err := exec.CommandContext(ctx, "qemu-img", "convert", "-f", "raw", "-O", "raw", "nbd+unix:///?socket="+s.Socket, copied).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got, err := os.ReadFile(copied)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Concat(content, make([]byte, (sector-size%sector)%sector))
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes are not the %d that were served", len(got), len(want))
			}
		})
	}
}

// qemu-img writes what it commits, also where the path of the socket is longer
// than a socket's may be, and where the device ends within a sector.
func TestServeWritable(t *testing.T) {
	for _, size := range []int64{512, 1<<20 + 7} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 30))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			disk, err := os.Create(filepath.Join(t.TempDir(), "disk"))
			if err == nil {
				err = disk.Truncate(size)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := ServeWritable(dir, disk, size)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("sh", "-ec", `
qemu-img create -q -f qcow2 -F raw -b 'nbd+unix:///?socket=nbd' overlay
qemu-io -f qcow2 -c 'write -P 7 0 512' overlay
qemu-img commit -q -d -f qcow2 overlay`)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			got, err := os.ReadFile(disk.Name())
			want := append(bytes.Repeat([]byte{7}, 512), make([]byte, size-512)...)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the device has %d bytes, not the %d that were committed: %v", len(got), len(want), err)
			}
		})
	}
}
