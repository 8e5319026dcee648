// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/admin"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// Where a flatten is done.
const (
	FlattenByManager = "manager"
	FlattenByClient  = "client"
)

// errNoManager says that no manager takes tasks from us.
var errNoManager = errors.New("the manager takes no task")

const (
	// managerPatience is how long a manager may take to answer.
	managerPatience = 30 * time.Second
	// managerPoll is the time between two looks at a task of the manager.
	managerPoll = 500 * time.Millisecond
)

// FlattenImage is `rbd flatten`, of the image with this id only. It is a task
// of the manager where that takes one (`ceph rbd task add flatten`), so that the
// data need not pass through here, and done by librbd here where not. It waits
// for the end; when ctx ends first, the task is cancelled. What was copied by
// then stays, and the next flatten goes on from there. An image without a parent
// is no error. by tells who did it; empty where nothing had to be done.
//
// Errors: ErrOtherImage, ErrImageNotFound, ErrPermission.
func (c *Cluster) FlattenImage(ctx context.Context, spec Spec, id string) (by string, err error) {
	spec = spec.ImageSpec()
	flat, err := c.isFlat(ctx, spec, id)
	if err != nil || flat {
		return "", err
	}
	err = c.flattenByManager(ctx, spec, id)
	if !errors.Is(err, errNoManager) {
		return FlattenByManager, err
	}
	return FlattenByClient, c.flattenHere(ctx, spec, id)
}

func (c *Cluster) isFlat(ctx context.Context, spec Spec, id string) (bool, error) {
	flat := false
	err := c.withImageOn(ctx, spec, readOnly, func(cn *connection, img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		parent, err := cn.readParent(img, spec)
		flat = parent == nil
		return err
	})
	return flat, err
}

// flattenHere flattens by librbd. It can't be interrupted: it has to run to its
// end or to that of the process.
func (c *Cluster) flattenHere(ctx context.Context, spec Spec, id string) error {
	return c.withImage(ctx, spec, readWrite, func(img *librbd.Image) error {
		if err := checkID(img, spec, id); err != nil {
			return err
		}
		return flatten(img, spec)
	})
}

func flatten(img *librbd.Image, spec Spec) error {
	err := img.Flatten()
	if errno(err) == syscall.EINVAL { // there is no parent any more
		return nil
	}
	return translate("flatten", spec, ErrImageNotFound, err)
}

// flattenByManager returns errNoManager where librbd has to do it.
func (c *Cluster) flattenByManager(ctx context.Context, spec Spec, id string) error {
	task, err := c.addFlattenTask(ctx, spec)
	if err != nil {
		return err
	}
	tick := time.NewTicker(managerPoll)
	defer tick.Stop()
	for {
		done, err := c.taskDone(ctx, task.ID)
		if err == nil && done {
			return c.checkFlat(ctx, spec, id)
		}
		if err == nil {
			select {
			case <-tick.C:
				continue
			case <-ctx.Done():
				err = fmt.Errorf("flatten %s: %w", spec, ctx.Err())
			}
		}
		return errors.Join(err, c.cancelTask(ctx, spec, task.ID))
	}
}

// addFlattenTask asks where a manager may be missing. A task that comes to be later
// all the same finds a flat image.
func (c *Cluster) addFlattenTask(ctx context.Context, spec Spec) (task admin.TaskResponse, err error) {
	err = c.askManager(ctx, spec.Pool, func(cn *connection) error {
		var err error
		task, err = cn.tasks().AddFlatten(admin.NewImageSpec(spec.Pool, spec.Namespace, spec.Image))
		return err
	})
	if err != nil && ctx.Err() == nil {
		// No manager, no caps for it, no such module, an image that it can't
		// open: librbd will say better what is wrong.
		err = fmt.Errorf("%w: %w", errNoManager, err)
	}
	return task, err
}

// checkFlat tells a task that ended from one that gave up.
func (c *Cluster) checkFlat(ctx context.Context, spec Spec, id string) error {
	flat, err := c.isFlat(ctx, spec, id)
	if err == nil && !flat {
		err = fmt.Errorf("flatten %s: %w: it ended the task without flattening the image", spec, errNoManager)
	}
	return err
}

