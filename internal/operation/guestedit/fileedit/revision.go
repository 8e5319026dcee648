// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"unicode/utf8"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
)

// Revision tells results apart: it changes with the image and with the edits,
// but not when an edit is done again after somebody undid it.
func Revision(imageID string, edits []Edit) string {
	return guestedit.Revision(imageID, withoutSecrets(edits))
}

// plainEdit is an edit without its secret.
type plainEdit struct {
	Path           string
	Content        *string
	Absent         bool
	Replace        [][2]string
	Remove, Append []string
	Mode, UID, GID *uint32
	CopyFrom       string  `json:",omitempty"`
	Link           *string `json:",omitempty"`
	Directory      bool    `json:",omitempty"`
	Binary         []byte  `json:",omitempty"`
	Version        *int64  `json:",omitempty"`
}

func withoutSecrets(edits []Edit) []plainEdit {
	all := make([]plainEdit, len(edits))
	for i, e := range edits {
		p := plainEdit{Path: e.Path, Content: e.Content, Absent: e.Absent, Append: e.Append, Mode: e.Mode, UID: e.UID, GID: e.GID,
			CopyFrom: e.CopyFrom, Link: e.Link, Directory: e.Directory}
		if e.Content != nil && !utf8.ValidString(*e.Content) {
			p.Content, p.Binary = nil, []byte(*e.Content) // text in JSON would lose what is no UTF-8
		}
		if e.Secret != nil {
			p.Version = &e.Secret.Version // a hash of the content would tell it
		}
		for _, r := range e.Replace {
			p.Replace = append(p.Replace, [2]string{r.Pattern.String(), r.Line})
		}
		for _, r := range e.Remove {
			p.Remove = append(p.Remove, r.String())
		}
		all[i] = p
	}
	return all
}
