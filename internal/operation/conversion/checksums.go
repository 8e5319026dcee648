// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// listTimeout bounds the fetching of a list of checksums.
const listTimeout = 5 * time.Minute

// expected are the checksums that the source must have, none where none is given.
// Of those in a list it is the strongest.
func expected(ctx context.Context, ref Reference) (checksum.Sums, error) {
	if ref.ChecksumsURL != "" {
		all, err := listed(ctx, ref)
		return all.Strongest(), err
	}
	return ref.Sums, nil
}

// CheckListed looks the source up in its list of checksums, where it has one.
//
// Errors: those of fetch; checksum.ErrNotListed, checksum.ErrAmbiguous.
func CheckListed(ctx context.Context, ref Reference) error {
	if ref.ChecksumsURL == "" {
		return nil
	}
	_, err := listed(ctx, ref)
	return err
}

// listed are all checksums of the source in its list.
func listed(ctx context.Context, ref Reference) (checksum.Sums, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list := ref.ChecksumsURL
	r, err := fetch.Open(ctx, list)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // what was wanted was read
	sums, err := checksum.Find(r, ref.wanted())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	return sums, nil
}

// wanted is what the source is called in its list of checksums.
func (r Reference) wanted() checksum.Wanted {
	list, err := url.Parse(r.ChecksumsURL)
	if err != nil { // the schema has looked
		list = &url.URL{}
	}
	w := checksum.Wanted{List: path.Base(list.Path)}
	switch {
	case r.File != "":
		w.Name = filepath.Base(r.File)
	case r.Image != "":
		spec, _ := rbd.ParseSpec(r.Image) // the schema has looked
		w.Name = spec.Image
	default:
		file, err := url.Parse(r.URL)
		if err != nil {
			file = &url.URL{}
		}
		w.Name = path.Base(file.Path)
		folder := path.Dir(path.Clean("/" + file.Path))
		if name := r.PublishedName; name != "" {
			w.Path = path.Join(folder, name)
		} else {
			w.Path = path.Join(folder, w.Name)
		}
		w.Path = strings.TrimPrefix(w.Path, "/")
		if from := strings.Trim(path.Dir(path.Clean("/"+list.Path)), "/") + "/"; list.Scheme == file.Scheme && list.Host == file.Host {
			if below, ok := strings.CutPrefix("/"+w.Path, "/"+strings.TrimPrefix(from, "/")); ok {
				w.Relative = below
			}
		}
	}
	if r.PublishedName != "" {
		w.Name = r.PublishedName
	}
	return w
}

// verifyFile hashes a source on this machine, where it has a checksum.
func (j *job) verifyFile(name string) []check {
	if len(j.want) == 0 {
		return nil
	}
	return []check{func(ctx context.Context) error {
		log := j.progress(ctx, "checksum of the source", j.Target)
		defer log.Stop()
		return verifyFile(ctx, name, j.want, log.Set)
	}}
}

// verifyImage hashes a source in RBD as it lies there, where it has a checksum.
func (j *job) verifyImage(spec rbd.Spec) []check {
	if len(j.want) == 0 {
		return nil
	}
	return []check{func(ctx context.Context) error {
		log := j.progress(ctx, "checksum of the source", spec)
		defer log.Stop()
		h, err := j.Ceph.HashContent(ctx, spec, slices.Collect(maps.Keys(j.want)), log.Set)
		if err != nil {
			return err
		}
		if err := j.want.Compare(h.Sums); err != nil {
			return fmt.Errorf("%s: %w", spec, err)
		}
		return nil
	}}
}

func verifyFile(ctx context.Context, name string, want checksum.Sums, progress func(done, total uint64)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // opened for reading
	info, err := f.Stat()
	if err != nil {
		return err
	}
	v, done := checksum.NewVerifier(want), uint64(0)
	if _, err := io.Copy(v, readerFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := f.Read(b)
		done += uint64(n)                   //nolint:gosec // never negative
		progress(done, uint64(info.Size())) //nolint:gosec // never negative
		return n, err
	})); err != nil {
		return err
	}
	if err := v.Verify(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
