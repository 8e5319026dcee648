// SPDX-License-Identifier: MPL-2.0

package export_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/export"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const mib = 1 << 20

// childRequest is the environment variable with the export that this process is to
// make, slowly.
const childRequest = "EXPORT_TEST_CHILD"

func TestMain(m *testing.M) {
	text := os.Getenv(childRequest)
	if text == "" {
		os.Exit(m.Run())
	}
	var r export.Request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		os.Exit(3)
	}
	d := deps(rbd.Config{FSID: os.Getenv("RBD_LAB_FSID"), Options: slow}, "state", "killed")
	if _, err := export.Do(rbd.Patiently(context.Background()), d, r); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(3)
	}
	os.Exit(0)
}

// slow are options that read no more than 8 MiB/s, so that something can happen
// meanwhile.
var slow = map[string]string{"rbd_qos_bps_limit": "8388608"}

func deps(c rbd.Config, state, run string) export.Deps {
	return export.Deps{Ceph: rbd.NewCluster(c), By: export.Owner{Run: rbd.Run{State: state, ID: run}}}
}

// lab is the lab's cluster, as a run of the state "state".
func lab(t *testing.T, run string) export.Deps {
	t.Helper()
	return deps(rbd.Config{FSID: acctest.FSID(t)}, "state", run)
}

func request(snapshot, file, format, compression string) export.Request {
	return export.Request{Snapshot: snapshot, File: file, Format: format, Compression: compression, Mode: 0o640}
}

func matches(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !regexp.MustCompile("(?is)"+want).MatchString(err.Error()) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	if err := disktest.CheckFolder(dir, want...); err != nil {
		t.Error(err)
	}
}

// Every format of images of all kinds of sizes, taken over again.
func TestDoFormats(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	sizes := map[string]string{
		"empty":   disktest.Snapshot(t, name+"-empty", 0, 0),
		"objects": disktest.Snapshot(t, name+"-objects", 64*mib, 1, 0, 9*mib, 13*mib+4096),
		"sectors": disktest.Snapshot(t, name+"-sectors", 24*mib+512, 2, 4*mib-4096),
		"bytes":   disktest.Snapshot(t, name+"-bytes", 8*mib+1001, 3, mib),
	}
	d := lab(t, "1")
	for size, spec := range sizes {
		for _, f := range []struct{ format, compression string }{
			{"raw", "none"}, {"qcow2", "none"}, {"qcow2", "zlib"}, {"qcow2", "zstd"},
		} {
			if size == "bytes" && f.format != "raw" {
				continue // see TestDoRefusals
			}
			t.Run(size+" "+f.format+" "+f.compression, func(t *testing.T) {
				dir := t.TempDir()
				file := filepath.Join(dir, "a,b=c:d."+f.format)
				got, err := export.Do(t.Context(), d, request(spec, file, f.format, f.compression))
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(disktest.CompareFile(t, file, f.format, spec), disktest.CheckSparse(file)); err != nil {
					t.Error(err)
				}
				holds(t, dir, filepath.Base(file))
				b := disktest.Content(t, file)
				if got.Record.SHA256 != disktest.SHA256(b) || got.Record.SizeBytes != int64(len(b)) || got.Snapshot.Spec.String() != spec {
					t.Errorf("told %+v", got)
				}
				if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o640 {
					t.Errorf("%v, %v", fi.Mode(), err)
				}
				want := export.Adopted{Result: got, Format: f.format, Compression: f.compression, Mode: 0o640}
				if size == "empty" { // nothing in it is compressed
					want.Compression = export.CompressionNone
					want.Revision = got.Snapshot.Revision(f.format, want.Compression)
				}
				if again, err := export.Adopt(t.Context(), d, file, spec); err != nil || !equal(again, want) {
					t.Errorf("taken over as %+v, %v; want %+v", again, err, want)
				}
			})
		}
	}
}

// equal compares what == does not: a time with its clock.
func equal(a, b export.Adopted) bool {
	same := a.Record.Modified.Equal(b.Record.Modified)
	a.Record.Modified, b.Record.Modified = time.Time{}, time.Time{}
	return same && a == b
}

