// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/progress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/admin"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// A live import: librbd links an image with a server, and whoever executes it copies
// what is there. Until it is committed the image can't be opened while the server
// does not answer. So what a run that was cut off has left is read, and ended,
// at its header.

// Where a live import is executed.
const (
	ImportByManager = "manager"
	ImportByClient  = "client"
)

const (
	migrationKey   = "migration" // of the header, with the link
	metadataPrefix = "metadata_" // of image metadata in the header
	migrateExecute = "migrate execute"
)

// importSpec is what librbd is told of the source. It keeps what it does not know,
// so that the link has our label from its first moment.
type importSpec struct {
	Type   string       `json:"type"`
	Stream importStream `json:"stream"`
	Label  string       `json:"terraform-provider-rbd"`
}

type importStream struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// NewPendingImport is NewPending for an image that is linked with a raw disk on a
// server: `rbd migration prepare --import-only`. Execute has the cluster copy it.
// The URL stands in the image's header until it is committed, for everybody who may
// read that. The image has the size of what the server has, in bytes, whatever that of layout is.
//
// Errors: as NewPending.
func (c *Cluster) NewPendingImport(ctx context.Context, target Spec, url string, layout Layout, token string) (*Pending, error) {
	layout.SizeBytes = 0
	label := c.cfg.Run.Sign(token)
	source, err := json.Marshal(importSpec{Type: "raw", Stream: importStream{Type: "http", URL: url}, Label: label})
	if err != nil {
		return nil, err
	}
	p := &Pending{target: target, imported: true}
	// As of a clone: what was cut off before it got its link has nothing at all.
	return c.begin(ctx, p, &Origin{}, layout, label, func(cn *connection, ioctx *rados.IOContext, spec Spec) error {
		opts, err := layout.options(cn)
		defer opts.Destroy()
		if err != nil {
			return err
		}
		return translate("prepare the live import of", spec, nil, librbd.MigrationPrepareImport(string(source), ioctx, spec.Image, opts))
	})
}

// Size is that of the temporary image in bytes.
func (p *Pending) Size(context.Context) (size uint64, err error) {
	err = p.held.call(func(img *librbd.Image) error {
		size, err = img.GetSize()
		return err
	})
	return size, err
}

// Execute has the content of a live import copied, and ends the link with the server:
// `rbd migration execute`, `commit`. It is a task of the manager where that takes
// one and reaches the server, so that nothing passes through here, and done by
// librbd here where not. by tells who did it. librbd calls an import executed of
// which it could not read all: what the image has is to be compared after this.
//
// Errors: ErrPermission, ErrPoolFull; those of ctx.
func (p *Pending) Execute(ctx context.Context) (by string, err error) {
	by = ImportByManager
	// Two who copy at once are one too many: what one writes may come after the comparison.
	if err = p.executeByManager(ctx); err != nil && !errors.Is(err, errAtWork) && ctx.Err() == nil {
		p.c.logf(ctx, "live import of %s is executed here: %v", p.Spec, err)
		by, err = ImportByClient, p.executeHere(ctx)
	}
	if err == nil {
		err = p.c.withPool(ctx, p.Spec.Pool, p.Spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
			return translate("commit the live import of", p.Spec, ErrImageNotFound, librbd.MigrationCommit(ioctx, p.Spec.Image))
		})
	}
	if err != nil {
		return "", err
	}
	return by, nil
}

// executeByManager is `ceph rbd task add migration execute`.
func (p *Pending) executeByManager(ctx context.Context) error {
	task, err := p.c.addTask(ctx, p.Spec, func(cn *connection) (task admin.TaskResponse, err error) {
		command, err := json.Marshal(map[string]string{"prefix": "rbd task add migration execute", "image_spec": p.Spec.String(), "format": "json"})
		if err != nil {
			return task, err
		}
		answer, _, err := cn.conn.MgrCommand([][]byte{command})
		if err == nil {
			err = json.Unmarshal(answer, &task)
		}
		return task, err
	})
	if err == nil {
		err = p.c.awaitTask(ctx, p.Spec, "live import", task.ID)
	}
	return err
}

