// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bytes"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// maxConsole bounds what is kept of guestfish's standard error, in bytes. A
// boot writes about 60 KiB to it.
const maxConsole = 256 << 10

// console is guestfish's standard error, which is the appliance's console too
// while it starts. It watches for the steps of the start.
type console struct {
	*stream
	onSocket func(dir string)

	mu           sync.Mutex
	recent       []byte
	qemu, kernel chan struct{} // closed when they have started
}

// newConsole makes a console; onSocket is called once, with the directory that
// libguestfs made for its sockets.
func newConsole(onSocket func(dir string)) *console {
	return &console{
		stream:   newStream(maxConsole, true),
		onSocket: onSocket,
		qemu:     make(chan struct{}),
		kernel:   make(chan struct{}),
	}
}

// socketPath matches the appliance's socket in qemu's command line as
// libguestfs prints it.
var socketPath = regexp.MustCompile(`path=(/[^, \n]*/libguestfs[^/, \n]*)/guestfsd\.sock`)

// maxStep is longer than any line that is watched for, in bytes.
const maxStep = 4 << 10

// Write passes everything on, and looks for the next step.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	if !closed(c.kernel) {
		c.recent = append(c.recent, b...)
		if m := socketPath.FindSubmatch(c.recent); m != nil && !closed(c.qemu) {
			close(c.qemu)
			c.onSocket(filepath.Clean(string(m[1])))
		}
		if bytes.Contains(c.recent, []byte("Linux version ")) {
			close(c.kernel)
			c.recent = nil
		} else if over := len(c.recent) - maxStep; over > 0 {
			c.recent = append(c.recent[:0], c.recent[over:]...)
		}
	}
	c.mu.Unlock()
	return c.stream.Write(b)
}

// awaitKernel waits until a kernel has started, or the launch is over, and
// says whether it did so within limit of the start of qemu. The time before,
// in which the appliance may have to be built, does not count.
func (c *console) awaitKernel(launched <-chan struct{}, limit time.Duration) bool {
	select {
	case <-c.qemu:
	case <-launched:
		return true
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-c.kernel:
		return true
	case <-launched:
		return true
	case <-t.C:
		return false
	}
}

func (c *console) sawKernel() bool { return closed(c.kernel) }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
