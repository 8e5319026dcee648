// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Relation is how an image of a lineage is related to the one asked for.
type Relation string

// The relations.
const (
	RelationAncestor   Relation = "ancestor"
	RelationSelf       Relation = "self"
	RelationDescendant Relation = "descendant"
	RelationRelative   Relation = "relative" // has a common ancestor
)

// LineageNode is an image among its ancestors and descendants.
type LineageNode struct {
	Details
	Depth    int // that of the root is 0
	Relation Relation
	// DependsOn is the snapshot that the image is a clone of; nil for the root.
	DependsOn *Parent
	// Flattened tells that only snapshots of the image depend on it still.
	Flattened bool
	Trashed   bool

	clones []*LineageNode
}

// maxDepth is more than librbd can open: each ancestor is opened with its clone.
const maxDepth = 256

// allDetails is what is read of each image of a lineage.
const allDetails = ReadUsed | ReadUsers | ReadChildren

// Lineage follows an image up to the root of its clones, and down to all that
// were cloned from it, over pools and namespaces, and through the trash. With
// the spec of a snapshot it goes down from that one alone. With wholeTree it
// goes down from every ancestor too.
//
// The nodes come depth first from the root, clones of one image by their specs.
// Clones that are gone when their turn comes are left out.
//
// Similar to: `rbd info`, `rbd children --all` and `rbd du` of each image.
//
// Errors: ErrImageNotFound, ErrSnapshotNotFound, ErrPoolNotFound,
// ErrNamespaceNotFound, ErrTooMany, ErrPermission with the pools that are not
// readable.
func (c *Cluster) Lineage(ctx context.Context, spec Spec, wholeTree bool) ([]LineageNode, error) {
	var out []LineageNode
	err := c.run(ctx, 0, spec.Pool, func(cn *connection) error {
		l := lineage{cn: cn, ctx: ctx, visited: map[place]bool{}, most: maxListed}
		root, err := l.read(spec, wholeTree)
		if err != nil {
			return c.namePools(cn, err)
		}
		out = root.flatten(0, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

type lineage struct {
	cn   *connection
	ctx  context.Context
	self *LineageNode
	// snapshotID narrows what counts as descending from self; 0 is any.
	snapshotID uint64
	narrow     bool
	visited    map[place]bool
	most       int // images
}

// visit tells whether the image was visited before, and notes that it was.
func (l *lineage) visit(spec Spec, id string) bool {
	key := place{spec: spec.WithImage(""), id: id}
	if l.visited[key] {
		return true
	}
	l.visited[key] = true
	return false
}

func (l *lineage) read(spec Spec, wholeTree bool) (*LineageNode, error) {
	d, err := l.cn.details(l.ctx, place{spec: spec.ImageSpec()}, allDetails)
	if err != nil {
		return nil, err
	}
	l.self = newNode(d)
	l.self.Relation = RelationSelf
	l.visit(d.Spec, d.ID)
	if spec.Snapshot != "" {
		s, err := d.Snapshot(spec.Snapshot)
		if err != nil {
			return nil, err
		}
		l.snapshotID, l.narrow = s.ID, !wholeTree
	}
	chain, err := l.ancestors()
	if err != nil {
		return nil, err
	}
	from := chain[:1]
	if wholeTree {
		from = chain
	}
	return chain[len(chain)-1], l.descend(from)
}

func newNode(d Details) *LineageNode {
	n := &LineageNode{Details: d, DependsOn: d.Parent}
	if d.SnapshotsParent != nil {
		n.DependsOn, n.Flattened = d.SnapshotsParent, true
	}
	return n
}

// ancestors returns the image itself, its parent's image, and so on to the root.
func (l *lineage) ancestors() ([]*LineageNode, error) {
	chain := []*LineageNode{l.self}
	for n := l.self; n.DependsOn != nil; {
		p := *n.DependsOn
		if l.visit(p.Spec, p.ImageID) || len(chain) > maxDepth {
			return nil, fmt.Errorf("the ancestors of %s do not end", l.self.Spec)
		}
		d, err := l.cn.details(l.ctx, place{spec: p.Spec.ImageSpec(), id: p.ImageID}, allDetails)
		if err != nil {
			return nil, fmt.Errorf("read the parent of %s: %w", n.Spec, err)
		}
		parent := newNode(d)
		parent.Relation, parent.Trashed = RelationAncestor, p.Trash
		parent.clones = []*LineageNode{n}
		chain = append(chain, parent)
		n = parent
	}
	return chain, nil
}

// descend reads the clones of the images, their clones, and so on, a generation
// at a time.
func (l *lineage) descend(parents []*LineageNode) error {
	for range maxDepth {
		places, origin := l.clonesOf(parents)
		if len(places) == 0 {
			return nil
		}
		if len(l.visited) > l.most {
			return fmt.Errorf("follow the clones of %s: %w: more than %d", parents[0].Spec, ErrTooMany, l.most)
		}
		found, err := l.cn.detailsOf(l.ctx, places, allDetails)
		if err != nil {
			return err
		}
		parents = nil
		for i, d := range found {
			if d == nil {
				continue
			}
			o := origin[i]
			n := newNode(*d)
			if n.DependsOn == nil {
				continue // flattened just now
			}
			n.Trashed = o.trash
			n.Relation = RelationRelative
			if l.descends(o) {
				n.Relation = RelationDescendant
			}
			o.parent.clones = append(o.parent.clones, n)
			parents = append(parents, n)
		}
	}
	return errors.New("the clones go deeper than librbd can open")
}

// origin is where a clone was found.
type origin struct {
	parent     *LineageNode
	snapshotID uint64
	trash      bool
}

func (l *lineage) descends(o origin) bool {
	if o.parent == l.self {
		return l.snapshotID == 0 || o.snapshotID == l.snapshotID
	}
	return o.parent.Relation == RelationDescendant
}

func (l *lineage) clonesOf(parents []*LineageNode) (places []place, origins []origin) {
	for _, n := range parents {
		for id, children := range n.Children {
			if n == l.self && l.narrow && id != l.snapshotID {
				continue
			}
			for _, c := range children {
				// A clone in a pool that was deleted has no pool to open it in.
				if c.Spec.Pool == "" || l.visit(c.Spec, c.ID) {
					continue
				}
				places = append(places, place{spec: c.Spec, id: c.ID})
				origins = append(origins, origin{n, id, c.Trash})
			}
		}
	}
	return places, origins
}

// flatten appends the image and all below it, depth first.
func (n *LineageNode) flatten(depth int, out []LineageNode) []LineageNode {
	n.Depth = depth
	slices.SortFunc(n.clones, func(a, b *LineageNode) int {
		return cmp.Or(cmp.Compare(a.Spec.String(), b.Spec.String()), cmp.Compare(a.ID, b.ID))
	})
	out = append(out, *n)
	for _, c := range n.clones {
		out = c.flatten(depth+1, out)
	}
	return out
}
