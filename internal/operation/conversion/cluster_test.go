// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func byCluster(r *conversion.Request) { r.Engine = conversion.EngineCluster }

// published is a raw disk of an odd length on a server, and its request.
func published(t *testing.T, name string) (*disktest.Site, []byte, conversion.Request) {
	t.Helper()
	data := disktest.Content(t, disktest.Raw(t))
	data = data[:len(data)-100]
	s := disktest.NewSite(t, map[string][]byte{"disk.raw": data})
	return s, data, request(name, summed(url(s, "disk.raw", "raw"), disktest.SHA256(data)), byCluster)
}

// padded is what an image has of it: whole sectors.
func padded(data []byte) []byte { return append(data[:len(data):len(data)], make([]byte, 100)...) }

// The manager of the cluster reads the disk, and this process only its beginning.
func TestClusterImports(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	s, data, r := published(t, name)
	var mine atomic.Int64
	s.Part = func(_ int64, _ http.ResponseWriter, req *http.Request) bool {
		if strings.Contains(req.UserAgent(), "Go-http-client") {
			mine.Add(1)
		}
		return false
	}
	r.Layout = rbd.Layout{SizeBytes: 32 << 20, ObjectSizeBytes: 1 << 20, Metadata: map[string]string{"k": "v"}}
	var said []string
	logf := func(_ context.Context, format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	result, err := conversion.Do(t.Context(), cluster(t, rbd.Config{Logf: logf}), r)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(said, "\n"), "executed here") {
		t.Errorf("not by the manager: %q", said)
	}
	if result.Revision != `etag:"v0"` {
		t.Errorf("revision %s", result.Revision)
	}
	exported(t, append(padded(data), make([]byte, 32<<20-len(data)-100)...), name)
	info := acctest.RBD(t, "info", "vms/"+name)
	if !strings.Contains(info, "order 20") || strings.Contains(info, "migrating") || strings.TrimSpace(acctest.RBD(t, "image-meta", "get", "vms/"+name, "k")) != "v" {
		t.Errorf("made: %s", info)
	}
	if n := mine.Load(); n > 1 {
		t.Errorf("%d parts were asked for by this process", n)
	}
	if got := acctest.Images(t, "vms", name); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

// What the cluster can't take, or not rightly, is refused by plan and apply alike.
func TestClusterRefuses(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	s, data, good := published(t, name)
	sum := disktest.SHA256(data)
	files := map[string][]byte{"disk.raw": data, "disk.gz": disktest.Gzip(t, data), "page.html": []byte("<!DOCTYPE html><html></html>")}
	s.Files.Store(&files)
	elsewhere := disktest.NewSite(t, nil)
	elsewhere.Config.Handler = http.RedirectHandler(s.URL+"/disk.raw", http.StatusFound)
	whole := disktest.NewSite(t, nil)
	whole.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
	with := func(ref conversion.Reference) conversion.Request { return request(name, summed(ref, sum), byCluster) }
	packed := with(url(s, "disk.raw", "raw"))
	packed.Source.ArchiveMember = "disk.raw"
	small := good
	small.Layout.SizeBytes = 1 << 20
	short := good
	short.MaxSourceBytes = 1 << 20
	for want, r := range map[string]conversion.Request{
		"does not see source.file":       with(file("/disk.raw", "raw")),
		"live import of an image in RBD": with(image("images/x@s", "raw")),
		"clusters of zeros":              with(url(s, "disk.raw", "qcow2")),
		"no source of format vmdk":       with(url(s, "disk.raw", "vmdk")),
		"look into archives":             packed,
		"has no checksum":                request(name, url(s, "disk.raw", "raw"), byCluster),
		"has a query":                    with(url(s, "disk.raw?token=secret", "raw")),
		"no IPv6":                        with(conversion.Reference{URL: "http://[::1]/disk.raw", Format: "raw"}),
		"follows no redirect":            with(url(elsewhere, "disk.raw", "raw")),
		"gives no parts":                 with(url(whole, "disk.raw", "raw")),
		"compressed with gzip":           with(url(s, "disk.gz", "raw")),
		"HTML page":                      with(url(s, "page.html", "raw")),
		"no such file":                   with(url(s, "none.raw", "raw")),
		"smaller than the source":        small,
		"holds more than it may":         short,
	} {
		_, err := conversion.InspectFor(t.Context(), cluster(t, rbd.Config{}), r.Engine, r.Source)
		if r.Layout.SizeBytes+r.MaxSourceBytes == 0 { // the others are seen from the size
			matches(t, err, want)
		}
		_, err = conversion.Do(t.Context(), cluster(t, rbd.Config{}), r)
		matches(t, err, want)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a secret in %v", err)
		}
	}
	nothing(t, name)
}