// askManager is for what the manager does. librados gives up waiting for a manager
// after the time limit of the monitors, and writes an answer that comes later to
// where the caller's memory was. These connections have no such limit, and what is
// given up here may still end.
func (c *Cluster) askManager(ctx context.Context, pool string, fn func(*connection) error) error {
	cfg := c.cfg
	cfg.Options = maps.Clone(cfg.Options)
	if cfg.Options == nil {
		cfg.Options = map[string]string{}
	}
	cfg.Options["rados_mon_op_timeout"] = "0"
	limit, cancel := context.WithTimeout(ctx, managerPatience)
	defer cancel()
	err := (&Cluster{cfg: cfg}).run(Patiently(limit), 0, pool, fn)
	if err != nil && limit.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no manager answered within %s: %w", managerPatience, err)
	}
	return err
}

func (cn *connection) tasks() *admin.TaskAdmin { return admin.NewFromConn(cn.conn).Task() }

// taskDone tells whether a task of the manager is over: it forgets those. One
// that fails is tried again by the manager; the error of the last time ends it
// here.
func (c *Cluster) taskDone(ctx context.Context, id string) (done bool, err error) {
	err = c.askManager(ctx, "", func(cn *connection) error {
		task, err := cn.tasks().GetTaskByID(id)
		switch {
		case errno(err) == syscall.ENOENT:
			done = true
			return nil
		case err != nil:
			return fmt.Errorf("ask the manager for task %s: %w", id, err)
		case task.RetryMessage != "":
			return fmt.Errorf("%s: the manager says: %s", task.Message, task.RetryMessage)
		}
		return nil
	})
	return done, err
}

// cancelTask is `ceph rbd task cancel ID`, and waits until the manager has let go
// of the image: it notices only when it has copied the next object. A task that is
// over is no error.
func (c *Cluster) cancelTask(ctx context.Context, spec Spec, id string) error {
	ctx, cancel := undo.Context(ctx, changeGrace)
	defer cancel()
	err := c.askManager(ctx, spec.Pool, func(cn *connection) error {
		// Pacific's manager says nothing where go-ceph's Cancel wants a task described.
		command, err := json.Marshal(map[string]string{"prefix": "rbd task cancel", "task_id": id})
		if err == nil {
			_, _, err = cn.conn.MgrCommand([][]byte{command})
		}
		return err
	})
	for errno(err) != syscall.ENOENT {
		var done bool
		if err == nil {
			done, err = c.taskDone(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("cancel task %s of the manager: %w", id, err)
		}
		if done {
			break
		}
		select {
		case <-time.After(managerPoll / 5):
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return nil
}

// FlattenChildren flattens all clones of the snapshot, those in the trash too,
// so that it can be removed. A guard is not flattened, as it would guard nothing
// then.
//
// Errors: as FlattenImage; ChildrenError with ErrGuarded; ErrOtherSnapshot where another one has its name.
func (c *Cluster) FlattenChildren(ctx context.Context, spec Spec, snapshotID uint64) error {
	var children []Child
	err := c.withImage(ctx, spec.ImageSpec(), readOnly, func(img *librbd.Image) error {
		if _, err := sameSnapshot(img, spec, snapshotID); err != nil {
			return err
		}
		var err error
		children, err = childrenOf(img, spec, snapshotID)
		return err
	})
	if err != nil {
		return err
	}
	guards := slices.DeleteFunc(slices.Clone(children), func(c Child) bool { return !c.guards() })
	if len(guards) > 0 {
		return &ChildrenError{Spec: spec, Children: guards}
	}
	for _, child := range children {
		if child.Trash {
			err = c.flattenTrashed(ctx, child)
		} else {
			_, err = c.FlattenImage(ctx, child.Spec, child.ID)
		}
		if err != nil && !errors.Is(err, ErrImageNotFound) {
			return fmt.Errorf("flatten the child %s: %w", child, err)
		}
	}
	return nil
}

func (c *Cluster) flattenTrashed(ctx context.Context, child Child) error {
	return c.withPlace(ctx, place{spec: child.Spec, id: child.ID}, readWrite, func(_ *connection, img *librbd.Image) error {
		return flatten(img, child.Spec)
	})
}
