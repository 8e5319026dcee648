// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/ownership"
)

// What can go wrong, told apart once, here, by error code. The errors that
// come out of this package wrap these.
var (
	ErrWithoutLibrbd     = rados.ErrWithoutLibrbd
	ErrConfNotFound      = errors.New("no ceph configuration file")
	ErrConfMalformed     = errors.New("the ceph configuration file can't be parsed")
	ErrKeyringNotFound   = errors.New("no keyring with a key for the user")
	ErrAuthentication    = errors.New("the cluster refused the user or its key")
	ErrUnreachable       = errors.New("the cluster could not be reached")
	ErrOption            = errors.New("no such ceph option")
	ErrWrongCluster      = errors.New("connected to another cluster")
	ErrPermission        = errors.New("the user's capabilities do not allow it")
	ErrPoolNotFound      = errors.New("pool not found")
	ErrNamespaceNotFound = errors.New("namespace not found")
	ErrImageNotFound     = errors.New("image not found")
	ErrSnapshotNotFound  = errors.New("snapshot not found")
	ErrExists            = ownership.ErrExists
	ErrInUse             = errors.New("in use")
	ErrHasSnapshots      = errors.New("image has snapshots")
	ErrHasChildren       = errors.New("snapshot has children")
	ErrNotProtected      = errors.New("snapshot is not protected")
	ErrOtherImage        = errors.New("another image has this name now")
	ErrOtherSnapshot     = errors.New("another snapshot has this name now")
	ErrShrink            = errors.New("the image would shrink")
	ErrPoolFull          = errors.New("the pool is full")
	ErrReadOnly          = errors.New("the image is read-only for this client")
	ErrSnapshotLimit     = errors.New("the image may have no more snapshots")
)

// ErrDetached says that the name that was asked for is that of a placeholder.
var ErrDetached = errors.New("the image is put aside, and an empty one has its name meanwhile")

// IsNotFound tells whether the image or snapshot is proven absent. A pool or
// namespace that is missing proves it too.
func IsNotFound(err error) bool {
	for _, e := range []error{ErrImageNotFound, ErrSnapshotNotFound, ErrPoolNotFound, ErrNamespaceNotFound} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Named joins names for a message, at most so many, and says how many more there are.
func Named(names []string, separator string, most int) string {
	text := strings.Join(names[:min(len(names), most)], separator)
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func join[S fmt.Stringer](all []S) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = s.String()
	}
	return strings.Join(words, ", ")
}

// errno is the code of an error of go-ceph, 0 where there is none.
func errno(err error) syscall.Errno {
	var c interface{ ErrorCode() int }
	if !errors.As(err, &c) {
		return 0
	}
	n := c.ErrorCode()
	if n < 0 {
		n = -n
	}
	return syscall.Errno(n)
}

// translate gives a librbd error our own meaning. notFound is what ENOENT
// means at the place of the call.
func translate(op string, spec fmt.Stringer, notFound, err error) error {
	if err == nil {
		return nil
	}
	var meaning error
	switch errno(err) {
	case syscall.ENOENT:
		meaning = notFound
	case syscall.EEXIST:
		meaning = ErrExists
	case syscall.EBUSY:
		meaning = ErrInUse
	case syscall.ENOTEMPTY:
		meaning = ErrHasSnapshots
	case syscall.EPERM, syscall.EACCES:
		meaning = ErrPermission
	case syscall.ETIMEDOUT:
		meaning = ErrUnreachable
	case syscall.EROFS:
		meaning = ErrReadOnly
	case syscall.EDQUOT, syscall.ENOSPC:
		meaning = ErrPoolFull
	}
	if meaning == nil {
		return fmt.Errorf("%s %s: %w", op, spec, err)
	}
	return fmt.Errorf("%s %s: %w (%w)", op, spec, meaning, err)
}

// tolerate drops an error that says that what should go is gone.
func tolerate(err error, gone ...error) error {
	for _, g := range gone {
		if errors.Is(err, g) {
			return nil
		}
	}
	return err
}

// poolName is for translate, where something is about a pool.
type poolName string

func (p poolName) String() string { return string(p) }
