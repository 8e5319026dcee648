// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// fill writes the first so many MiB, in less time than `rbd bench`.
func fill(t *testing.T, c *Cluster, spec string, mib int) {
	t.Helper()
	at, err := ParseSpec(spec)
	if err == nil {
		err = c.withImage(t.Context(), at, readWrite, func(img *librbd.Image) error {
			_, err := img.WriteAt(bytes.Repeat([]byte{1}, mib<<20), 0)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A listing shows what was made, in its own namespace, with the bytes that
// `rbd du` counts.
func TestImages(t *testing.T) {
	c, ctx := NewCluster(Config{}), t.Context()
	ns := imagestest.Namespace(t, "vms")
	place := "vms/" + ns + "/"
	imagestest.Make(t, place+"b", "create", "--size", "32M", "--data-pool", "volumes")
	imagestest.Make(t, place+"a", "create", "--size", "32M")
	imagestest.Make(t, place+"slow", "create", "--size", "32M", "--image-feature", "layering")
	imagestest.Make(t, place+"empty", "create", "--size", "0")
	for _, name := range []string{"a", "slow"} {
		fill(t, c, place+name, 5)
		imagestest.Snapshot(t, place+name+"@one", false)
		fill(t, c, place+name, 2)
		imagestest.Snapshot(t, place+name+"@two", false)
		fill(t, c, place+name, 9)
	}
	imagestest.Snapshot(t, place+"a@gone", true)
	imagestest.Clone(t, 2, place+"a@one", place+"clone")
	fill(t, c, place+"clone", 1)
	trashed := imagestest.Make(t, place+"old", "create", "--size", "8M")
	imagestest.Trash(t, place+"old")

	all, err := c.Images(ctx, Listing{Pool: "vms", Namespace: ns, Trash: true, What: ReadUsed})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Spec.Image)
		if d.SizeBytes == 0 {
			continue // `rbd du` of Ceph 16 aborts for it
		}
		if d.Trash != nil {
			if d.ID != trashed || d.Trash.ID != trashed {
				t.Errorf("in the trash: %+v", d)
			}
			continue
		}
		if used := imagestest.Used(t, d.Spec.String()); used != int64(d.UsedBytes) {
			t.Errorf("%s uses %d bytes, rbd du says %d", d.Spec, d.UsedBytes, used)
		}
	}
	if got := strings.Join(names, " "); got != "a b clone empty old slow" {
		t.Error(got)
	}
	if all[0].UsedBytes < 20<<20 || all[1].DataPool != "volumes" || all[2].Parent == nil || all[2].UsedBytes != 4<<20 {
		t.Errorf("%+v", all[:3])
	}

	some, err := c.Images(ctx, Listing{Pool: "vms", Namespace: ns, Match: func(n string) bool { return n == "b" || n == "old" }})
	if err != nil || len(some) != 1 || some[0].Spec.Image != "b" || some[0].UsedBytes != 0 {
		t.Errorf("%+v, %v", some, err)
	}
	two := func(name string) bool { return name == "a" || name == "b" }
	for most, want := range map[int]error{1: ErrTooMany, 2: nil} {
		if some, err = c.Images(ctx, Listing{Pool: "vms", Namespace: ns, Match: two, most: most}); !errors.Is(err, want) || err != nil && some != nil {
			t.Errorf("at most %d: %d images, %v", most, len(some), err)
		}
	}
	none, err := c.Images(ctx, Listing{Pool: "vms", Namespace: ns, Match: func(string) bool { return false }})
	if err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
}

// Snapshots of other sizes than the image's count as with `rbd du`.
func TestUsedBytesOfResized(t *testing.T) {
	c, ctx := NewCluster(Config{}), t.Context()
	ns := imagestest.Namespace(t, "vms")
	for i, sizes := range [][]string{{"16M", "32M"}, {"32M", "5M", "32M"}, {"0", "16M"}, {"16M", "0"}, {"16M", "0", "16M"}} {
		spec := Spec{Pool: "vms", Namespace: ns, Image: fmt.Sprint("resized-", i)}
		imagestest.Make(t, spec.String(), "create", "--size", sizes[0])
		for j, size := range sizes {
			if j > 0 {
				acctest.RBD(t, "resize", "--no-progress", "--allow-shrink", "--size", size, spec.String())
			}
			if size != "0" {
				fill(t, c, spec.String(), 5)
			}
			if j < len(sizes)-1 {
				imagestest.Snapshot(t, spec.WithSnapshot(size+fmt.Sprint(j)).String(), false)
			}
		}
		d, err := c.Details(ctx, spec, ReadUsed)
		if err != nil {
			t.Fatal(err)
		}
		written := slices.DeleteFunc(slices.Clone(sizes), func(s string) bool { return s == "0" })
		want := int64(len(written)) * 8 << 20
		if len(written) == len(sizes) {
			want = imagestest.Used(t, spec.String()) // it aborts for a size of 0
		}
		if int64(d.UsedBytes) != want {
			t.Errorf("%v: uses %d bytes, want %d", sizes, d.UsedBytes, want)
		}
	}
}

func TestImagesErrors(t *testing.T) {
	acctest.RequireLab(t)
	c, ctx := NewCluster(Config{}), t.Context()
	if _, err := c.Images(ctx, Listing{Pool: "no-such-pool"}); !errors.Is(err, ErrPoolNotFound) {
		t.Error(err)
	}
	if _, err := c.Images(ctx, Listing{Pool: "vms", Namespace: "no-such"}); !errors.Is(err, ErrNamespaceNotFound) {
		t.Error(err)
	}
	user, key := imagestest.User(t, "profile rbd pool=vms")
	limited := NewCluster(Config{User: user, Key: key})
	if _, err := limited.Images(ctx, Listing{Pool: "images"}); !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "images") {
		t.Error(err)
	}
}

// Images that come and go while they are listed are no error.
func TestImagesComeAndGo(t *testing.T) {
	c, ctx := NewCluster(Config{}), t.Context()
	ns := imagestest.Namespace(t, "vms")
	imagestest.Make(t, "vms/"+ns+"/stays", "create", "--size", "8M")
	stop := make(chan struct{})
	var others sync.WaitGroup
	for i := range 2 {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				spec := fmt.Sprintf("vms/%s/goes-%d-%d", ns, i, n)
				if out, err := acctest.TryRBD(t, "create", "--size", "8M", spec); err != nil {
					t.Error(out)
				}
				if out, err := acctest.TryRBD(t, "rm", "--no-progress", spec); err != nil {
					t.Error(out)
				}
			}
		})
	}
	for range 50 {
		all, err := c.Images(ctx, Listing{Pool: "vms", Namespace: ns, What: ReadUsed | ReadUsers})
		if err != nil {
			t.Error(err)
		}
		if !slices.ContainsFunc(all, func(d Details) bool { return d.Spec.Image == "stays" }) {
			t.Errorf("%+v", all)
		}
	}
	close(stop)
	others.Wait()
}
