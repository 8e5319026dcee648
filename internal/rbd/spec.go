// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ErrInvalidSpec is wrapped by the errors of ParseSpec, ParseLocationURL and
// the name checks.
var ErrInvalidSpec = errors.New("not a valid spec")

// Spec names an image or a snapshot in Ceph's own notation,
// pool[/namespace]/image[@snapshot].
type Spec struct {
	Pool      string
	Namespace string
	Image     string
	Snapshot  string
}

// ParseSpec reads pool[/namespace]/image[@snapshot]. The pool is never
// guessed: a spec without one is an error.
func ParseSpec(s string) (Spec, error) {
	var spec Spec
	rest, snap, hasSnap := strings.Cut(s, "@")
	if hasSnap {
		if err := CheckSnapshotName(snap); err != nil {
			return Spec{}, fmt.Errorf("%q: %w", s, err)
		}
		spec.Snapshot = snap
	}
	parts := strings.Split(rest, "/")
	switch len(parts) {
	case 2:
		spec.Pool, spec.Image = parts[0], parts[1]
	case 3:
		spec.Pool, spec.Namespace, spec.Image = parts[0], parts[1], parts[2]
		if spec.Namespace == "" {
			return Spec{}, fmt.Errorf("%q: the namespace is empty: %w", s, ErrInvalidSpec)
		}
	default:
		return Spec{}, fmt.Errorf("%q: want pool[/namespace]/image[@snapshot]: %w", s, ErrInvalidSpec)
	}
	if spec.Pool == "" {
		return Spec{}, fmt.Errorf("%q: the pool is empty: %w", s, ErrInvalidSpec)
	}
	if err := CheckImageName(spec.Image); err != nil {
		return Spec{}, fmt.Errorf("%q: %w", s, err)
	}
	return spec, nil
}

func (s Spec) String() string {
	var b strings.Builder
	b.WriteString(s.Pool)
	if s.Namespace != "" {
		b.WriteString("/" + s.Namespace)
	}
	b.WriteString("/" + s.Image)
	if s.Snapshot != "" {
		b.WriteString("@" + s.Snapshot)
	}
	return b.String()
}

// PoolSpec is the pool[/namespace] part.
func (s Spec) PoolSpec() string {
	if s.Namespace == "" {
		return s.Pool
	}
	return s.Pool + "/" + s.Namespace
}

// ImageSpec is the spec without its snapshot.
func (s Spec) ImageSpec() Spec {
	s.Snapshot = ""
	return s
}

// WithImage is the spec of another image in the same pool and namespace.
func (s Spec) WithImage(name string) Spec {
	return Spec{Pool: s.Pool, Namespace: s.Namespace, Image: name}
}

// WithSnapshot is the spec of a snapshot of the image.
func (s Spec) WithSnapshot(name string) Spec {
	s.Snapshot = name
	return s
}

// CheckImageName tells whether librbd, and everything that writes a spec,
// can name an image so.
func CheckImageName(name string) error { return checkName("image name", name) }

// CheckSnapshotName is CheckImageName for snapshots.
func CheckSnapshotName(name string) error { return checkName("snapshot name", name) }

func checkName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s is empty: %w", what, ErrInvalidSpec)
	case strings.ContainsAny(name, "@/"):
		return fmt.Errorf("the %s %q contains \"@\" or \"/\", which separate the parts of a spec: %w", what, name, ErrInvalidSpec)
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return fmt.Errorf("the %s %q contains a control character: %w", what, name, ErrInvalidSpec)
	case len(name) > maxNameBytes:
		return fmt.Errorf("the %s %q is longer than %d bytes: %w", what, name, maxNameBytes, ErrInvalidSpec)
	}
	return nil
}

// maxNameBytes is RBD_MAX_IMAGE_NAME_SIZE less its terminating zero.
const maxNameBytes = 95

// LocationURL is the location of a snapshot as Glance, Nova and Cinder write
// and compare it: rbd://FSID/POOL/IMAGE/SNAP, each part percent-encoded.
func LocationURL(fsid string, s Spec) string {
	pool := s.Pool
	if s.Namespace != "" {
		pool += "/" + s.Namespace
	}
	parts := []string{fsid, pool, s.Image, s.Snapshot}
	for i, p := range parts {
		// Encoded as Glance's own store does it (urllib.parse.quote with no
		// safe characters), so that equal locations are equal strings.
		parts[i] = quote(p)
	}
	return "rbd://" + strings.Join(parts, "/")
}

func quote(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.-~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// ParseLocationURL takes a location of four parts to pieces. The older form
// with an image name alone does not say which cluster it means and is refused.
func ParseLocationURL(location string) (fsid string, spec Spec, err error) {
	rest, ok := strings.CutPrefix(location, "rbd://")
	if !ok {
		return "", Spec{}, fmt.Errorf("%q does not begin with rbd://: %w", location, ErrInvalidSpec)
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 4 {
		return "", Spec{}, fmt.Errorf("%q: want rbd://FSID/POOL/IMAGE/SNAPSHOT: %w", location, ErrInvalidSpec)
	}
	for i, p := range parts {
		if parts[i], err = url.PathUnescape(p); err != nil {
			return "", Spec{}, fmt.Errorf("%q: %w: %w", location, err, ErrInvalidSpec)
		}
	}
	if err := CheckImageName(parts[2]); err != nil { // before its parts are put together
		return "", Spec{}, fmt.Errorf("%q: %w", location, err)
	}
	spec, err = ParseSpec(parts[1] + "/" + parts[2] + "@" + parts[3])
	return parts[0], spec, err
}
