// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"errors"
	"sync"
)

// ErrTwice says that two resources of one configuration want the same thing.
var ErrTwice = errors.New("another resource of this configuration has the same name")

// claims are what the resources of this run were planned to have, so that two
// that want the same are told apart from one that is planned twice.
type claims struct {
	mu  sync.Mutex
	all map[string]claim
}

type claim struct {
	had   string
	again bool
}

// Claim notes that a resource will have what has this name, such as "image
// vms/a". had identifies what the resource has in its state, and is empty where
// it is to be made for the first time. The plan of a replacement is asked for a
// second time, without the prior state: that is what again is for, with had from
// the first time.
//
// Errors: ErrTwice.
func (p *Planned) Claim(name, had string, again bool) error {
	c := &p.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	was, taken := c.all[name]
	if taken && (had == "" || was.had != had || !again && !was.again) {
		return ErrTwice
	}
	if c.all == nil {
		c.all = map[string]claim{}
	}
	c.all[name] = claim{had, again}
	return nil
}
