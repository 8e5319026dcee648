// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"

	"github.com/ceph/go-ceph/rados"
	librbd "github.com/ceph/go-ceph/rbd"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// replications are in parts, as the lab has room for four such images.
var replications = []benchmark{
	replication("replica", "Keep a copy of an image of 2 GiB with 1 GiB of data up to date: 1 % of the data changes from one round to the next.", false, byHand, kept),
	replication("replica-latency", "The same with 0 to 10 ms of delay per message.", true, byHand, kept),
	replication("replica-apply", "The first copy, and the command line.", false, first, applied),
}

const (
	replicaType    = "rbd_image_replica"
	replicaPrefix  = "bench-replica-"
	replicaSource  = pool + "/" + replicaPrefix + "source"
	replicaVirtual = 2 << 30
	replicaExtents = 64
	replicaExtent  = 16 << 20 // as much is empty between
	// Changes are in places of an image, not everywhere: 1 % in all.
	replicaChanges = 40
	replicaChange  = 256 << 10
)

const replicaConfig = `
provider "rbd" {
  ceph = {
    pool      = "` + pool + `"
    conf_file = "%s"
  }
}

resource "rbd_image_replica" "bench" {
  name   = "` + replicaPrefix + `terraform"
  source = { snapshot = "%s" }
}
`

// replicas are the source and what is made of it.
type replicas struct {
	*session
	conf   string
	round  int
	server server
}

func (r *replicas) snapshot(before int) string { return fmt.Sprintf("s%d", r.round-before) }

// to is the snapshot that this round has to copy.
func (r *replicas) to() string { return replicaSource + "@" + r.snapshot(0) }

func (r *replicas) config(name string) map[string]any {
	return map[string]any{"name": replicaPrefix + name, "pool": pool, "source": map[string]any{"snapshot": r.to()}}
}

// plainly runs a line of bash; args are $1 and so on.
func (r *replicas) plainly(ctx context.Context, line string, args ...string) error {
	_, err := plain(ctx, command.Spec{Name: "bash", Args: append([]string{"-o", "pipefail", "-c", line, "-"}, args...), Env: []string{"CEPH_CONF=" + r.conf}})
	return err
}

// replication has the plain command for its first way, and these others.
func replication(name, about string, late bool, others ...func(context.Context, *replicas) (way, error)) benchmark {
	return benchmark{name: name, about: about, prepare: func(ctx context.Context, s *session) (subject, error) {
		conf, err := s.conf(late)
		if err != nil {
			return subject{}, err
		}
		return prepareReplica(ctx, &replicas{session: s, conf: conf}, others)
	}}
}

func prepareReplica(ctx context.Context, r *replicas, others []func(context.Context, *replicas) (way, error)) (subject, error) {
	if err := removeImages(ctx, replicaPrefix); err != nil {
		return subject{}, err
	}
	r.later(func(ctx context.Context) error {
		log.Print("removing the images")
		return removeImages(ctx, replicaPrefix)
	})
	if err := withPool(func(ioctx *rados.IOContext) error { return createReplicaSource(ctx, ioctx) }); err != nil {
		return subject{}, err
	}
	var err error
	if r.server, err = newServerOf(ctx, r.conf); err != nil {
		return subject{}, err
	}
	ways := []way{{
		name: "plain: `rbd export` to `rbd import`",
		run: func(ctx context.Context) error {
			return r.plainly(ctx, "rbd export --no-progress $1 - | rbd import --no-progress - $2", r.to(), pool+"/"+replicaPrefix+"plain")
		},
		after: func(ctx context.Context) error { return removeImages(ctx, replicaPrefix+"plain") },
	}}
	for _, other := range others {
		w, err := other(ctx, r)
		if err != nil {
			return subject{}, err
		}
		ways = append(ways, w)
	}
	last := &ways[len(ways)-1]
	after := last.after
	last.after = func(ctx context.Context) error { return errors.Join(after(ctx), r.change(ctx)) }
	return subject{item: "MiB of data", items: replicaExtents * replicaExtent >> 20, ways: ways}, r.change(ctx)
}

