// SPDX-License-Identifier: MPL-2.0

package conversion_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func file(name, format string) conversion.Reference {
	return conversion.Reference{File: name, Format: format}
}

func image(spec, format string) conversion.Reference {
	return conversion.Reference{Image: spec, Format: format}
}

func url(s *disktest.Site, name, format string) conversion.Reference {
	return conversion.Reference{URL: s.URL + "/" + name, Format: format}
}

// summed is a source with a SHA-256.
func summed(ref conversion.Reference, sum string) conversion.Reference {
	ref.Sums = checksum.Sums{"sha256": sum}
	return ref
}

func anyContent(ref conversion.Reference) conversion.Reference {
	ref.AllowAnyContent = true
	return ref
}

type change func(*conversion.Request)

func sized(bytes uint64) change       { return func(r *conversion.Request) { r.Layout.SizeBytes = bytes } }
func bounded(bytes uint64) change     { return func(r *conversion.Request) { r.MaxSourceBytes = bytes } }
func verified(r *conversion.Request)  { r.VerifyContent = true }
func sparsified(is bool) change       { return func(r *conversion.Request) { r.Sparsify = is } }
func into(pool string) change         { return func(r *conversion.Request) { r.Target.Pool = pool } }
func unchanged(_ *conversion.Request) {}
func verifiedIf(is bool) change       { return func(r *conversion.Request) { r.VerifyContent = is } }

// request is for an image of this name in the pool vms.
func request(name string, ref conversion.Reference, changes ...change) conversion.Request {
	r := conversion.Request{Source: ref, Target: rbd.Spec{Pool: "vms", Image: name}, Token: "conversion:test"}
	for _, c := range changes {
		c(&r)
	}
	return r
}

// cluster is the lab's, as a run of the state "unit".
func cluster(t *testing.T, c rbd.Config) conversion.Deps {
	t.Helper()
	c.FSID, c.Run = acctest.FSID(t), rbd.Run{State: "unit", ID: "1"}
	return conversion.Deps{Ceph: rbd.NewCluster(c)}
}

// plan does what a plan does with a source.
func plan(ctx context.Context, d conversion.Deps, r conversion.Request) (conversion.Inspection, error) {
	if err := conversion.CheckListed(ctx, r.Source); err != nil {
		return conversion.Inspection{}, err
	}
	found, err := conversion.Inspect(ctx, d, r.Source)
	if err == nil && found.Known {
		err = conversion.CheckSize(r.Layout.SizeBytes, found.VirtualBytes)
	}
	return found, err
}

// convert plans and converts.
func convert(ctx context.Context, d conversion.Deps, r conversion.Request) (found conversion.Inspection, err error) {
	if found, err = plan(ctx, d, r); err == nil {
		_, err = conversion.Do(ctx, d, r)
	}
	return found, err
}

// converted fails the test where a source can't be converted, or leaves a
// temporary image.
func converted(t *testing.T, r conversion.Request) conversion.Inspection {
	t.Helper()
	found, err := convert(t.Context(), cluster(t, rbd.Config{}), r)
	if err != nil {
		t.Fatal(err)
	}
	if left := acctest.Images(t, r.Target.Pool, r.Target.Image+"."); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	return found
}

// refused fails the test where the conversion has not this error, or leaves
// anything.
func refused(t *testing.T, r conversion.Request, want string) {
	t.Helper()
	_, err := convert(t.Context(), cluster(t, rbd.Config{}), r)
	matches(t, err, want)
	nothing(t, r.Target.Image)
}

// refusedInPlan is refused for what a plan refuses already.
func refusedInPlan(t *testing.T, r conversion.Request, want string) {
	t.Helper()
	_, err := plan(t.Context(), cluster(t, rbd.Config{}), r)
	matches(t, err, want)
}

func matches(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !regexp.MustCompile("(?is)"+want).MatchString(err.Error()) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// nothing fails the test where an image of this name, or one whose name begins
// with it, is in the pool vms.
func nothing(t *testing.T, name string) {
	t.Helper()
	if left := acctest.Images(t, "vms", name); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// same fails the test where qemu-img finds another content in an image.
func same(t *testing.T, source, format, name string) {
	t.Helper()
	if err := disktest.Compare(source, format, "vms/"+name); err != nil {
		t.Error(err)
	}
}

// exported fails the test where rbd reads another content.
func exported(t *testing.T, want []byte, name string) {
	t.Helper()
	if err := disktest.CompareExport(t, want, "vms/"+name); err != nil {
		t.Error(err)
	}
}

func TestDoFormats(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	raw := disktest.Raw(t)
	for _, f := range []struct{ name, format, options string }{
		{"raw", "raw", ""}, {"qcow2", "qcow2", ""}, {"qcow2-compressed", "qcow2", ""}, {"qcow2-v2", "qcow2", "compat=0.10"},
		{"qcow2-zstd-compressed", "qcow2", "compression_type=zstd"}, {"qcow2-extended-l2", "qcow2", "extended_l2=on,cluster_size=128k"},
		{"vmdk", "vmdk", ""}, {"vmdk-stream", "vmdk", "subformat=streamOptimized"},
		{"vdi", "vdi", ""}, {"vhdx", "vhdx", ""}, {"vpc", "vpc", "force_size=on"},
	} {
		t.Run(f.name, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "a,b=c."+f.name)
			args := []string{"convert", "-f", "raw", "-O", f.format}
			if f.options != "" {
				args = append(args, "-o", f.options)
			}
			if strings.HasSuffix(f.name, "-compressed") {
				args = append(args, "-c")
			}
			disktest.QemuImg(t, append(args, raw, src)...)
			converted(t, request(name+"-"+f.name, file(src, f.format), verified))
			same(t, src, f.format, name+"-"+f.name)
		})
	}
}

