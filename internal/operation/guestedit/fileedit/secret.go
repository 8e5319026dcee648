// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Secret is the content of a file of which no record may be kept. Who has to find
// out later whether the file still has it keeps a Print.
type Secret struct {
	// Content is nil where it is not known: nothing is written then.
	Content *string
	// Version stands for the content in the revision.
	Version int64
	// Print is that of the content which was written with this version; empty where
	// none was. A file that has it is left alone, whatever Content is by now.
	Print Print

	key     []byte // of Print, from the image; nil where that has none
	current []byte // what the file had when it was last looked at
	written bool   // by this run
}

// Print tells whether a content is the same as before, and nothing else of it: it
// is an HMAC with a random key, which is kept on the image. Who has the print alone
// can't try out contents; who can read the key can read the file.
type Print []byte

// keySize is that of HMAC-SHA256, in bytes.
const keySize = sha256.Size

// printOf is the print of a file's content.
func printOf(key []byte, path string, content []byte) Print {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(path + "\x00"))
	h.Write(content)
	return h.Sum(nil)
}

// unlike says why the content is not what it must be; empty where it is.
func (s *Secret) unlike(path string, content []byte) string {
	switch {
	case len(s.Print) > 0 && s.key != nil && hmac.Equal(s.Print, printOf(s.key, path, content)):
		return ""
	case s.Content != nil && bytes.Equal(content, []byte(*s.Content)):
		return ""
	case len(s.Print) > 0 && s.key == nil:
		return "whether it has the content that was written can't be told: the key for that is gone from the image's metadata"
	case len(s.Print) > 0:
		return "content is not what was written"
	}
	return "content of this version was not written yet"
}

// noteWrite notes that the content of a secret is being written.
func (o outcome) noteWrite() {
	if o.Secret != nil && o.Write {
		o.Secret.written = true
	}
}

// keyLabel begins the names of the labels that hold keys.
const keyLabel = "content-key."

// keyLabelOf names the label of a file's key.
func keyLabelOf(path string) string {
	sum := sha256.Sum256([]byte(path))
	return keyLabel + hex.EncodeToString(sum[:8])
}

// findKeys looks up the keys of the prints. A clone has a copy of its parent's,
// which is none of its own.
func findKeys(img rbd.Image, edits []Edit) {
	for _, e := range edits {
		if e.Secret == nil {
			continue
		}
		text, ours := strings.CutSuffix(img.Label(keyLabelOf(e.Path)), ":"+img.ID)
		if key, err := hex.DecodeString(text); ours && err == nil && len(key) == keySize {
			e.Secret.key = key
		}
	}
}

// notePrints returns the prints of what the files have now. What was written gets a
// new key: with the old one, contents could be tried out against older prints.
func notePrints(ctx context.Context, ceph *rbd.Cluster, img rbd.Image, edits []Edit) (map[string]Print, error) {
	prints := map[string]Print{}
	for _, e := range edits {
		s := e.Secret
		if s == nil {
			continue
		}
		if s.key == nil || s.written {
			s.key = make([]byte, keySize)
			_, _ = rand.Read(s.key) // it never fails
			if err := ceph.SetLabelByID(ctx, img.Spec, img.ID, keyLabelOf(e.Path), hex.EncodeToString(s.key)+":"+img.ID); err != nil {
				return nil, err
			}
		}
		prints[e.Path] = printOf(s.key, e.Path, s.current)
	}
	return prints, nil
}

// Forget removes from the image the keys of files that are edited no more.
//
// Errors: rbd.ErrOtherImage, rbd.ErrPermission.
func Forget(ctx context.Context, ceph *rbd.Cluster, img rbd.Image, paths []string) error {
	for _, p := range paths {
		if img.Label(keyLabelOf(p)) == "" {
			continue
		}
		err := ceph.SetLabelByID(ctx, img.Spec, img.ID, keyLabelOf(p), "")
		if err != nil && !rbd.IsNotFound(err) {
			return err
		}
	}
	return nil
}