// executeHere has librbd copy through this process.
func (p *Pending) executeHere(ctx context.Context) error {
	log := progress.Start(ctx, p.c.cfg.Log, "live import", p.Spec.String())
	defer log.Stop()
	err := p.c.withPool(ctx, p.Spec.Pool, p.Spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		return librbd.ExecuteMigration(ctx, ioctx, p.Spec.Image, func(done, total uint64) { log.SetShare(float64(done) / float64(total)) })
	})
	if err != nil && ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return translate("execute the live import of", p.Spec, nil, err)
}

// endImport makes the image one that can be opened and removed.
func (p *Pending) endImport(ctx context.Context) error {
	l, err := p.c.findImport(ctx, p.Spec)
	if err != nil || l == nil || p.id != "" && l.id != p.id {
		return err
	}
	return p.c.endImport(ctx, p.Spec, l)
}

// link is what an image says of the server that it is linked with.
type link struct {
	id string
	// label is ours, empty where somebody else made the link.
	label string
}

// findImport finds the link of the image with this name, nil where it has none or
// there is no such image. It does not open the image.
func (c *Cluster) findImport(ctx context.Context, spec Spec) (l *link, err error) {
	err = c.withPool(ctx, spec.Pool, spec.Namespace, readOnly, func(ioctx *rados.IOContext) error {
		id, err := idByName(ioctx, spec.Image)
		if err != nil || id == "" {
			return err
		}
		all, err := ioctx.GetOmapValues(headerObject(id), "", migrationKey, 1)
		if IsNotFound(translate("", spec, ErrImageNotFound, err)) {
			return nil
		}
		if raw, ok := all[migrationKey]; ok && err == nil {
			l = &link{id: id, label: linkLabel(raw)}
		}
		return err
	})
	return l, tolerate(err, ErrPoolNotFound)
}

// maxLink is how long a link may be for us to look for our label in it.
const maxLink = 64 << 10

// linkLabel is our label in a link, empty where it has none. The source is the one
// text in it that is an object in JSON.
func linkLabel(raw []byte) string {
	if len(raw) > maxLink {
		return ""
	}
	for at := 0; at < len(raw); at++ {
		if bytes.HasPrefix(raw[at:], []byte(`{"`)) {
			var s importSpec
			if json.NewDecoder(bytes.NewReader(raw[at:])).Decode(&s) == nil {
				return s.Label
			}
		}
	}
	return ""
}

// takesImport says why the link may not be ended by this run.
func (c *Cluster) takesImport(spec Spec, l *link) error {
	if l == nil {
		return nil
	}
	err := ErrMigrating
	if l.label != "" {
		_, by := ownership.SplitRun(l.label)
		err = c.takes(by)
	}
	if err != nil {
		return fmt.Errorf("image %s (id %s): %w", spec, l.id, err)
	}
	return nil
}

// endImport cancels what the manager does for the link, and takes the link and its
// feature off the image, which gets our label in the same moment: what `rbd
// migration abort` does but for the removal, without asking the server.
func (c *Cluster) endImport(ctx context.Context, spec Spec, l *link) error {
	var id string
	err := c.askManager(ctx, spec.Pool, func(cn *connection) error {
		tasks, err := cn.tasks().List()
		at := slices.IndexFunc(tasks, func(t admin.TaskResponse) bool {
			return t.Refs.Action == migrateExecute && t.Refs.PoolName == spec.Pool && t.Refs.PoolNamespace == spec.Namespace && t.Refs.ImageID == l.id
		})
		if at >= 0 {
			id = tasks[at].ID
		}
		return err
	})
	if err == nil && id != "" { // without a manager there is no task either
		if err := c.cancelTask(ctx, spec, id); err != nil {
			return err
		}
	}
	return c.withPool(ctx, spec.Pool, spec.Namespace, readWrite, func(ioctx *rados.IOContext) error {
		op := rados.CreateWriteOp()
		defer op.Release()
		op.SetOmap(map[string][]byte{metadataPrefix + ownership.ImageKey: []byte(ownership.Label(l.label, l.id))})
		op.Exec("rbd", "migration_remove", nil)
		err := translate("end the live import of", spec, ErrImageNotFound, op.Operate(ioctx, headerObject(l.id), rados.OperationNoFlag))
		return tolerate(err, ErrImageNotFound)
	})
}
