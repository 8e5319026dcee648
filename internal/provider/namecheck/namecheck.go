// SPDX-License-Identifier: MPL-2.0

// Package namecheck validates names and specs of Ceph in a configuration.
package namecheck

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type check struct {
	what string
	fn   func(string) error
}

// Image accepts what can be the name of an image that is to be made.
func Image() validator.String { return check{"an RBD image name", rbd.CheckNewImageName} }

// Snapshot accepts what can be the name of a snapshot that is to be made.
func Snapshot() validator.String { return check{"an RBD snapshot name", rbd.CheckNewSnapshotName} }

// Pool accepts what can be a pool's name.
func Pool() validator.String { return check{"a pool name", CheckPool} }

// DataPool also accepts the empty name, which stands for the image's own pool.
func DataPool() validator.String {
	return check{"a pool name", func(s string) error {
		if s == "" {
			return nil
		}
		return CheckPool(s)
	}}
}

// CheckPool tells whether there can be a pool of this name.
func CheckPool(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return errors.New("the pool's name is empty: leave it out for the default")
	case strings.ContainsAny(s, "/@"), strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%q is not a pool name, such as \"images\"", s)
	}
	return nil
}

// Namespace accepts what can be an RBD namespace's name, and the empty one of a
// pool's default namespace.
func Namespace() validator.String {
	return check{"an RBD namespace name", func(s string) error {
		if s == "" {
			return nil
		}
		return rbd.CheckNamespaceName(s)
	}}
}

// FSID accepts the id of a cluster.
func FSID() validator.String {
	return check{"an fsid", func(s string) error {
		if !uuid.MatchString(s) {
			return fmt.Errorf("%q is not the fsid of a cluster: want a UUID, as `ceph fsid` prints it", s)
		}
		return nil
	}}
}

var uuid = regexp.MustCompile(`^(?i:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// GlanceImageID accepts the ID of an image in Glance.
func GlanceImageID() validator.String {
	return check{"the ID of an image", func(s string) error {
		if !uuid.MatchString(s) || s != strings.ToLower(s) {
			return fmt.Errorf("%q is not the ID of an image in Glance: want a UUID in small letters, as `openstack image list` prints it", s)
		}
		return nil
	}}
}

// Key accepts the key of a Ceph user, and never shows what it refuses.
func Key() validator.String {
	return check{"the key of a Ceph user", func(s string) error {
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
		if err != nil || len(b) == 0 {
			return errors.New("want a key as `ceph auth get-key client.USER` prints it")
		}
		return nil
	}}
}

// Given accepts any text but one that is empty or has nothing but white space,
// and one that C would cut off.
func Given() validator.String {
	return check{"a value", func(s string) error {
		switch {
		case strings.TrimSpace(s) == "":
			return errors.New("it is empty: leave it out where there is none")
		case strings.ContainsFunc(s, unicode.IsControl):
			return fmt.Errorf("%q has a control character in it", s)
		}
		return nil
	}}
}

// Secret is Given for what must not be seen: what it refuses is not shown.
func Secret() validator.String {
	return check{"a value", func(s string) error {
		switch {
		case strings.TrimSpace(s) == "":
			return errors.New("it is empty: leave it out where there is none")
		case strings.ContainsFunc(s, unicode.IsControl):
			return errors.New("it has a control character in it, as the line end of a file is: trimspace() takes that away")
		}
		return nil
	}}
}

// Address accepts the URL of a server; it is not shown, as somebody may have
// written a password into it.
func Address() validator.String {
	return check{"an http(s) URL", func(s string) error {
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return errors.New("want a URL such as https://keystone.example.com/v3")
		case u.User != nil:
			return errors.New("user and password have no place in the URL: give them as arguments")
		}
		return nil
	}}
}

// PEM accepts blocks whose type ends with kind, and shows nothing of them.
func PEM(kind string) validator.String {
	return check{"PEM", func(s string) error {
		for rest := []byte(s); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return fmt.Errorf("there is no block \"-----BEGIN %s-----\" in it; a file is named by the argument that ends with _file", kind)
			}
			if strings.HasSuffix(block.Type, kind) {
				return nil
			}
		}
	}}
}

// ImageSpec accepts pool[/namespace]/image.
func ImageSpec() validator.String {
	return check{"an image spec", func(s string) error {
		spec, err := rbd.ParseSpec(s)
		if err == nil && spec.Snapshot != "" {
			err = fmt.Errorf("%q is the spec of a snapshot, an image is wanted: pool[/namespace]/image", s)
		}
		return err
	}}
}

// NewImageSpec is ImageSpec for an image that is to be made.
func NewImageSpec() validator.String {
	return check{"an image spec", func(s string) error {
		spec, err := rbd.ParseSpec(s)
		if err == nil && spec.Snapshot != "" {
			err = fmt.Errorf("%q is the spec of a snapshot, an image is wanted: pool[/namespace]/image", s)
		}
		if err == nil {
			err = rbd.CheckNewImageName(spec.Image)
		}
		return err
	}}
}

// SnapshotSpec accepts pool[/namespace]/image@snapshot.
func SnapshotSpec() validator.String {
	return check{"a snapshot spec", func(s string) error {
		spec, err := rbd.ParseSpec(s)
		if err == nil && spec.Snapshot == "" {
			err = fmt.Errorf("%q is the spec of an image, a snapshot is wanted: pool[/namespace]/image@snapshot", s)
		}
		if err == nil {
			err = rbd.CheckNewSnapshotName(spec.Snapshot)
		}
		return err
	}}
}

// AnySpec accepts pool[/namespace]/image[@snapshot].
func AnySpec() validator.String {
	return check{"a spec", func(s string) error {
		_, err := rbd.ParseSpec(s)
		return err
	}}
}

func (c check) Description(context.Context) string             { return "must be " + c.what }
func (c check) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (c check) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := c.fn(req.ConfigValue.ValueString()); err != nil {
		// Terraform points at no more than the block of a nested one.
		resp.Diagnostics.AddAttributeError(req.Path, "Not "+c.what, "In attribute "+req.Path.String()+": "+err.Error()+".")
	}
}