// librbd calls an import executed that could not read all, or read something else: the checksum
// tells, and nothing is left.
func TestClusterReadsSomethingElse(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	s, data, r := published(t, name)
	other := append([]byte(nil), data...)
	other[9<<20] ^= 1
	asked := s.Parts.Load() + 1
	s.Part = func(n int64, _ http.ResponseWriter, _ *http.Request) bool {
		if n == asked+1 { // the first was ours
			s.Files.Store(&map[string][]byte{"disk.raw": other})
		}
		return false
	}
	_, err := conversion.Do(t.Context(), cluster(t, rbd.Config{}), r)
	matches(t, err, `what the cluster read from .*checksum`)
	nothing(t, name)
}

// What a run was killed in is ended by the next, with the server there or not.
func TestClusterKilled(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	s, data, r := published(t, name)
	left := "vms/" + name + ".tfpending"
	spec := func(label string) string {
		return fmt.Sprintf(`{"type":"raw","stream":{"type":"http","url":%q},"terraform-provider-rbd":%q}`, r.Source.URL, label)
	}
	const killed = "conversion:test@unit.killed"
	prepare := func(label string) {
		acctest.RBD(t, "migration", "prepare", "--import-only", "--source-spec", spec(label), left)
	}
	execute := func() { acctest.RBD(t, "migration", "execute", "--no-progress", left) }
	for step, do := range map[string]func(){
		"prepared":         func() { prepare(killed) },
		"executed, gone":   func() { prepare(killed); execute(); s.Files.Store(&map[string][]byte{"other.raw": data}) },
		"not prepared yet": func() { acctest.RBD(t, "create", "--size", "24M", left) },
	} {
		do()
		if _, err := cluster(t, rbd.Config{}).Ceph.CheckTemporary(t.Context(), r.Target); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		next := r
		if (*s.Files.Load())["disk.raw"] == nil {
			next.Source.URL = s.URL + "/other.raw"
		}
		if _, err := conversion.Do(t.Context(), cluster(t, rbd.Config{}), next); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		s.Files.Store(&map[string][]byte{"disk.raw": data})
		exported(t, padded(data), name)
		if got := acctest.Images(t, "vms", name); len(got) != 1 || got[0] != name {
			t.Errorf("%s: left: %v", step, got)
		}
		acctest.RBD(t, "rm", "--no-progress", "vms/"+name)
	}
	for label, want := range map[string]string{"conversion:test@other.1": "another state", "": "migration of the image is under way"} {
		prepare(label)
		_, err := conversion.Do(t.Context(), cluster(t, rbd.Config{}), r)
		matches(t, err, want)
		_, err = cluster(t, rbd.Config{}).Ceph.CheckTemporary(t.Context(), r.Target)
		matches(t, err, want)
		acctest.RBD(t, "migration", "abort", "--no-progress", left)
	}
}

// A run that is killed while the manager copies.
func TestClusterKilledCopying(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	s, data, r := published(t, name)
	began, goOn := make(chan struct{}), make(chan struct{})
	s.Part = func(n int64, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 2 {
			close(began)
		}
		if n >= 2 {
			<-goOn
		}
		return false
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	err = killWhen(self, r, func() error { <-began; return nil })
	close(goOn)
	if err != nil {
		t.Fatal(err)
	}
	imagestest.Forget(t, "vms/"+name+".tfpending")
	if _, err := conversion.Do(t.Context(), cluster(t, rbd.Config{}), r); err != nil {
		t.Fatal(err)
	}
	exported(t, padded(data), name)
	if got := acctest.Images(t, "vms", name); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}
