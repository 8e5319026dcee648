// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"os"
	"syscall"
	"testing"
)

// Script writes a program. None is started meanwhile: it would have the file open
// for writing for a moment, and what is open so can't be executed ("text file
// busy").
func Script(t testing.TB, path, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // it is to be executed
		t.Fatal(err)
	}
}
