// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ceph/go-ceph/rados"
	goceph "github.com/ceph/go-ceph/rbd"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
)

// errElsewhere says that a command has to be run by rbd itself.
var errElsewhere = errors.New("not done here")

// inProcess does a command of rbd in this process, over a connection that stays:
// most of what rbd costs is that it is loaded and connects, thousands of times in
// a whole run. It knows the commands that tests prepare and clean up with, and in
// the simplest form only. Whatever fails is run again by rbd, which says why.
func inProcess(args []string) (out string, err error) {
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--no-progress" })
	words := 1
	if len(args) > 0 && slices.Contains([]string{"snap", "trash", "image-meta", "children"}, args[0]) {
		words = 2
	}
	if len(args) <= words {
		return "", errElsewhere
	}
	command, known := commands[strings.Join(args[:words], " ")]
	if args = args[words:]; !known || len(args) != command.args {
		return "", errElsewhere
	}
	err = onImage(args[command.spec], func(at imageAt) (err error) {
		out, err = command.run(at, args)
		return err
	})
	return out, err
}

// ImageID is the id of an image, or empty where there is none of the name.
func ImageID(t testing.TB, spec string) (id string) {
	t.Helper()
	RequireLab(t)
	err := onImage(spec, func(at imageAt) error {
		return at.open(true, func(img *goceph.Image) (err error) { id, err = img.GetId(); return err })
	})
	if err != nil && !errors.Is(err, goceph.ErrNotFound) {
		t.Fatalf("the id of %s: %v", spec, err)
	}
	return id
}

func onImage(spec string, fn func(imageAt) error) error {
	at, err := parseImage(spec)
	if err != nil {
		return err
	}
	conn, err := connection()
	if err != nil {
		return err
	}
	if at.ioctx, err = conn.OpenIOContext(at.pool); err != nil {
		return err
	}
	defer at.ioctx.Destroy()
	at.ioctx.SetNamespace(at.namespace)
	return fn(at)
}

// imageAt is pool[/namespace]/image[@snapshot]; a pool alone has no image.
type imageAt struct {
	ioctx                            *rados.IOContext
	pool, namespace, image, snapshot string
}

func parseImage(spec string) (at imageAt, err error) {
	if strings.HasPrefix(spec, "-") {
		return at, errElsewhere
	}
	spec, at.snapshot, _ = strings.Cut(spec, "@")
	parts := strings.Split(spec, "/")
	// A pool that a test makes by itself may be another one by now.
	if !slices.Contains(pools, parts[0]) || len(parts) > 3 {
		return at, errElsewhere
	}
	at.pool = parts[0]
	switch len(parts) {
	case 2:
		at.image = parts[1]
	case 3:
		at.namespace, at.image = parts[1], parts[2]
	}
	return at, nil
}

// pools are the lab's.
var pools = []string{"vms", "images", "volumes"}

var commands = map[string]struct {
	args, spec int // how many, and which of them tells the pool
	run        func(at imageAt, args []string) (string, error)
}{
	"ls":             {args: 1, run: listImages},
	"children --all": {args: 1, run: listChildren},
	"trash ls":       {args: 1, run: listTrash},
	"create":         {args: 3, spec: 2, run: createImage},
	"rm":             {args: 1, run: func(at imageAt, _ []string) (string, error) { return "", at.whole(goceph.RemoveImage) }},
	"rename":         {args: 2, run: renameImage},
	"trash mv":       {args: 1, run: func(at imageAt, _ []string) (string, error) { return "", at.whole(moveToTrash) }},
	"image-meta set": {args: 3, run: func(at imageAt, args []string) (string, error) { return at.metadata(args[1], &args[2]) }},
	"image-meta get": {args: 2, run: func(at imageAt, args []string) (string, error) { return at.metadata(args[1], nil) }},
	"snap create": {args: 1, run: func(at imageAt, _ []string) (string, error) {
		return "", at.snap(func(img *goceph.Image) error { _, err := img.CreateSnapshot(at.snapshot); return err })
	}},
	"snap protect": {args: 1, run: func(at imageAt, _ []string) (string, error) {
		return "", at.snap(func(img *goceph.Image) error { return img.GetSnapshot(at.snapshot).Protect() })
	}},
	"snap unprotect": {args: 1, run: func(at imageAt, _ []string) (string, error) {
		return "", at.snap(func(img *goceph.Image) error { return img.GetSnapshot(at.snapshot).Unprotect() })
	}},
	"snap rm": {args: 1, run: func(at imageAt, _ []string) (string, error) {
		return "", at.snap(func(img *goceph.Image) error { return img.GetSnapshot(at.snapshot).Remove() })
	}},
}

func listImages(at imageAt, _ []string) (string, error) {
	if at.image != "" {
		return "", errElsewhere
	}
	names, err := goceph.GetImageNames(at.ioctx)
	return strings.Join(names, "\n"), err
}

