// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"testing"
	"time"
)

// Await waits until a condition holds. It leaves the processor to what is waited
// for, and fails the test after five minutes; what says what should be.
func Await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Minute); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