// Rights to read are enough for a raw file, also of a clone, and to take it over.
func TestDoWithCapsToRead(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	parent := disktest.Snapshot(t, name, 24*mib, 1, 0, 9*mib)
	acctest.RBD(t, "snap", "protect", parent)
	acctest.RBD(t, "clone", parent, "vms/"+name+"-clone")
	spec := "vms/" + name + "-clone@s"
	acctest.RBD(t, "snap", "create", "--no-progress", spec)
	keyring := filepath.Join(t.TempDir(), "keyring")
	acctest.Admin(t, "ceph", "auth", "get-or-create", "client."+name, "mon", "profile rbd", "osd", "profile rbd-read-only pool=vms", "-o", keyring)
	t.Cleanup(func() { acctest.Admin(t, "ceph", "auth", "rm", "client."+name) })
	d := deps(rbd.Config{FSID: acctest.FSID(t), User: name, KeyringFile: keyring}, "state", "1")
	file := filepath.Join(t.TempDir(), "disk.raw")
	if _, err := export.Do(t.Context(), d, request(spec, file, "raw", "none")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(disktest.CompareFile(t, file, "raw", spec), disktest.CheckSparse(file)); err != nil {
		t.Error(err)
	}
	if _, err := export.Adopt(t.Context(), d, file, spec); err != nil {
		t.Error(err)
	}
}

func TestDoRefusals(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	spec, odd := disktest.Snapshot(t, name, 8*mib, 1), disktest.Snapshot(t, name+"-odd", 8*mib+1000, 1)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	disktest.Write(t, at("there"), []byte("mine"))
	other := request(spec, at("f"), "raw", "none")
	other.ImageID, other.SnapshotID = "0123456789ab", 1
	for what, tc := range map[string]struct {
		request export.Request
		want    string
	}{
		"file":           {request(spec, at("there"), "raw", "none"), `the file is there already`},
		"folder":         {request(spec, dir, "raw", "none"), `the file is there already`},
		"no folder":      {request(spec, at("no/file"), "raw", "none"), `no such file or directory`},
		"no snapshot":    {request(spec+"2", at("f"), "raw", "none"), `snapshot not found`},
		"no image":       {request("vms/"+name+"-no@s", at("f"), "raw", "none"), `image not found`},
		"odd qcow2":      {request(odd, at("f"), "qcow2", "none"), `sectors of 512 bytes`},
		"another's name": {other, rbd.ErrOtherSnapshot.Error()},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := export.Do(t.Context(), lab(t, "1"), tc.request)
			matches(t, err, tc.want)
		})
	}
	holds(t, dir, "there")
	if string(disktest.Content(t, at("there"))) != "mine" {
		t.Error("a file was overwritten")
	}
}

func TestAdoptRefusals(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	spec, other := disktest.Snapshot(t, name, 8*mib, 1), disktest.Snapshot(t, name+"-other", 8*mib, 2)
	dir := t.TempDir()
	d := lab(t, "1")
	for _, format := range []string{"raw", "qcow2"} {
		file := filepath.Join(dir, "disk."+format)
		if _, err := export.Do(t.Context(), d, request(spec, file, format, "none")); err != nil {
			t.Fatal(err)
		}
		for what, tc := range map[string]struct{ file, spec, want string }{
			"another":     {file, other, "does not have the content of the snapshot"},
			"missing":     {file + "2", spec, "no such file"},
			"folder":      {dir, spec, "not a regular file"},
			"no snapshot": {file, spec + "2", "snapshot not found"},
		} {
			t.Run(format+" "+what, func(t *testing.T) {
				_, err := export.Adopt(t.Context(), d, tc.file, tc.spec)
				matches(t, err, tc.want)
			})
		}
	}
	holds(t, dir, "disk.qcow2", "disk.raw")
}

// full makes a snapshot that is all data, which takes a slow cluster some seconds
// to read.
func full(t *testing.T) string {
	t.Helper()
	spec := "vms/" + acctest.Name(t)
	acctest.RBD(t, "import", "--no-progress", disktest.Noise(t, 40*mib), spec)
	acctest.RBD(t, "snap", "create", "--no-progress", spec+"@s")
	return spec + "@s"
}

// awaitContent waits until the temporary file of a target has content.
func awaitContent(t *testing.T, target string) {
	t.Helper()
	acctest.Await(t, "content of "+target, func() bool {
		var st syscall.Stat_t
		return syscall.Stat(target+".tfpending/content", &st) == nil && st.Blocks > 2048
	})
}