// Sizes that are no multiple of anything, nothing at all, and 2 TiB of which a
// little is written.
func TestDoSizes(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	for _, format := range []string{"raw", "qcow2"} {
		for _, size := range []int64{0, 1, 511, 512, 4<<20 - 512, 4<<20 + 1, 2 << 40} {
			t.Run(fmt.Sprintf("%s of %d bytes", format, size), func(t *testing.T) {
				raw, src := filepath.Join(t.TempDir(), "raw"), filepath.Join(t.TempDir(), "src")
				disktest.Write(t, raw, nil)
				if err := os.Truncate(raw, size); err != nil {
					t.Fatal(err)
				}
				if size > 0 {
					putByte(t, raw, size-1)
				}
				disktest.QemuImg(t, "convert", "-f", "raw", "-O", format, raw, src)
				target := fmt.Sprintf("%s-%s-%d", name, format, size)
				found := converted(t, request(target, file(src, format)))
				const sector = 512
				if virtual := (size + sector - 1) / sector * sector; !found.Known || found.VirtualBytes != uint64(virtual) {
					t.Errorf("the plan says %+v, want %d bytes", found, virtual)
				}
				checkSized(t, src, format, target, size)
			})
		}
	}
}

func putByte(t *testing.T, name string, at int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, at); err != nil {
		t.Fatal(err)
	}
}

// checkSized compares an image with its source of this size, whose last byte alone
// is set.
func checkSized(t *testing.T, src, format, target string, size int64) {
	t.Helper()
	switch {
	case size == 0:
		empty(t, target)
	case size < 1<<30:
		same(t, src, format, target)
	default: // all of it would take too long to read
		out := strings.Fields(acctest.RBD(t, "diff", "--whole-object", "vms/"+target))
		if want := fmt.Sprint(size - 4<<20); len(out) < 3 || out[len(out)-3] != want || strings.Count(strings.Join(out, " "), "data") != 1 {
			t.Errorf("want data at %s alone: %v", want, out)
		}
	}
}

func empty(t *testing.T, name string) {
	t.Helper()
	if out := acctest.RBD(t, "info", "vms/"+name); !strings.Contains(out, "size 0 B") {
		t.Error(out)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	name := acctest.Name(t)
	dir := t.TempDir()
	at := func(n string) string { return filepath.Join(dir, n) }
	raw := disktest.Raw(t)
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "qcow2", raw, at("good"))
	disktest.QemuImg(t, "create", "-f", "qcow2", "-F", "raw", "-b", raw, at("backing"))
	disktest.QemuImg(t, "create", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", at("shadow"), "1M")
	disktest.QemuImg(t, "create", "-f", "qcow2", "-o", "data_file="+at("data"), at("datafile"), "1M")
	disktest.QemuImg(t, "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, at("flat.vmdk"))
	disktest.Encrypted(t, at("luks"))
	// The header of a good one, and then nothing.
	disktest.Write(t, at("cut"), []byte("QFI\xfb\x00\x00\x00\x03"))
	acctest.RBD(t, "create", "--size", "8M", "vms/"+name+"-taken")
	for what, tc := range map[string]struct {
		name   string // of the image
		ref    conversion.Reference
		change change
		want   string
	}{
		"missing":      {"", file(at("nothing"), "qcow2"), unchanged, `no such file`},
		"folder":       {"", file(dir, "qcow2"), unchanged, `not a regular file`},
		"no qcow2":     {"", file(raw, "qcow2"), unchanged, `not in the stated format`},
		"qcow2 as vdi": {"", file(at("good"), "vdi"), unchanged, `it is a qcow2 disk image, not vdi`},
		"cut off":      {"", file(at("cut"), "qcow2"), unchanged, `cut off`},
		"backing file": {"", file(at("backing"), "qcow2"), unchanged, `has a backing file: it names .*disk.raw".*allow_backing_chain`},
		"shadow":       {"", file(at("shadow"), "qcow2"), unchanged, `has a backing file: it names "/etc/shadow"`},
		"data file":    {"", file(at("datafile"), "qcow2"), unchanged, `data in another file: it names ".*/data"`},
		"flat vmdk":    {"", file(at("flat.vmdk"), "vmdk"), unchanged, `data in another file: .*"flat-flat.vmdk"`},
		"encrypted":    {"", file(at("luks"), "qcow2"), unchanged, `encrypted`},
		"too small":    {"", file(at("good"), "qcow2"), sized(8 << 20), `size is smaller than the source`},
		"taken":        {"-taken", file(at("good"), "qcow2"), unchanged, `name is already taken`},
		"no pool":      {"", file(at("good"), "qcow2"), into("no-such-pool"), `pool not found`},
		"no image":     {"", image("vms/"+name+"-nothing@snap", "qcow2"), unchanged, `image not found`},
	} {
		t.Run(what, func(t *testing.T) {
			r := request(name+tc.name, tc.ref, tc.change)
			_, err := plan(t.Context(), cluster(t, rbd.Config{}), r)
			if tc.name == "" && r.Target.Pool == "vms" { // what is about the target is no matter of the source
				matches(t, err, tc.want)
			}
			// An apply refuses it by itself too.
			_, err = conversion.Do(t.Context(), cluster(t, rbd.Config{}), r)
			matches(t, err, tc.want)
		})
	}
	if left := acctest.Images(t, "vms", name); len(left) != 1 {
		t.Errorf("left in the pool: %v", left)
	}
}
