package providerdata

import "sync"

// refreshed is what states have, as far as this process has read it: Terraform
// reads a resource before it plans it, and starts a process for every plan. It
// tells what the state at hand has from what another one has.
var refreshed = struct {
	sync.Mutex
	ids map[string]bool
}{ids: map[string]bool{}}

// NoteRefreshed notes that the state at hand has what has this id in this
// cluster.
func NoteRefreshed(fsid, id string) {
	refreshed.Lock()
	defer refreshed.Unlock()
	refreshed.ids[fsid+" "+id] = true
}

// WasRefreshed tells whether NoteRefreshed was called for it.
func WasRefreshed(fsid, id string) bool {
	refreshed.Lock()
	defer refreshed.Unlock()
	return refreshed.ids[fsid+" "+id]
}
