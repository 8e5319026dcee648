// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"fmt"
	"sync"
	"time"
)

// refreshed is what states have, as far as this process has read it: Terraform
// reads a resource before it plans it, and starts a process for every plan. It
// tells what the state at hand has from what another one has.
var refreshed = ids{ids: map[string]bool{}}

type ids struct {
	sync.Mutex
	ids map[string]bool
	// configured says that Terraform is planning a configuration, see NoteConfigured.
	configured bool
	waiting    int       // how many wait for one, see Missing
	changed    time.Time // when the last one came
}

// SnapshotID is the id of a snapshot, for NoteRefreshed.
func SnapshotID(imageID string, id uint64) string { return fmt.Sprintf("%s@%d", imageID, id) }

// NoteRefreshed notes that the state at hand has what has this id in this
// cluster.
func NoteRefreshed(fsid, id string) {
	refreshed.Lock()
	defer refreshed.Unlock()
	refreshed.ids[fsid+" "+id] = true
	refreshed.changed = time.Now()
}

// WasRefreshed tells whether NoteRefreshed was called for it.
func WasRefreshed(fsid, id string) bool {
	refreshed.Lock()
	defer refreshed.Unlock()
	return refreshed.ids[fsid+" "+id]
}

// NoteConfigured notes that Terraform plans a configuration in this process, and
// does not only destroy: it reads something, or plans what is not destroyed.
func NoteConfigured() {
	refreshed.Lock()
	defer refreshed.Unlock()
	refreshed.configured = true
}

// Configured tells whether NoteConfigured was called.
func Configured() bool {
	refreshed.Lock()
	defer refreshed.Unlock()
	return refreshed.configured
}
