// SPDX-License-Identifier: MPL-2.0

package providerdata

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// refreshPatience is how long nothing has to be noted until nothing more is
	// expected in the plan at hand.
	refreshPatience = 3 * time.Second
	refreshPoll     = 20 * time.Millisecond
	// atOnce is how many resources Terraform plans at the same time. Where all of
	// them wait, the one that they wait for can't come.
	atOnce = 10
)

// Missing tells that nothing in the plan at hand has what has this id in this
// cluster. It waits for that: where a spec is written out, Terraform plans in
// any order. What can't be told is not missing: another process of the provider,
// for another alias, may have it, or Terraform plans a configuration, and with it
// afterwards what refers to something whose key was taken out of for_each.
func Missing(ctx context.Context, fsid, id string) bool {
	if WasRefreshed(fsid, id) {
		return false
	}
	refreshed.wait(1)
	defer refreshed.wait(-1)
	tick := time.NewTicker(refreshPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		switch waiting, quiet := refreshed.quiet(); {
		case WasRefreshed(fsid, id), waiting >= atOnce, Configured():
			return false
		case quiet > refreshPatience:
			return !others("/proc")
		}
	}
}

func (r *ids) wait(n int) {
	r.Lock()
	defer r.Unlock()
	r.waiting += n
	r.changed = time.Now()
}

func (r *ids) quiet() (waiting int, quiet time.Duration) {
	r.Lock()
	defer r.Unlock()
	return r.waiting, time.Since(r.changed)
}

// others tells whether the process that has started this one has started
// another one of the same program.
func others(proc string) bool {
	self, err := os.Readlink(filepath.Join(proc, "self", "exe"))
	if err != nil {
		return true // can't be told
	}
	stats, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "stat"))
	if err != nil {
		return true
	}
	for _, file := range stats {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may have anything in it.
		pid, _, _ := strings.Cut(string(raw), " ")
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(os.Getppid()) || pid == strconv.Itoa(os.Getpid()) {
			continue
		}
		if exe, err := os.Readlink(filepath.Join(filepath.Dir(file), "exe")); err == nil && exe == self {
			return true
		}
	}
	return false
}
