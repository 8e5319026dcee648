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
