package providerdata

import (
	"sync"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Planned is what the resources of this run will make or rename, as far as they
// were planned by now: Terraform plans what a resource refers to before it. A
// name that is neither in the cluster nor here is a mistake.
type Planned struct {
	mu  sync.Mutex
	all map[rbd.Spec]PlannedID
}

// PlannedID says of which image, and snapshot of it, a planned spec will be the
// name; empty for a new one.
type PlannedID struct {
	ImageID    string
	SnapshotID uint64
	// SizeBytes is the size that an image will have; zero where that is not
	// known.
	SizeBytes uint64
}

// Add notes what a spec will be the name of.
func (p *Planned) Add(spec rbd.Spec, id PlannedID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[rbd.Spec]PlannedID{}
	}
	p.all[spec] = id
}

// Find tells what a spec will be the name of.
func (p *Planned) Find(spec rbd.Spec) (PlannedID, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, ok := p.all[spec]
	return id, ok
}
