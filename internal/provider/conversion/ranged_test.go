package conversion_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// fixed is when all files of a site were changed last.
var fixed = time.Unix(1e9, 0)

// watched counts what a site is asked for in parts, and what it sends.
type watched struct {
	*site
	sent, parts atomic.Int64
	// each is called for every request for a part.
	each func(n int64, w http.ResponseWriter, req *http.Request) (answered bool)
}

func watch(s *site) *watched {
	w := &watched{site: s}
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		counted := &counting{rw, &w.sent}
		if req.Header.Get("Range") != "" {
			if n := w.parts.Add(1); w.each != nil && w.each(n, counted, req) {
				return
			}
		}
		inner.ServeHTTP(counted, req)
	})
	return w
}

type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

// qemu-img reads from the server what it needs, and no stream is kept for it; also
// where half of the connections break off.
func TestConversionFromParts(t *testing.T) {
	name := providertest.Name(t)
	raw := noise(t, 20<<20)
	dir := t.TempDir()
	convert := func(file string, args ...string) []byte {
		file = filepath.Join(dir, file)
		qemuImg(t, append(append([]string{"convert", "-f", "raw"}, args...), raw, file)...)
		return content(t, file)
	}
	garbage := make([]byte, 64<<20)
	_, _ = rand.Read(garbage) // it never fails
	qcow2 := convert("disk.qcow2", "-O", "qcow2")
	files := map[string][]byte{
		"disk.qcow2":       append(bytes.Clone(qcow2), garbage...),
		"compressed.qcow2": convert("compressed.qcow2", "-O", "qcow2", "-c"),
		"disk.vmdk":        convert("disk.vmdk", "-O", "vmdk", "-o", "subformat=streamOptimized"),
		"disk.vdi":         convert("disk.vdi", "-O", "vdi"),
		"disk.vhdx":        convert("disk.vhdx", "-O", "vhdx"),
	}
	for file, format := range map[string]string{"disk.qcow2": "qcow2", "compressed.qcow2": "qcow2", "disk.vmdk": "vmdk", "disk.vdi": "vdi", "disk.vhdx": "vhdx"} {
		for what, breaks := range map[string]bool{"whole": false, "broken": true} {
			t.Run(file+" "+what, func(t *testing.T) {
				s := newSite(t, files)
				w := watch(s)
				if breaks {
					w.each = func(n int64, rw http.ResponseWriter, req *http.Request) bool {
						if n%2 == 0 {
							return false
						}
						req = req.Clone(req.Context())
						cut := &cutting{ResponseWriter: rw, left: 1000}
						defer func() {
							if cut.left < 0 {
								panic(http.ErrAbortHandler)
							}
						}()
						rw.Header().Set("ETag", `"v0"`)
						http.ServeContent(cut, req, "", fixed, bytes.NewReader(files[file]))
						return true
					}
				}
				target := name + "-" + strings.ReplaceAll(file, ".", "-") + "-" + what
				providertest.Run(t, resource.TestCase{
					CheckDestroy: gone(t, target),
					Steps: []resource.TestStep{{
						Config: config(target, url(s, file), format),
						Check:  sameContent(t, raw, "raw", "vms/"+target),
					}},
				})
				// The disk has 20 MiB that nothing can be left out of.
				if w.parts.Load() < 20 {
					t.Errorf("%d parts were asked for: it was read as one stream", w.parts.Load())
				}
				if sent := w.sent.Load(); file == "disk.qcow2" && !breaks && sent > int64(len(qcow2))+32<<20 {
					t.Errorf("%d bytes were sent of a disk with %d and %d of garbage", sent, len(qcow2), len(garbage))
				}
			})
		}
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
func TestConversionFromPartsThatChange(t *testing.T) {
	name := providertest.Name(t)
	raw := noise(t, 20<<20)
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	qemuImg(t, "convert", "-f", "raw", "-O", "qcow2", raw, qcow2)
	s := newSite(t, map[string][]byte{"disk.qcow2": content(t, qcow2)})
	w := watch(s)
	w.each = func(n int64, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 8 {
			s.version.Add(1)
		}
		return false
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: gone(t, name),
		Steps: []resource.TestStep{
			{
				Config:      config(name, url(s, "disk.qcow2"), "qcow2"),
				ExpectError: regexp.MustCompile(`(?s)changed\s+on\s+the\s+server.*Nothing\s+was\s+made`),
			},
			{
				PreConfig: func() {
					if err := gone(t, name)(nil); err != nil {
						t.Error(err)
					}
					w.each = func(_ int64, rw http.ResponseWriter, _ *http.Request) bool {
						rw.Header().Set("ETag", `"v1"`)
						_, _ = rw.Write((*s.files.Load())["disk.qcow2"])
						return true
					}
				},
				Config: config(name, url(s, "disk.qcow2"), "qcow2"),
				Check:  sameContent(t, raw, "raw", "vms/"+name),
			},
		},
	})
}
