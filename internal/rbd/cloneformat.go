// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// CloneFormat is the format that a clone gets: the one that is asked for, 1 or
// 2, or with 0 what the cluster has configured (rbd_default_clone_format), where
// "auto" is 2 as soon as all clients must be Mimic or newer. Only a v1 clone
// needs a protected parent.
func (c *Cluster) CloneFormat(ctx context.Context, asked uint64) (uint64, error) {
	if asked > 0 {
		return asked, nil
	}
	format := uint64(1)
	err := c.do(ctx, func(cn *connection) error {
		option, err := cn.conn.GetConfigOption("rbd_default_clone_format")
		if err != nil {
			return fmt.Errorf("read the option rbd_default_clone_format: %w", err)
		}
		switch option {
		case "1":
			return nil
		case "2":
			format = 2
			return nil
		}
		release, err := cn.minCompatClient()
		// Releases are named by the alphabet: M is Mimic.
		if err == nil && strings.ToLower(release) >= "mimic" {
			format = 2
		}
		return err
	})
	return format, err
}

// librbd's rules for v1 clones.
var (
	ErrOtherNamespace = errors.New("a v1 clone lies in the namespace of its parent")
	ErrV1Parent       = errors.New("a v1 clone needs a protected parent")
)

// CheckClone tells whether a clone can be where it is wanted. Format is as in
// CloneFormat.
//
// Errors: ErrOtherNamespace.
func (c *Cluster) CheckClone(ctx context.Context, spec, parent Spec, format uint64) error {
	if spec.Namespace == parent.Namespace {
		return nil
	}
	format, err := c.CloneFormat(ctx, format)
	if err == nil && format == 1 {
		err = fmt.Errorf("clone %s to %s: %w", parent, spec, ErrOtherNamespace)
	}
	return err
}

// minCompatClient is `ceph osd get-require-min-compat-client`.
func (cn *connection) minCompatClient() (string, error) {
	var dump struct {
		Release string `json:"require_min_compat_client"`
	}
	err := cn.monCommand("osd dump", &dump)
	return dump.Release, err
}
