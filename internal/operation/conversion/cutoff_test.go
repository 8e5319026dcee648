// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// childRequest is the environment variable with the conversion that this process
// is to make, slowly.
const childRequest = "CONVERSION_TEST_CHILD"

func TestMain(m *testing.M) {
	text := os.Getenv(childRequest)
	if text == "" {
		os.Exit(m.Run())
	}
	var r conversion.Request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		os.Exit(3)
	}
	c := slow
	c.FSID, c.Run = os.Getenv("RBD_LAB_FSID"), rbd.Run{State: "unit", ID: "killed"}
	if _, err := conversion.Do(context.Background(), conversion.Deps{Ceph: rbd.NewCluster(c)}, r); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(3)
	}
	os.Exit(0)
}

// kinds is a source of every kind with the same disk, which takes a slow cluster
// some seconds to write.
func kinds(t *testing.T, name string) (raw string, all map[string]conversion.Reference) {
	t.Helper()
	raw = disktest.Noise(t, 40<<20)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", raw, at("disk.qcow2"))
	disktest.QemuImg(t, "create", "-f", "qcow2", "-F", "qcow2", "-b", "disk.qcow2", at("top.qcow2"))
	uploaded := "images/" + name + "-upload"
	acctest.RBD(t, "import", "--no-progress", at("disk.qcow2"), uploaded)
	acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"@s")
	acctest.RBD(t, "import", "--no-progress", raw, uploaded+"-raw")
	acctest.RBD(t, "snap", "create", "--no-progress", uploaded+"-raw@s")
	s := disktest.NewSite(t, map[string][]byte{
		"disk.raw": disktest.Content(t, raw), "disk.qcow2": disktest.Content(t, at("disk.qcow2")), "qcow2.tar": tarred(t, dir, "disk.qcow2"),
		"qcow2.tar.gz": disktest.Gzip(t, tarred(t, dir, "disk.qcow2")), "raw.tar.gz": disktest.Gzip(t, tarred(t, filepath.Dir(raw), filepath.Base(raw))),
	})
	disktest.Write(t, at("disk.tar"), tarred(t, dir, "disk.qcow2"))
	chain := file(at("top.qcow2"), "qcow2")
	chain.AllowBackingChain = true
	return raw, map[string]conversion.Reference{
		"file": file(at("disk.qcow2"), "qcow2"), "chain": chain,
		"image": image(uploaded+"@s", "qcow2"), "raw-image": image(uploaded+"-raw@s", "raw"),
		"ranges": url(s, "disk.qcow2", "qcow2"), "stream": url(s, "disk.raw", "raw"),
		"member": member(url(s, "qcow2.tar", "qcow2"), "disk.qcow2"), "in-place": member(file(at("disk.tar"), "qcow2"), "disk.qcow2"),
		"packed":     member(url(s, "qcow2.tar.gz", "qcow2"), "disk.qcow2"),
		"raw-member": member(url(s, "raw.tar.gz", "raw"), filepath.Base(raw)),
	}
}

// A conversion that is told to end while it copies, of whatever kind its source
// is, leaves nothing. It waits for the end of the watch that an ended qemu-img
// leaves: all do at the same time.
func TestDoInterrupted(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	_, all := kinds(t, name)
	var work errgroup.Group
	for kind, ref := range all {
		target := name + "-" + kind
		work.Go(func() error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			waited := make(chan error, 1)
			go func() {
				waited <- awaitData(t, "vms/"+target+".tfpending")
				cancel()
			}()
			_, err := conversion.Do(ctx, cluster(t, slow), request(target, ref))
			matches(t, err, `canceled|interrupted|signal|ended`)
			nothing(t, target)
			return <-waited
		})
	}
	if err := work.Wait(); err != nil {
		t.Error(err)
	}
}

// A conversion that is killed while it copies, of whatever kind its source is,
// leaves nothing under the image's own name, and no other state takes its place;
// the next run of the same state makes the image.
func TestDoKilled(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw, all := kinds(t, name)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var work errgroup.Group
	for kind, ref := range all {
		target := name + "-" + kind
		r := request(target, ref)
		work.Go(func() error {
			if err := kill(t, self, r); err != nil {
				return err
			}
			imagestest.Forget(t, "vms/"+target+".tfpending")
			if left := acctest.Images(t, "vms", target); len(left) != 1 || left[0] != target+".tfpending" {
				t.Errorf("left of %s: %v", kind, left)
			}
			other := conversion.Deps{Ceph: rbd.NewCluster(rbd.Config{FSID: acctest.FSID(t), Run: rbd.Run{State: "other", ID: "1"}})}
			_, err := conversion.Do(t.Context(), other, r)
			matches(t, err, `another state`)
			if _, err := convert(t.Context(), cluster(t, rbd.Config{}), r); err != nil {
				return err
			}
			if left := acctest.Images(t, "vms", target); len(left) != 1 || left[0] != target {
				t.Errorf("left of %s: %v", kind, left)
			}
			return disktest.Compare(raw, "raw", "vms/"+target)
		})
	}
	if err := work.Wait(); err != nil {
		t.Error(err)
	}
}

// kill begins a conversion in a process of its own, and kills it while it copies.
func kill(t *testing.T, self string, r conversion.Request) error {
	t.Helper()
	return killWhen(self, r, func() error { return awaitData(t, "vms/"+r.Target.Image+".tfpending") })
}

// killWhen is kill as soon as await has returned.
func killWhen(self string, r conversion.Request, await func() error) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childRequest+"="+string(text))
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		return err
	}
	err = await()
	if killed := child.Process.Kill(); err == nil {
		err = killed
	}
	_ = child.Wait() // of what was killed
	return err
}
