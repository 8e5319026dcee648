// Package namecheck validates names and specs of Ceph in a configuration.
package namecheck

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

type check struct {
	what string
	fn   func(string) error
}

// Image accepts what can be an image's name.
func Image() validator.String { return check{"an RBD image name", rbd.CheckImageName} }

// Snapshot accepts what can be a snapshot's name.
func Snapshot() validator.String { return check{"an RBD snapshot name", rbd.CheckSnapshotName} }

// Pool accepts what can be a pool's name.
func Pool() validator.String {
	return check{"a pool name", func(s string) error {
		if s == "" || strings.ContainsAny(s, "/@") {
			return fmt.Errorf("%q is not a pool name", s)
		}
		return nil
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

// SnapshotSpec accepts pool[/namespace]/image@snapshot.
func SnapshotSpec() validator.String {
	return check{"a snapshot spec", func(s string) error {
		spec, err := rbd.ParseSpec(s)
		if err == nil && spec.Snapshot == "" {
			err = fmt.Errorf("%q is the spec of an image, a snapshot is wanted: pool[/namespace]/image@snapshot", s)
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

// Pattern accepts regular expressions.
func Pattern() validator.String {
	return check{"a regular expression", func(s string) error {
		_, err := regexp.Compile(s)
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
		resp.Diagnostics.AddAttributeError(req.Path, "Not "+c.what, err.Error()+".")
	}
}