// listChildren knows those that are not in the trash.
func listChildren(at imageAt, _ []string) (string, error) {
	var lines []string
	err := at.open(true, func(img *goceph.Image) error {
		if at.snapshot != "" {
			if err := img.SetSnapshot(at.snapshot); err != nil {
				return err
			}
		}
		children, err := img.ListChildrenAttributes()
		for _, c := range children {
			if c.Trash {
				return errElsewhere
			}
			lines = append(lines, strings.Join(slices.DeleteFunc([]string{c.PoolName, c.PoolNamespace, c.ImageName},
				func(part string) bool { return part == "" }), "/"))
		}
		return err
	})
	return strings.Join(lines, "\n"), err
}

// listTrash knows an empty one.
func listTrash(at imageAt, _ []string) (string, error) {
	if at.image != "" {
		return "", errElsewhere
	}
	entries, err := goceph.GetTrashList(at.ioctx)
	if len(entries) > 0 {
		err = errElsewhere
	}
	return "", err
}

func createImage(at imageAt, args []string) (string, error) {
	mebibytes, found := strings.CutSuffix(args[1], "M")
	size, err := strconv.ParseUint(mebibytes, 10, 32)
	if err != nil || args[0] != "--size" || !found {
		return "", errElsewhere
	}
	options := goceph.NewRbdImageOptions()
	defer options.Destroy()
	return "", at.whole(func(ioctx *rados.IOContext, name string) error {
		return goceph.CreateImage(ioctx, name, size<<20, options)
	})
}

func renameImage(at imageAt, args []string) (string, error) {
	to, err := parseImage(args[1])
	if err != nil {
		return "", err
	}
	if to.image == "" || to.snapshot != "" || to.pool != at.pool || to.namespace != at.namespace {
		return "", errElsewhere
	}
	return "", at.whole(func(ioctx *rados.IOContext, name string) error { return goceph.GetImage(ioctx, name).Rename(to.image) })
}

func moveToTrash(ioctx *rados.IOContext, name string) error {
	return goceph.GetImage(ioctx, name).Trash(0)
}

func (at imageAt) metadata(key string, value *string) (out string, err error) {
	if at.image == "" || at.snapshot != "" {
		return "", errElsewhere
	}
	err = at.open(value == nil, func(img *goceph.Image) (err error) {
		if value != nil {
			return img.SetMetadata(key, *value)
		}
		out, err = img.GetMetadata(key)
		return err
	})
	return strings.TrimSpace(out), err
}

// Drop removes an image with its snapshots, where it is there and nothing holds it. It
// is for cleaning up after a test that seldom leaves one, and fails none.
func Drop(t testing.TB, spec string) {
	t.Helper()
	RequireLab(t)
	if err := purgeInProcess(spec); err != nil && !errors.Is(err, librbd.ErrNotFound) {
		_, _ = rbd("snap", "purge", "--no-progress", spec)
		_, _ = rbd("rm", "--no-progress", spec)
	}
}

// purgeInProcess removes an image with its snapshots.
func purgeInProcess(spec string) error {
	return onImage(spec, func(at imageAt) error {
		err := at.open(false, func(img *goceph.Image) error {
			snaps, err := img.GetSnapshotNames()
			for _, s := range snaps {
				snapshot := img.GetSnapshot(s.Name)
				if protected, e := snapshot.IsProtected(); e == nil && protected {
					err = errors.Join(err, snapshot.Unprotect())
				}
				err = errors.Join(err, snapshot.Remove())
			}
			return err
		})
		if err == nil {
			err = at.whole(goceph.RemoveImage)
		}
		return err
	})
}

// whole is for what takes an image by its name.
func (at imageAt) whole(fn func(*rados.IOContext, string) error) error {
	if at.image == "" || at.snapshot != "" {
		return errElsewhere
	}
	return fn(at.ioctx, at.image)
}

func (at imageAt) snap(fn func(*goceph.Image) error) error {
	if at.image == "" || at.snapshot == "" {
		return errElsewhere
	}
	return at.open(false, fn)
}

func (at imageAt) open(readOnly bool, fn func(*goceph.Image) error) error {
	open, shut := goceph.OpenImage, (*goceph.Image).Close
	if readOnly {
		open, shut = goceph.OpenImageReadOnly, librbd.CloseReadOnly
	}
	img, err := open(at.ioctx, at.image, goceph.NoSnapshot)
	if err != nil {
		return err
	}
	return errors.Join(fn(img), shut(img))
}

var connections = struct {
	sync.Mutex
	by map[string]*rados.Conn
}{by: map[string]*rados.Conn{}}

// connection is that of the user and cluster of the environment, for as long as
// this process lives.
func connection() (*rados.Conn, error) {
	conf, args := os.Getenv("CEPH_CONF"), os.Getenv("CEPH_ARGS")
	user, found := strings.CutPrefix(args, "--id ")
	if conf == "" || !found || strings.Contains(user, " ") {
		return nil, errElsewhere
	}
	connections.Lock()
	defer connections.Unlock()
	key := conf + "\n" + user
	if conn := connections.by[key]; conn != nil {
		return conn, nil
	}
	conn, err := rados.NewConnWithUser(user)
	if err == nil {
		err = errors.Join(conn.ReadConfigFile(conf), conn.SetConfigOption("log_to_stderr", "false"), conn.SetConfigOption("err_to_stderr", "false"))
	}
	if err == nil {
		err = conn.Connect()
	}
	if err != nil {
		return nil, err
	}
	connections.by[key] = conn
	return conn, nil
}
