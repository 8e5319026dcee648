// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// confPrefix begins the metadata that overrides the cluster's configuration for
// one image: `rbd config image set`.
const confPrefix = "conf_"

// ErrReservedKey says that a metadata key is not for free use.
var ErrReservedKey = errors.New("reserved metadata key")

// CheckMetadataKey tells whether a key of image metadata is free for use.
//
// Errors: ErrReservedKey.
func CheckMetadataKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: a key is not empty", ErrReservedKey)
	case strings.HasPrefix(key, ownership.Prefix):
		return fmt.Errorf("%w: %q, as those that begin with %q are this provider's own", ErrReservedKey, key, ownership.Prefix)
	case strings.HasPrefix(key, confPrefix):
		return fmt.Errorf("%w: %q: configuration of the image goes into conf, without %q", ErrReservedKey, key, confPrefix)
	}
	return nil
}

// CheckConf tells whether the librbd at hand knows a configuration option, and
// takes the value for it. Nothing is set and no cluster is asked. Where there is no
// librbd, only a plan on another machine can tell.
func CheckConf(option, value string) error {
	if !strings.HasPrefix(option, "rbd_") {
		return fmt.Errorf("%q is not an option of librbd: its options begin with \"rbd_\"", option)
	}
	conn, err := rados.NewConn()
	if errors.Is(err, ErrWithoutLibrbd) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make a connection: %w", err)
	}
	defer conn.Shutdown()
	switch err := conn.SetConfigOption(option, value); {
	case err == nil:
		return nil
	case errno(err) == syscall.ENOENT:
		return fmt.Errorf("%q is not an option of librbd", option)
	case errno(err) == syscall.EINVAL:
		return fmt.Errorf("%q is not a value for %s", value, option)
	default:
		return fmt.Errorf("set %s to %q: %w", option, value, err)
	}
}

// Conf is the image's own configuration, by option: `rbd config image ls`,
// those whose source is the image.
func (i Image) Conf() map[string]string {
	out := map[string]string{}
	for k, v := range i.Metadata {
		if option, ok := strings.CutPrefix(k, confPrefix); ok {
			out[option] = v
		}
	}
	return out
}

// UserMetadata is the image's metadata without our labels and without its
// configuration.
func (i Image) UserMetadata() map[string]string {
	out := map[string]string{}
	for k, v := range i.Metadata {
		if !strings.HasPrefix(k, ownership.Prefix) && !strings.HasPrefix(k, confPrefix) {
			out[k] = v
		}
	}
	return out
}

// MetadataEntries are metadata and configuration as image metadata has both.
func MetadataEntries(metadata, conf map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range metadata {
		out[k] = v
	}
	for k, v := range conf {
		out[confPrefix+k] = v
	}
	return out
}

// SetMetadata is `rbd image-meta set` and `rbd image-meta remove`, of the image
// with this id only. Entries that are in neither are left alone.
//
// Errors: ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) SetMetadata(ctx context.Context, spec Spec, id string, set map[string]string, remove []string) error {
	if len(set)+len(remove) == 0 {
		return nil
	}
	return c.withImage(ctx, spec.ImageSpec(), readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		for _, k := range remove {
			if err := ownership.Remove(img, k); err != nil {
				return err
			}
		}
		return setMetadata(img, spec, set)
	})
}

func setMetadata(img *librbd.Image, spec Spec, set map[string]string) error {
	for _, k := range sortedKeys(set) {
		if err := img.SetMetadata(k, set[k]); err != nil {
			return translate(fmt.Sprintf("set metadata %q of", k), spec.ImageSpec(), ErrImageNotFound, err)
		}
	}
	return nil
}