func byHand(ctx context.Context, r *replicas) (way, error) {
	target := pool + "/" + replicaPrefix + "by-hand"
	return way{
		name: "1 % changed, by hand: `rbd export-diff` to `rbd import-diff`",
		run: func(ctx context.Context) error {
			return r.plainly(ctx, "rbd export-diff --no-progress --from-snap $1 $2 - | rbd import-diff --no-progress - $3", r.snapshot(1), r.to(), target)
		},
		after: func(ctx context.Context) error { return r.same(ctx, "by-hand") },
	}, r.plainly(ctx, "rbd export --no-progress $1 - | rbd import --no-progress - $2 && rbd snap create --no-progress $2@s0", r.to(), target)
}

// kept is the refresh, the plan and the apply, in process.
func kept(ctx context.Context, r *replicas) (way, error) {
	state, err := r.server.create(ctx, replicaType, r.config("kept"))
	return way{
		name: "1 % changed: `rbd_image_replica`",
		run: func(ctx context.Context) (err error) {
			state, err = r.server.update(ctx, replicaType, state, r.config("kept"))
			return err
		},
		after: func(ctx context.Context) error { return r.same(ctx, "kept") },
	}, err
}

func first(_ context.Context, r *replicas) (way, error) {
	var state *tfprotov6.DynamicValue
	return way{
		name: "first copy: `rbd_image_replica`",
		run: func(ctx context.Context) (err error) {
			state, err = r.server.create(ctx, replicaType, r.config("first"))
			return err
		},
		after: func(ctx context.Context) error {
			return errors.Join(r.same(ctx, "first"), r.server.destroy(ctx, replicaType, state))
		},
	}, nil
}

func applied(ctx context.Context, r *replicas) (way, error) {
	m, err := r.newModule(ctx, fmt.Sprintf(replicaConfig, r.conf, r.to()))
	if err != nil {
		return way{}, err
	}
	apply := func(ctx context.Context) error {
		if err := m.configure(fmt.Sprintf(replicaConfig, r.conf, r.to())); err != nil {
			return err
		}
		_, err := m.do(ctx, "apply", "-auto-approve", "-no-color")
		return err
	}
	return way{
		name: "1 % changed: `apply` of the command line", run: apply,
		after: func(ctx context.Context) error { return r.same(ctx, "terraform") },
	}, apply(ctx)
}

func createReplicaSource(ctx context.Context, ioctx *rados.IOContext) (err error) {
	if err := createImage(ioctx, replicaPrefix+"source", "empty", replicaVirtual); err != nil {
		return err
	}
	img, err := librbd.OpenImage(ioctx, replicaPrefix+"source", librbd.NoSnapshot)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	b := make([]byte, replicaExtent)
	random := rand.NewChaCha8([32]byte{3})
	for i := range int64(replicaExtents) {
		_, _ = random.Read(b) // it never fails
		if _, err := img.WriteAt(b, 2*i*replicaExtent); err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	_, err = img.CreateSnapshot("s0")
	return err
}

// change makes the next round's snapshot, and removes the one that nobody needs
// any more.
func (r *replicas) change(ctx context.Context) error {
	r.round++
	err := withPool(func(ioctx *rados.IOContext) (err error) {
		img, err := librbd.OpenImage(ioctx, replicaPrefix+"source", librbd.NoSnapshot)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, img.Close()) }()
		b := make([]byte, replicaChange)
		random := rand.NewChaCha8([32]byte{4, byte(r.round & 0xff)})
		for i := range int64(replicaChanges) {
			_, _ = random.Read(b) // it never fails
			at := i*replicaVirtual/replicaChanges + int64(r.round)*replicaChange
			if _, err := img.WriteAt(b, at-at%replicaChange); err != nil {
				return err
			}
		}
		if _, err := img.CreateSnapshot(r.snapshot(0)); err != nil || r.round < 2 {
			return err
		}
		return img.GetSnapshot(r.snapshot(2)).Remove()
	})
	return errors.Join(err, ctx.Err())
}

// same makes sure that a copy is one.
func (r *replicas) same(ctx context.Context, name string) error {
	cluster := rbd.NewCluster(rbd.Config{})
	var sums []string
	for _, text := range []string{r.to(), pool + "/" + replicaPrefix + name + "@" + r.snapshot(0)} {
		spec, err := rbd.ParseSpec(text)
		if err != nil {
			return err
		}
		hash, err := cluster.HashContent(ctx, spec, []string{"md5"}, nil)
		if err != nil {
			return err
		}
		sums = append(sums, hash.Sums["md5"])
	}
	if sums[0] != sums[1] {
		return fmt.Errorf("%s is not what %s is", name, r.to())
	}
	return nil
}
