// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
)

// guests are what is done to files in a guest, beside one guestfish that does it.
var guests = []benchmark{
	guestRefresh(10),
	guestRefresh(100),
	{name: "guest-edit", about: "Change one file in a guest of an image.", prepare: prepareGuestEdit},
	{name: "guest-growth", about: "Grow partition and file system of a guest to the end of its image.", prepare: prepareGuestGrowth},
	{name: "guest-comparison", about: "Tell what differs between two snapshots of an image with a whole Debian.", prepare: prepareComparison},
}

const (
	guestType  = "rbd_guest_file_edit"
	guestImage = "bench-guest"
	guestRoot  = "/dev/sda1"
)

func guestRefresh(files int) benchmark {
	return benchmark{
		name:  fmt.Sprintf("guest-refresh-%d", files),
		about: fmt.Sprintf("Read content, mode and owner of %d files in a guest of an image.", files),
		prepare: func(ctx context.Context, s *session) (subject, error) {
			return prepareGuestRefresh(ctx, s, files)
		},
	}
}

// guest makes the image, and returns a guestfish that works on it, with the
// accelerator that the provider would take.
func (s *session) guest(ctx context.Context) (guestfish func(ctx context.Context, option, script string) (string, error), err error) {
	file := filepath.Join(os.Getenv("RBD_LAB_GUESTS"), "tiny-ext4.qcow2")
	s.later(func(ctx context.Context) error { return dropImage(ctx, guestImage) })
	if err := dropImage(ctx, guestImage); err != nil {
		return nil, err
	}
	if err := run(ctx, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", file, rbdName(guestImage, os.Getenv("CEPH_CONF"))); err != nil {
		return nil, fmt.Errorf("the lab's guests are needed, `make lab-up` builds them: %w", err)
	}
	m, err := guestfs.New(guestfs.Config{})
	if err != nil {
		return nil, err
	}
	var env []string
	if m.Accelerator(ctx) == guestfs.TCG {
		env = append(env, "LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
	}
	return func(ctx context.Context, option, script string) (string, error) {
		res, err := plain(ctx, command.Spec{
			Name: "guestfish", Args: []string{option}, Env: env,
			Stdin: strings.NewReader(fmt.Sprintf("add-drive %s/%s format:raw protocol:rbd username:terraform\nrun\nmount %s /\n%s", pool, guestImage, guestRoot, script)),
		})
		return string(res.Stdout), err
	}, nil
}

func guestFiles(n, version int) (names []string, files map[string]any) {
	files = map[string]any{}
	for i := range n {
		name := fmt.Sprintf("/etc/bench-%03d.conf", i)
		names = append(names, name)
		files[name] = map[string]any{"content": fmt.Sprintf("# %s, %d\n%s", name, version, strings.Repeat("setting = value\n", 64)), "mode": "0640"}
	}
	return names, files
}

func prepareGuestRefresh(ctx context.Context, s *session, n int) (subject, error) {
	guestfish, err := s.guest(ctx)
	if err != nil {
		return subject{}, err
	}
	server, err := newServer(ctx)
	if err != nil {
		return subject{}, err
	}
	names, files := guestFiles(n, 0)
	state, err := server.create(ctx, guestType, map[string]any{"image": pool + "/" + guestImage, "files": files})
	if err != nil {
		return subject{}, err
	}
	schema, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return subject{}, err
	}
	of := schema.ResourceSchemas[guestType].ValueType()
	var script strings.Builder
	for _, name := range names {
		fmt.Fprintf(&script, "lstatns %s\ncat %s\n", name, name)
	}
	return subject{item: "file", items: n, ways: []way{
		{
			name: "plain: one `guestfish --ro`",
			run: func(ctx context.Context) error {
				out, err := guestfish(ctx, "--ro", script.String())
				if err == nil && strings.Count(out, "st_mode") != n {
					err = errors.New("not all files were read")
				}
				return err
			},
		},
		{
			name: "`rbd_guest_file_edit` in process: `ReadResource`",
			run: func(ctx context.Context) error {
				resp, err := server.read(ctx, &tfprotov6.ReadResourceRequest{TypeName: guestType, CurrentState: state})
				if err != nil {
					return err
				}
				// Its maps come in any order.
				was, err1 := state.Unmarshal(of)
				is, err2 := resp.NewState.Unmarshal(of)
				if err = errors.Join(err1, err2); err == nil && !is.Equal(was) {
					err = errors.New("the state has changed")
				}
				return err
			},
		},
	}}, nil
}

func prepareGuestEdit(ctx context.Context, s *session) (subject, error) {
	guestfish, err := s.guest(ctx)
	if err != nil {
		return subject{}, err
	}
	server, err := newServer(ctx)
	if err != nil {
		return subject{}, err
	}
	round := 0
	edit := func(ctx context.Context, files map[string]any) error {
		_, err := server.create(ctx, guestType, map[string]any{"image": pool + "/" + guestImage, "files": files})
		return err
	}
	return subject{item: "edit", items: 1, ways: []way{
		{
			name: "plain: one `guestfish`",
			run: func(ctx context.Context) error {
				_, err := guestfish(ctx, "--rw", "write /etc/bench-plain.conf \"one line\\n\"\nchmod 0640 /etc/bench-plain.conf\nsync\numount-all\nshutdown\n")
				return err
			},
		},
		{
			name: "`rbd_guest_file_edit`: one file",
			run: func(ctx context.Context) error {
				round++
				_, files := guestFiles(1, round)
				return edit(ctx, files)
			},
		},
		{
			name: "`rbd_guest_file_edit`: ten files",
			run: func(ctx context.Context) error {
				round++
				_, files := guestFiles(10, round)
				return edit(ctx, files)
			},
		},
		{
			name: "`rbd_guest_file_edit`: the same ten files, which hold",
			run: func(ctx context.Context) error {
				_, files := guestFiles(10, round)
				return edit(ctx, files)
			},
		},
	}}, nil
}

func prepareGuestGrowth(ctx context.Context, s *session) (subject, error) {
	guestfish, err := s.guest(ctx)
	if err != nil {
		return subject{}, err
	}
	server, err := newServer(ctx)
	if err != nil {
		return subject{}, err
	}
	const step = 64 // MiB
	size := step + 2
	grow := func(ctx context.Context) error {
		size += step
		return run(ctx, "rbd", "resize", "--no-progress", "--size", fmt.Sprintf("%dM", size), pool+"/"+guestImage)
	}
	if err := grow(ctx); err != nil {
		return subject{}, err
	}
	return subject{item: "growth", items: 1, ways: []way{
		{
			name:  "plain: one `guestfish`",
			after: grow,
			run: func(ctx context.Context) error {
				// The guest leaves a MiB at the end.
				script := fmt.Sprintf("umount-all\npart-resize /dev/sda 1 %d\ne2fsck /dev/sda1 correct:true\nresize2fs /dev/sda1\nshutdown\n", (size-1)*2048-1) //nolint:mnd // sectors of a MiB
				_, err := guestfish(ctx, "--rw", script)
				return err
			},
		},
		{
			name:  "`rbd_guest_filesystem_growth`",
			after: grow,
			run: func(ctx context.Context) error {
				_, err := server.create(ctx, "rbd_guest_filesystem_growth", map[string]any{"image": pool + "/" + guestImage})
				return err
			},
		},
	}}, nil
}