// An export that is told to end while it writes leaves nothing.
func TestDoInterrupted(t *testing.T) {
	t.Parallel()
	spec := full(t)
	for _, format := range []string{"raw", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "f")
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := export.Do(ctx, deps(rbd.Config{FSID: acctest.FSID(t), Options: slow}, "state", "1"), request(spec, file, format, "none"))
				ended <- err
			}()
			awaitContent(t, file)
			cancel()
			matches(t, <-ended, `canceled|interrupted|ended`)
			holds(t, dir)
		})
	}
}

// An export that is killed while it writes leaves no file of the name; another
// state does not take its place, and the next run of the same state writes the
// file.
func TestDoKilled(t *testing.T) {
	t.Parallel()
	spec := full(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"raw", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			r := request(spec, filepath.Join(dir, "f"), format, "none")
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			child := exec.Command(self)
			child.Env = append(os.Environ(), childRequest+"="+string(text))
			child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			child.Stderr = os.Stderr
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			awaitContent(t, r.File)
			_, err = export.Do(t.Context(), lab(t, "1"), r)
			matches(t, err, `another run is writing the file`)
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // of what was killed
			holds(t, dir, "f.tfpending")
			_, err = export.Do(t.Context(), deps(rbd.Config{FSID: acctest.FSID(t)}, "other", "1"), r)
			matches(t, err, `a run of another state writes the file, or was cut off`)
			what, err := export.CheckTarget(r.File, lab(t, "1").By, false)
			if err != nil || !strings.Contains(what, "was cut off while it wrote") {
				t.Errorf("the plan: %q, %v", what, err)
			}
			if _, err := export.Do(t.Context(), lab(t, "1"), r); err != nil {
				t.Fatal(err)
			}
			holds(t, dir, "f")
			if err := disktest.CompareFile(t, r.File, format, spec); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a state has is told from what somebody changed, and goes with it or stays.
func TestExported(t *testing.T) {
	t.Parallel()
	spec := disktest.Snapshot(t, acctest.Name(t), 8*mib, 1)
	d := lab(t, "1")
	ctx := t.Context()
	written := func(name string) export.Exported {
		t.Helper()
		file := filepath.Join(t.TempDir(), name)
		got, err := export.Do(ctx, d, request(spec, file, "raw", "none"))
		if err != nil {
			t.Fatal(err)
		}
		return export.Exported{Name: name, Path: file, Revision: got.Revision, SHA256: got.Record.SHA256, Record: got.Record}
	}
	touched, changed, kept, gone := written("touched"), written("changed"), written("kept"), written("gone")
	if err := os.Chtimes(touched.Path, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(changed.Path, 9*mib); err != nil {
		t.Fatal(err)
	}
	if is, _, err := touched.Inspect(ctx); err != nil || is.SHA256 != touched.SHA256 {
		t.Errorf("touched: %+v, %v", is, err)
	}
	if is, _, err := changed.Inspect(ctx); err != nil || is.SHA256 == changed.SHA256 {
		t.Errorf("changed: %+v, %v", is, err)
	}
	if err := errors.Join(touched.CheckRemove(ctx, d.By), touched.Remove(ctx, d.By)); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(touched.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
	for what, err := range map[string]error{"plan": changed.CheckRemove(ctx, d.By), "apply": changed.Remove(ctx, d.By)} {
		if !errors.Is(err, export.ErrChanged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := kept.Retain(d.By); err != nil {
		t.Error(err)
	}
	if _, err := export.Do(ctx, d, request(spec, kept.Path, "raw", "none")); !errors.Is(err, export.ErrFileExists) || errors.Is(err, export.ErrThisRun) {
		t.Errorf("over what is nobody's: %v", err)
	}
	if err := os.Remove(gone.Path); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(gone.CheckRemove(ctx, d.By), gone.Remove(ctx, d.By), gone.Retain(d.By)); err != nil {
		t.Errorf("gone: %v", err)
	}
	if _, _, err := gone.Inspect(ctx); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	// A replacement that was written first is left alone.
	old := written("old")
	if err := errors.Join(d.By.Settle(old.Path), d.By.NoteReplaced(old.Path)); err != nil {
		t.Fatal(err)
	}
	if _, err := export.Do(ctx, d, request(spec, old.Path, "qcow2", "none")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(old.CheckRemove(ctx, d.By), old.Remove(ctx, d.By), old.Retain(d.By)); err != nil {
		t.Error(err)
	}
	if err := disktest.CompareFile(t, old.Path, "qcow2", spec); err != nil {
		t.Error(err)
	}
}
