// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
)

const (
	comparisonType  = "rbd_guest_comparison"
	comparisonImage = "bench-comparison"
	comparisonGuest = "debian-12"
)

// prepareComparison makes an image with two snapshots, between which one file was
// written.
func prepareComparison(ctx context.Context, s *session) (subject, error) {
	drop := func(ctx context.Context) error {
		_ = run(ctx, "rbd", "snap", "purge", "--no-progress", pool+"/"+comparisonImage) // there may be no such image
		return dropImage(ctx, comparisonImage)
	}
	s.later(drop)
	if err := drop(ctx); err != nil {
		return subject{}, err
	}
	file := filepath.Join(os.Getenv("RBD_LAB_GUESTS"), comparisonGuest+".qcow2")
	if err := run(ctx, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", file, rbdName(comparisonImage, os.Getenv("CEPH_CONF"))); err != nil {
		return subject{}, fmt.Errorf("the lab's guest %s is needed, `lab/lab debian` builds it: %w", comparisonGuest, err)
	}
	server, err := newServer(ctx)
	if err != nil {
		return subject{}, err
	}
	image := pool + "/" + comparisonImage
	if err := run(ctx, "rbd", "snap", "create", "--no-progress", image+"@1"); err != nil {
		return subject{}, err
	}
	if _, err := server.create(ctx, guestType, map[string]any{"image": image, "files": map[string]any{"/etc/bench": map[string]any{"content": "x\n"}}}); err != nil {
		return subject{}, err
	}
	if err := run(ctx, "rbd", "snap", "create", "--no-progress", image+"@2"); err != nil {
		return subject{}, err
	}
	m, err := guestfs.New(guestfs.Config{})
	if err != nil {
		return subject{}, err
	}
	var env []string
	if m.Accelerator(ctx) == guestfs.TCG {
		env = append(env, "LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
	}
	disk := "rbd://terraform@/" + image
	return subject{item: "comparison", items: 1, ways: []way{
		{
			name: "plain: `virt-diff --checksum`",
			run: func(ctx context.Context) error {
				_, err := plain(ctx, command.Spec{Name: "virt-diff", Env: env,
					Args: []string{"--format=raw", "-a", disk + "@1", "--format=raw", "-A", disk + "@2", "--checksum=sha256"}})
				return err
			},
		},
		{
			name: "`rbd_guest_comparison` in process: `ReadDataSource`",
			run:  func(ctx context.Context) error { return server.compare(ctx, image) },
		},
	}}, nil
}

// compare reads the data source, which must find the one file.
func (s server) compare(ctx context.Context, image string) error {
	schema, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return err
	}
	of := schema.DataSourceSchemas[comparisonType].ValueType()
	config, err := object(of, map[string]any{"before": image + "@1", "after": image + "@2"}, nil)
	if err != nil {
		return err
	}
	resp, err := s.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: comparisonType, Config: &config})
	if err == nil {
		err = failed(resp.Diagnostics)
	}
	if err != nil {
		return err
	}
	v, err := resp.State.Unmarshal(of)
	if err != nil {
		return err
	}
	found, _, err := tftypes.WalkAttributePath(v, tftypes.NewAttributePath().WithAttributeName("files").WithElementKeyInt(0).WithAttributeName("path"))
	if path, ok := found.(tftypes.Value); err != nil || !ok || !path.Equal(tftypes.NewValue(tftypes.String, "/etc/bench")) {
		return errors.New("the file that differs was not found")
	}
	return nil
}
