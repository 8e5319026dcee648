package glancelocation

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

const (
	statePending = "pending"
	stateOwned   = "owned"
	// stateRetired: no state has the record any more, and it stays.
	stateRetired = "retired"
)

// entry is what is noted on the RBD image about a record, from before anything
// is made until the last of it is gone. It is pending until some state is
// known to have the record.
type entry struct {
	// RBDImageID tells the entry from the copies that clones get.
	RBDImageID string `json:"rbd_image_id"`
	SnapshotID uint64 `json:"snapshot_id"`
	State      string `json:"state"`
	// ProjectID is the caller's, not the owner's: who doesn't find the record
	// in that project can be sure that it is gone.
	ProjectID string `json:"project_id"`
	Name      string `json:"name"`
	// GivenID: the ID of the record is that of the configuration.
	GivenID bool `json:"given_id,omitempty"`
	// Alias is what was registered instead of the snapshot.
	Alias string `json:"alias,omitempty"`
	// Hashes are those of the data, where it was hashed.
	Hashes *hashes `json:"hashes,omitempty"`
}

func markName(record string) string { return markPrefix + record }

// markPrefix begins the names of entries; the ID of the record follows.
const markPrefix = "glance."

// entries are those of an image, by ID of the record.
func entries(img rbd.Image) map[string]entry {
	out := map[string]entry{}
	for id, text := range img.Marks(markPrefix) {
		var e entry
		if json.Unmarshal([]byte(text), &e) == nil && e.RBDImageID == img.ID {
			out[id] = e
		}
	}
	return out
}

// place is that of a noted record.
func (e entry) place(snapshot rbd.Spec, record string) place {
	p := place{snapshot: snapshot, rbdImageID: e.RBDImageID, snapshotID: e.SnapshotID, record: record}
	return p.withAlias(e.aliasPool())
}

func (e entry) aliasPool() string {
	spec, err := rbd.ParseSpec(e.Alias)
	if err != nil {
		return ""
	}
	return spec.Pool
}

func (r *locationResource) setEntry(ctx context.Context, p place, e entry) error {
	e.Alias = ""
	if p.hasAlias() {
		e.Alias = p.alias.String()
	}
	e.RBDImageID, e.SnapshotID = p.rbdImageID, p.snapshotID
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("note the record: %w", err)
	}
	return r.data.Ceph.SetMarkByID(ctx, p.snapshot, p.rbdImageID, markName(p.record), string(text))
}

func (r *locationResource) dropEntry(ctx context.Context, p place) error {
	err := r.data.Ceph.SetMarkByID(ctx, p.snapshot, p.rbdImageID, markName(p.record), "")
	if rbd.IsNotFound(err) {
		return nil
	}
	return err
}

// claim notes that a state has the record, and the hashes of its data where they
// were counted.
func (r *locationResource) claim(ctx context.Context, img rbd.Image, p place, name string, h *hashes) error {
	e, ok := entries(img)[p.record]
	if ok && e.State == stateOwned && h == nil {
		return nil
	}
	if !ok { // made by others, and imported
		who, err := r.data.Glance.Caller(ctx)
		if err != nil {
			return err
		}
		e = entry{ProjectID: who.ProjectID, Name: name}
	}
	e.State = stateOwned
	if h != nil {
		e.Hashes = h
	}
	return r.setEntry(ctx, p, e)
}

// finished are the records that this process has made. Their entries are
// pending until they are read with a state, but not unfinished.
var finished sync.Map
