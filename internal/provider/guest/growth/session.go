package growth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/change"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/look"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var (
	errUnclean   = errors.New("the file system has errors that are not put right by itself")
	errUnsettled = errors.New("the file system did not grow as it should")
)

// disk is the image in the appliance.
const disk = "/dev/sda"

// job is the growth of a file system of one image.
type job struct {
	data   *providerdata.Data
	spec   rbd.Spec
	device string // empty for the root file system
	size   int64  // zero for the end of the image
}

// layout reads where the file system lies, without an appliance. Where the root
// file system can't be told that way, the error is guestread.ErrUnsupported.
func (j job) layout(ctx context.Context) (l guestread.Layout, err error) {
	r, err := j.data.Ceph.OpenReader(ctx, j.spec)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return guestread.ReadLayout(r, r.Size(), j.device)
}

// look is layout with the help of an appliance, if need be, to find the root
// file system. It changes nothing.
func (j job) look(ctx context.Context) (l guestread.Layout, err error) {
	l, err = j.layout(ctx)
	if j.device != "" || !errors.Is(err, guestread.ErrUnsupported) {
		return l, err
	}
	tflog.Info(ctx, "looking for the root file system in an appliance", map[string]any{"image": j.spec.String(), "reason": err.Error()})
	err = look.InAppliance(ctx, j.data, j.spec, func(s *guestfs.Session) error {
		root, err := s.MountRoot(ctx, "")
		j.device = root.Device
		return err
	})
	if err != nil {
		return l, err
	}
	return j.layout(ctx)
}

// run grows the file system where it must grow, and returns how it is then.
func (j job) run(ctx context.Context, imageID string) (result guestread.Layout, err error) {
	var l guestread.Layout
	var g goal
	err = change.Change{
		Needed: func(ctx context.Context) (bool, error) {
			if l, err = j.look(ctx); err != nil {
				return false, err
			}
			j.device, result = l.Device, l
			g, err = goalFor(l, l.DiskSize, j.size)
			return !g.holds(), err
		},
		Make: func(ctx context.Context, o *change.Overlay) (bool, error) {
			return true, j.grow(ctx, o, l, g)
		},
		Verify: func(ctx context.Context) error {
			if result, err = j.layout(ctx); err != nil {
				return fmt.Errorf("look at the result: %w", err)
			}
			left, err := goalFor(result, result.DiskSize, j.size)
			if err == nil && !left.holds() {
				err = fmt.Errorf("%s: %w: it has %d bytes", result.Device, errUnsettled, result.FileSystem.Size)
			}
			return err
		},
	}.Run(ctx, j.data, j.spec, imageID)
	return result, err
}

func (j job) grow(ctx context.Context, o *change.Overlay, l guestread.Layout, g goal) error {
	s, err := o.Launch(ctx, j.data.Guests)
	if err != nil {
		return err
	}
	defer s.Abort()
	tflog.Info(ctx, "growing a file system", map[string]any{"image": j.spec.String(), "device": l.Device, "bytes": l.FileSystem.Size})
	if err := s.Available(ctx, features(l, g)...); err != nil {
		return err
	}
	for _, c := range commands(l, g) {
		out, err := s.Run(ctx, c[0], c[1:]...)
		tflog.Debug(ctx, "guestfish "+strings.Join(c, " "), map[string]any{"output": strings.TrimSpace(out)})
		if err != nil && c[0] == "e2fsck" {
			return fmt.Errorf("%s: %w: %w", l.Device, errUnclean, err)
		}
		if err != nil {
			return fmt.Errorf("grow %s: %w", l.Device, err)
		}
		// It prints xfs_repair's exit status.
		if out = strings.TrimSpace(out); c[0] == "xfs-repair" && out != "0" {
			return fmt.Errorf("%s: %w: xfs_repair ends with the status %s", l.Device, errUnclean, out)
		}
	}
	return s.Close(ctx)
}

// features are what the appliance must have.
func features(l guestread.Layout, g goal) []string {
	var f []string
	if g.Partition != 0 && l.Partition.Table == guestread.TableGPT {
		f = append(f, "gdisk")
	}
	if g.Volume {
		f = append(f, "lvm2")
	}
	if l.FileSystem.Kind == guestread.XFS {
		f = append(f, "xfs")
	}
	return f
}

// commands are those of guestfish, in order.
func commands(l guestread.Layout, g goal) (out [][]string) {
	add := func(words ...string) { out = append(out, words) }
	if p := l.Partition; g.Partition != 0 {
		last := func(start, size int64) string { return strconv.FormatInt((start+size)/sector-1, 10) }
		if p.Table == guestread.TableGPT {
			// The table still ends where the image ended; first of all it has to move.
			add("part-expand-gpt", disk)
		}
		if g.Extended != 0 {
			add("part-resize", disk, strconv.Itoa(p.Extended), last(p.ExtendedStart, g.Extended))
		}
		add("part-resize", disk, strconv.Itoa(p.Number), last(p.Start, g.Partition))
	}
	if v := l.Volume; g.Volume {
		add("pvresize", v.Physical)
		if g.VolumeSize == 0 {
			add("lvresize-free", l.Device, "100")
		} else {
			add("lvresize", l.Device, strconv.FormatInt((g.VolumeSize+mib-1)/mib, 10))
		}
	}
	if !g.FileSystem {
		return out
	}
	if l.FileSystem.Kind == guestread.XFS {
		add("mount", l.Device, "/")
		add("xfs-growfs", "/")
		add("umount-all")
		add("xfs-repair", l.Device, "nomodify:true")
		return out
	}
	add("e2fsck", l.Device, "correct:true")
	add("resize2fs", l.Device)
	add("e2fsck", l.Device, "correct:true")
	return out
}
