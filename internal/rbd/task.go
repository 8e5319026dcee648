// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"syscall"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/admin"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/undo"
)

// errNoManager says that no manager takes tasks from us.
var errNoManager = errors.New("the manager takes no task")

const (
	// managerPatience is how long a manager may take to answer.
	managerPatience = 30 * time.Second
	// managerStart is how long a manager may say that its module is not ready yet, as
	// one that has just taken over does.
	managerStart = 10 * time.Second
	// managerPoll is the time between two looks at a task of the manager.
	managerPoll = 500 * time.Millisecond
)

// addTask asks where a manager may be missing: errNoManager then. It has one task
// for each image and kind of work: to ask again gives the one that there is.
func (c *Cluster) addTask(ctx context.Context, spec Spec, add func(*connection) (admin.TaskResponse, error)) (task admin.TaskResponse, err error) {
	err = c.askManager(ctx, spec.Pool, func(cn *connection) error {
		var err error
		task, err = add(cn)
		return err
	})
	if err != nil && ctx.Err() == nil {
		// No manager, no caps for it, no such module, an image that it can't
		// open: librbd will say better what is wrong.
		err = fmt.Errorf("%w: %w", errNoManager, err)
	}
	return task, err
}

// errAtWork says that a manager may still be at work on a task.
var errAtWork = errors.New("the manager may still be at work")

// awaitTask waits for the end of a task. Where it fails, or ctx ends first, it is
// cancelled.
//
// Errors: also errAtWork, where that did not succeed.
func (c *Cluster) awaitTask(ctx context.Context, spec Spec, doing, id string) error {
	tick := time.NewTicker(managerPoll)
	defer tick.Stop()
	log := progress.Start(ctx, c.cfg.Log, doing, spec.String())
	defer log.Stop()
	for {
		share, done, err := c.taskDone(ctx, id)
		if err == nil && done {
			log.SetShare(1)
			return nil
		}
		log.SetShare(share)
		if err == nil {
			select {
			case <-tick.C:
				continue
			case <-ctx.Done():
				err = fmt.Errorf("%s %s: %w", doing, spec, ctx.Err())
			}
		}
		if left := c.cancelTask(ctx, spec, id); left != nil {
			err = errors.Join(err, fmt.Errorf("%w: %w", errAtWork, left))
		}
		return err
	}
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
	err := (&Cluster{cfg: cfg}).run(Patiently(limit), 0, pool, func(cn *connection) error {
		err := fn(cn)
		for begun := time.Now(); errno(err) == syscall.EAGAIN && time.Since(begun) < managerStart && limit.Err() == nil; err = fn(cn) {
			select {
			case <-time.After(managerPoll):
			case <-limit.Done():
			}
		}
		return err
	})
	if err != nil && limit.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no manager answered within %s: %w", managerPatience, err)
	}
	return err
}

func (cn *connection) tasks() *admin.TaskAdmin { return admin.NewFromConn(cn.conn).Task() }

// taskDone tells how much of a task the manager has done, and whether it is over: it
// forgets those. One that fails is tried again by the manager; the error of the last time ends it
// here.
func (c *Cluster) taskDone(ctx context.Context, id string) (share float64, done bool, err error) {
	err = c.askManager(ctx, "", func(cn *connection) error {
		task, err := cn.tasks().GetTaskByID(id)
		share = task.Progress
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
	return share, done, err
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
			_, done, err = c.taskDone(ctx, id)
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
