// SPDX-License-Identifier: MPL-2.0

// Package hostfile is what of files and file systems is Linux's own. On other
// systems, where this provider is only good for what needs neither a cluster nor a
// guest, nothing of it works.
package hostfile

import (
	"errors"
	"runtime"
)

// ErrNotLinux says that this system has no way to do something, or none that this
// provider knows.
var ErrNotLinux = errors.New("it works on Linux only, and this is " + runtime.GOOS)

// Check fails where nothing of this package works.
//
// Errors: ErrNotLinux.
func Check() error {
	if runtime.GOOS != "linux" {
		return ErrNotLinux
	}
	return nil
}
