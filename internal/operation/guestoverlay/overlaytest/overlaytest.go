// SPDX-License-Identifier: MPL-2.0

// Package overlaytest tells tests of operations on guests whether an appliance was
// started.
package overlaytest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Notes are what operations logged.
type Notes struct {
	mu    sync.Mutex
	lines []string
}

// Backends are those of the lab, whose operations log to the notes.
func Backends(t testing.TB) (guestoverlay.Backends, *Notes) {
	t.Helper()
	acctest.RequireLab(t)
	guests, err := guestfs.New(guestfs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	n := &Notes{}
	return guestoverlay.Backends{Ceph: rbd.NewCluster(rbd.Config{}), Guests: guests, Log: n.add}, n
}

func (n *Notes) add(_ context.Context, message string, fields ...map[string]any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprint(message, fields))
}

// Appliance is why something was done in an appliance; empty where nothing was.
func (n *Notes) Appliance() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lines {
		if strings.Contains(l, "in an appliance") {
			return l
		}
	}
	return ""
}

// Forget forgets what was logged so far.
func (n *Notes) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = nil
}
