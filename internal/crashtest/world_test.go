// SPDX-License-Identifier: MPL-2.0

package crashtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// world is all that there is of a test in the pools, in Glance and in the folder
// of exports: by what stays with a thing whatever it is called, what it is like.
type world map[string]string

func see(t *testing.T, name string, exports string) world {
	t.Helper()
	w := world{}
	w.addRecords(t, name)
	w.addImages(t, name)
	for _, ns := range namespaces(t, name) {
		w["namespace "+ns] = "there"
	}
	w.addFiles(t, exports)
	return w
}

func (w world) addRecords(t *testing.T, name string) {
	t.Helper()
	for _, r := range records(t.Context(), t, name) {
		w["record "+r.ID] = fmt.Sprint(r.Name, r.Status, r.Locations, r.Properties)
	}
}

func records(ctx context.Context, t *testing.T, name string) []glance.Image {
	t.Helper()
	all, err := glance.New(glance.Config{}).List(ctx, glance.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r glance.Image) bool { return !strings.HasPrefix(r.Name, name) })
}

// addImages adds images and their snapshots, what protects records too.
func (w world) addImages(t *testing.T, name string) {
	t.Helper()
	c := rbd.NewCluster(rbd.Config{})
	for _, pool := range []string{"images", "vms"} {
		images, err := c.Images(t.Context(), rbd.Listing{Pool: pool, Trash: true, Match: func(n string) bool {
			_, record, ok := strings.Cut(n, ".")
			return strings.HasPrefix(n, name) || ok && w["record "+record] != ""
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range images {
			w["image "+i.ID] = fmt.Sprint(i.Spec, i.SizeBytes, i.Parent, i.Trash)
			for label, value := range i.Metadata {
				w[fmt.Sprintf("label %s of image %s", label, i.ID)] = value
			}
			for _, s := range i.Snapshots {
				w[fmt.Sprintf("snapshot %d of image %s", s.ID, i.ID)] = fmt.Sprint(s.Name, s.Protected)
			}
		}
	}
}

var namespaceName = regexp.MustCompile(`"name":"([^"]+)"`)

func namespaces(t *testing.T, name string) (out []string) {
	t.Helper()
	for _, found := range namespaceName.FindAllStringSubmatch(acctest.RBD(t, "namespace", "ls", "vms", "--format", "json"), -1) {
		if strings.HasPrefix(found[1], name) {
			out = append(out, found[1])
		}
	}
	return out
}

func (w world) addFiles(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		is := ""
		if !f.IsDir() {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			is = fmt.Sprintf("%x", sha256.Sum256(b))
		}
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		w["file "+f.Name()] = fmt.Sprint(info.ModTime(), is)
	}
}

// removeAll removes what a test that failed has left.
func removeAll(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	g := glance.New(glance.Config{})
	for _, r := range records(ctx, t, name) {
		_ = g.Unprotect(ctx, r.ID)
		_, _ = g.DeleteRecord(ctx, r.ID)
		for _, pool := range []string{"images", "vms"} {
			_, _ = acctest.TryRBD(t, "rm", "--no-progress", pool+"/guard."+r.ID)
		}
	}
	for _, ns := range namespaces(t, name) {
		_, _ = acctest.TryRBD(t, "namespace", "rm", "vms/"+ns)
	}
}
