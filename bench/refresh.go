// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
)

var refresh = benchmark{
	name:    "refresh",
	about:   "Read images with one protected snapshot each, ten at a time, as `terraform plan` does before it plans.",
	prepare: prepareRefresh,
}

const (
	refreshPrefix    = "bench-refresh-"
	refreshSnapshot  = "golden"
	refreshSizeBytes = 8 << 20
)

// plainRefresh takes the specs on standard input.
const plainRefresh = `xargs -P 10 -I SPEC sh -c 'rbd info SPEC && rbd snap ls SPEC'`

const (
	planning   = "`plan` of the command line"
	unplanning = "the same with `-refresh=false`"
)

// refreshConfig takes the number of images. The snapshots name
// their images by reference, as people write it.
const refreshConfig = `
provider "rbd" {
  ceph = {
    pool = "` + pool + `"
  }
}

locals {
  names = toset([for i in range(%d) : format("` + refreshPrefix + `%%04d", i)])
}

resource "rbd_image" "bench" {
  for_each = local.names
  name     = each.key
  size     = "8MiB"
}

resource "rbd_snapshot" "bench" {
  for_each = local.names
  image    = rbd_image.bench[each.key].spec
  name     = "` + refreshSnapshot + `"
}
`

const refreshImports = `
import {
  for_each = local.names
  to       = rbd_image.bench[each.key]
  id       = "` + pool + `/${each.key}"
}

import {
  for_each = local.names
  to       = rbd_snapshot.bench[each.key]
  id       = "` + pool + `/${each.key}@` + refreshSnapshot + `"
}
`

func prepareRefresh(ctx context.Context, s *session) (subject, error) {
	names, err := refreshImages(ctx, s)
	if err != nil {
		return subject{}, err
	}
	config := fmt.Sprintf(refreshConfig, s.images)
	m, err := s.newModule(ctx, config+refreshImports)
	if err != nil {
		return subject{}, err
	}
	log.Print("importing")
	if _, err := m.do(ctx, "apply", "-auto-approve", "-no-color"); err != nil {
		return subject{}, err
	}
	if err := m.configure(config); err != nil {
		return subject{}, err
	}
	server, err := newServer(ctx)
	if err != nil {
		return subject{}, err
	}
	reads, err := refreshReads(ctx, server, names)
	if err != nil {
		return subject{}, err
	}

	// A plan that is not empty is an error: the images are read, or they are not
	// what the state says.
	plan := func(args ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := m.do(ctx, append([]string{"plan", "-detailed-exitcode", "-no-color"}, args...)...)
			return err
		}
	}
	return subject{
		item: "image", items: len(names),
		ways: []way{
			{name: "plain: `rbd info` and `rbd snap ls`", run: func(ctx context.Context) error { return plainly(ctx, names) }},
			{name: "bare go-ceph: open, stat, snapshots, protection", run: func(ctx context.Context) error { return barely(ctx, names) }},
			{name: "provider in process: both resources", run: func(ctx context.Context) error {
				return forEach(ctx, reads, func(r *tfprotov6.ReadResourceRequest) error { return server.refresh(ctx, r) })
			}},
			{name: planning, run: plan()},
			{name: unplanning, run: plan("-refresh=false")},
		},
		differences: []difference{{"the refresh in the `plan`: the difference of the two", planning, unplanning}},
	}, nil
}

// refreshImages makes the images, each with a snapshot, and returns their names.
func refreshImages(ctx context.Context, s *session) ([]string, error) {
	names := make([]string, s.images)
	for i := range names {
		names[i] = fmt.Sprintf(refreshPrefix+"%04d", i)
	}
	if err := removeImages(ctx, refreshPrefix); err != nil {
		return nil, err
	}
	s.later(func(ctx context.Context) error {
		log.Print("removing the images")
		return removeImages(ctx, refreshPrefix)
	})
	return names, withPool(func(ioctx *rados.IOContext) error {
		return forEach(ctx, names, func(name string) error {
			return createImage(ioctx, name, refreshSnapshot, refreshSizeBytes)
		})
	})
}

// refreshReads are the requests of a refresh of the images and snapshots.
func refreshReads(ctx context.Context, server server, names []string) (reads []*tfprotov6.ReadResourceRequest, err error) {
	for _, name := range names {
		spec := pool + "/" + name
		for _, of := range [][2]string{{"rbd_image", spec}, {"rbd_snapshot", spec + "@" + refreshSnapshot}} {
			req, err := server.importState(ctx, of[0], of[1])
			if err != nil {
				return nil, err
			}
			reads = append(reads, req)
		}
	}
	return reads, nil
}

// plainly is what an operator does.
func plainly(ctx context.Context, names []string) error {
	var specs strings.Builder
	for _, name := range names {
		specs.WriteString(pool + "/" + name + "\n")
	}
	res, err := plain(ctx, command.Spec{Name: "sh", Args: []string{"-c", plainRefresh}, Stdin: strings.NewReader(specs.String())})
	if got := strings.Count(string(res.Stdout), " "+refreshSnapshot+" "); err == nil && got != len(names) {
		err = fmt.Errorf("it shows %d snapshots", got)
	}
	return err
}

// barely is the least that librbd can do it with.
func barely(ctx context.Context, names []string) error {
	return withPool(func(ioctx *rados.IOContext) error {
		return forEach(ctx, names, func(name string) error { return readBarely(ioctx, name) })
	})
}

func readBarely(ioctx *rados.IOContext, name string) (err error) {
	img, err := librbd.OpenImageReadOnly(ioctx, name, librbd.NoSnapshot)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	if _, err := img.Stat(); err != nil {
		return err
	}
	snaps, err := img.GetSnapshotNames()
	if err != nil {
		return err
	}
	for _, s := range snaps {
		if _, err := img.GetSnapshot(s.Name).IsProtected(); err != nil {
			return err
		}
	}
	return nil
}
