// SPDX-License-Identifier: MPL-2.0

//go:build linux && cgo

package librbd

import (
	"errors"
	"time"

	"github.com/ceph/go-ceph/rbd"
)

const (
	// closeDelay is longer than any thread of librbd is kept from a processor.
	closeDelay = time.Second
	// closesAtOnce bounds the memory of images that wait to be closed: a clone
	// takes 0.7 MB.
	closesAtOnce = 100
)

var closing = make(chan struct{}, closesAtOnce)

// CloseReadOnly closes an image that was opened for reading, a clone a moment
// later. When librbd opens one, it opens the parent too. One of its threads says
// that the parent is open, and then takes the parent's lock once more. Meanwhile
// another thread may have opened the clone, and closing what is open for reading
// asks no server: where the first thread was kept from a processor, it takes a lock
// in memory that is another's by then. Either it waits for ever, and all other
// calls on the connection with it, or it ends the process.
//
// Nobody sees that such an image is still open: it has no watch.
func CloseReadOnly(img *Image) error {
	if _, err := img.GetParent(); errors.Is(err, rbd.ErrNotFound) {
		return img.Close()
	}
	closeLater(func() { _ = img.Close() }) // closing what was only read says nothing
	return nil
}

func closeLater(shut func()) {
	closing <- struct{}{}
	time.AfterFunc(closeDelay, func() {
		shut()
		<-closing
	})
}
