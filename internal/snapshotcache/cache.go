// SPDX-License-Identifier: MPL-2.0

// Package snapshotcache keeps on disk what was found in snapshots. What a snapshot
// holds never changes, and neither its id nor the image's is ever given again: an
// answer holds as long as the snapshot is there.
//
// It is the user's own, in the folder terraform-provider-rbd/snapshots of
// $XDG_CACHE_HOME, and may be removed at any time. Where it can't be read or
// written, everything is just asked again.
package snapshotcache

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/hostfile"
)

const (
	// maxAnswer and maxCache are bytes of one answer and of all.
	maxAnswer = 4 << 20
	maxCache  = 64 << 20
	// maxAge is how long an answer is believed: newer tools may find more.
	maxAge = 30 * 24 * time.Hour
	// unnamed begins the name of a file that is being written.
	unnamed = ".new-"
)

// Question is what was asked of which snapshot.
type Question struct {
	FSID       string // of the cluster
	Pool       string // which counts snapshots by itself
	ImageID    string
	SnapshotID uint64
	// Asked tells the kind of question, all of its arguments, and the version of
	// the answer's fields.
	Asked string
}

// Cache is a folder of answers.
type Cache struct {
	dir      string
	maxBytes int64
	now      func() time.Time
}

// Open opens the user's cache. It never fails: where there is no folder for it,
// or one that others may write to, it stays empty.
func Open() *Cache {
	c := &Cache{maxBytes: maxCache, now: time.Now}
	base, err := os.UserCacheDir()
	if err != nil {
		return c
	}
	dir := filepath.Join(base, "terraform-provider-rbd", "snapshots")
	if os.MkdirAll(dir, 0o700) == nil && private(filepath.Dir(dir)) && private(dir) {
		c.dir = dir
	}
	return c
}

// private tells whether nobody else can write to a folder.
func private(dir string) bool {
	fi, err := os.Lstat(dir)
	if err != nil || !fi.IsDir() || fi.Mode().Perm()&0o022 != 0 {
		return false
	}
	return hostfile.OwnedBy(fi, os.Geteuid())
}

// entry is a file; it repeats the question, so that no other is answered.
type entry struct {
	Question Question
	Answer   json.RawMessage
}

func (c *Cache) path(q Question) string {
	key := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %q", q.FSID, q.Pool, q.ImageID, q.SnapshotID, q.Asked))
	return filepath.Join(c.dir, fmt.Sprintf("%x.json", key))
}

// Get fills answer, a pointer, and tells whether it was known.
func (c *Cache) Get(q Question, answer any) bool {
	if c.dir == "" {
		return false
	}
	f, err := os.OpenFile(c.path(q), os.O_RDONLY|hostfile.NoFollow|hostfile.NonBlock, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() || c.now().Sub(fi.ModTime()) > maxAge {
		return false
	}
	text, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	if err != nil || len(text) > maxAnswer {
		return false
	}
	var e entry
	return json.Unmarshal(text, &e) == nil && e.Question == q && json.Unmarshal(e.Answer, answer) == nil
}

// errTooLarge is about an answer that is not kept.
var errTooLarge = errors.New("too large to be kept")

// Put keeps an answer, in one step, and removes the oldest ones where all of them
// are more than the cache may have. The error is for the log.
func (c *Cache) Put(q Question, answer any) (err error) {
	if c.dir == "" {
		return nil
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if text, err = json.Marshal(entry{q, text}); err != nil {
		return err
	}
	if len(text) > maxAnswer {
		return errTooLarge
	}
	f, err := os.CreateTemp(c.dir, unnamed+"*") // readable for the user alone
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path(q))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return c.prune()
}

// prune removes what is out of date, and then the oldest, until the rest fits.
func (c *Cache) prune() error {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var kept []os.FileInfo
	var sum int64
	for _, f := range files {
		fi, err := f.Info()
		if err != nil || !fi.Mode().IsRegular() {
			continue // it is gone, or none of ours
		}
		// What another run writes at this moment has no name yet.
		if !strings.HasPrefix(f.Name(), unnamed) || c.now().Sub(fi.ModTime()) > time.Hour {
			kept = append(kept, fi)
			sum += fi.Size()
		}
	}
	slices.SortFunc(kept, func(a, b os.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, fi := range kept {
		if sum <= c.maxBytes && c.now().Sub(fi.ModTime()) <= maxAge {
			break
		}
		// Another run may have removed it already.
		if err := os.Remove(filepath.Join(c.dir, fi.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		sum -= fi.Size()
	}
	return nil
}
