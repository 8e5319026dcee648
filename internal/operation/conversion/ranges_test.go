// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
)

// qemu-img reads from the server what it needs, and no stream is kept for it; also
// where half of the connections break off.
func TestDoFromParts(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Noise(t, 20<<20)
	dir := t.TempDir()
	made := func(file string, args ...string) []byte {
		file = filepath.Join(dir, file)
		disktest.QemuImg(t, append(append([]string{"convert", "-f", "raw"}, args...), raw, file)...)
		return disktest.Content(t, file)
	}
	garbage := make([]byte, 64<<20)
	_, _ = rand.Read(garbage) // it never fails
	qcow2 := made("disk.qcow2", "-O", "qcow2")
	files := map[string][]byte{
		"disk.qcow2":       append(bytes.Clone(qcow2), garbage...),
		"compressed.qcow2": made("compressed.qcow2", "-O", "qcow2", "-c"),
		"disk.vmdk":        made("disk.vmdk", "-O", "vmdk", "-o", "subformat=streamOptimized"),
		"disk.vdi":         made("disk.vdi", "-O", "vdi"),
		"disk.vhdx":        made("disk.vhdx", "-O", "vhdx"),
	}
	for file, format := range map[string]string{"disk.qcow2": "qcow2", "compressed.qcow2": "qcow2", "disk.vmdk": "vmdk", "disk.vdi": "vdi", "disk.vhdx": "vhdx"} {
		for what, breaks := range map[string]bool{"whole": false, "broken": true} {
			t.Run(file+" "+what, func(t *testing.T) {
				s := disktest.NewSite(t, files)
				if breaks {
					s.Part = cutEverySecond(files[file])
				}
				target := name + "-" + strings.ReplaceAll(file, ".", "-") + "-" + what
				converted(t, request(target, url(s, file, format)))
				same(t, raw, "raw", target)
				// The disk has 20 MiB that nothing can be left out of.
				if s.Parts.Load() < 20 {
					t.Errorf("%d parts were asked for: it was read as one stream", s.Parts.Load())
				}
				if sent := s.Sent.Load(); file == "disk.qcow2" && !breaks && sent > int64(len(qcow2))+32<<20 {
					t.Errorf("%d bytes were sent of a disk with %d and %d of garbage", sent, len(qcow2), len(garbage))
				}
			})
		}
	}
}

// cutEverySecond breaks every second answer off after some bytes.
func cutEverySecond(data []byte) func(int64, http.ResponseWriter, *http.Request) bool {
	return func(n int64, w http.ResponseWriter, req *http.Request) bool {
		if n%2 == 0 {
			return false
		}
		cut := &cutting{ResponseWriter: w, left: 1000}
		defer func() {
			if cut.left < 0 {
				panic(http.ErrAbortHandler)
			}
		}()
		w.Header().Set("ETag", `"v0"`)
		http.ServeContent(cut, req.Clone(req.Context()), "", disktest.Changed, bytes.NewReader(data))
		return true
	}
}

// cutting lets only so many bytes through.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(b []byte) (int, error) {
	if c.left -= len(b); c.left < 0 {
		_, _ = c.ResponseWriter.Write(b[:max(len(b)+c.left, 0)])
		return 0, http.ErrAbortHandler
	}
	return c.ResponseWriter.Write(b)
}

// A file that changes on its server meanwhile is an error, and leaves nothing; a
// server that gives no parts is read as one stream.
func TestDoFromPartsThatChange(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Noise(t, 20<<20)
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", raw, qcow2)
	s := disktest.NewSite(t, map[string][]byte{"disk.qcow2": disktest.Content(t, qcow2)})
	s.Part = func(n int64, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 8 {
			s.Version.Add(1)
		}
		return false
	}
	refused(t, request(name, url(s, "disk.qcow2", "qcow2")), `changed on the server`)
	s.Part = func(_ int64, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("ETag", `"v1"`)
		_, _ = w.Write((*s.Files.Load())["disk.qcow2"])
		return true
	}
	converted(t, request(name, url(s, "disk.qcow2", "qcow2")))
	same(t, raw, "raw", name)
}
