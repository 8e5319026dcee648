// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guest"
)

func ptr[T any](v T) *T { return &v }

func regular(content string) *file {
	return &file{FileInfo: guest.FileInfo{Type: guest.Regular, Mode: 0o644}, Content: []byte(content)}
}

func TestCompare(t *testing.T) {
	onboot := Edit{Path: "/f", Replace: []Replacement{{regexp.MustCompile(`^ONBOOT=`), "ONBOOT=yes"}}}
	for name, tc := range map[string]struct {
		e     Edit
		cur   *file
		want  string // content to write; "-" for no write
		unmet string
		err   error
	}{
		"holds":              {onboot, regular("A=1\nONBOOT=yes\n"), "-", "", nil},
		"replace":            {onboot, regular("A=1\nONBOOT=no\nB=2\n"), "A=1\nONBOOT=yes\nB=2\n", "line 2 must be replaced", nil},
		"replace without \n": {onboot, regular("ONBOOT=no"), "ONBOOT=yes", "line 1", nil},
		"keep CRLF":          {onboot, regular("ONBOOT=no\r\n"), "ONBOOT=yes\r\n", "line 1", nil},
		"no file":            {onboot, nil, "-", "no such file", ErrMissing},
		"remove": {Edit{Path: "/f", Remove: []*regexp.Regexp{regexp.MustCompile(`^LABEL=gone\s`)}},
			regular("LABEL=root / ext4\nLABEL=gone /data ext4\n"), "LABEL=root / ext4\n", "line 2 must be removed", nil},
		"append":           {Edit{Path: "/f", Append: []string{"x", "y"}}, regular("y\nz"), "y\nz\nx\n", "missing at the end", nil},
		"append to CRLF":   {Edit{Path: "/f", Append: []string{"x", "y"}}, regular("a\r\nb"), "a\r\nb\r\nx\r\ny\r\n", "missing at the end", nil},
		"append to empty":  {Edit{Path: "/f", Append: []string{"x"}}, regular(""), "x\n", "missing at the end", nil},
		"append holds":     {Edit{Path: "/f", Append: []string{"y"}}, regular("y\r\n"), "-", "", nil},
		"content":          {Edit{Path: "/f", Content: ptr("secret\n")}, regular("old\n"), "secret\n", "content differs", nil},
		"new file":         {Edit{Path: "/f", Content: ptr("a")}, nil, "a", "does not exist", nil},
		"empty":            {Edit{Path: "/f", Content: ptr("")}, regular("a"), "", "content differs", nil},
		"absent":           {Edit{Path: "/f", Absent: true}, regular("a"), "-", "must be absent", nil},
		"absent holds":     {Edit{Path: "/f", Absent: true}, nil, "-", "", nil},
		"mode":             {Edit{Path: "/f", Mode: ptr(uint32(0o600)), UID: ptr(uint32(5))}, regular("a"), "-", "mode is 0644, must be 0600", nil},
		"directory":        {onboot, &file{FileInfo: guest.FileInfo{Type: guest.Directory}}, "-", "", ErrType},
		"new directory":    {Edit{Path: "/d", Directory: true}, nil, "-", "must be a directory", nil},
		"directory holds":  {Edit{Path: "/d", Directory: true}, &file{FileInfo: guest.FileInfo{Type: guest.Directory}}, "-", "", nil},
		"directory's mode": {Edit{Path: "/d", Directory: true, Mode: ptr(uint32(0o700))}, &file{FileInfo: guest.FileInfo{Type: guest.Directory, Mode: 0o755}}, "-", "mode is 0755", nil},
		"no directory":     {Edit{Path: "/d", Directory: true}, regular(""), "-", "", ErrOther},
		"new link":         {Edit{Path: "/l", Link: ptr("x")}, nil, "-", "must be a symbolic link", nil},
		"link holds":       {Edit{Path: "/l", Link: ptr("x")}, &file{FileInfo: guest.FileInfo{Type: guest.Symlink, LinkTarget: "x"}}, "-", "", nil},
		"another link":     {Edit{Path: "/l", Link: ptr("x")}, &file{FileInfo: guest.FileInfo{Type: guest.Symlink, LinkTarget: "y"}}, "-", `leads to "y"`, nil},
		"file for a link":  {Edit{Path: "/l", Link: ptr("x")}, regular("secret"), "-", "is a regular file", nil},
		"no link":          {Edit{Path: "/l", Link: ptr("x")}, &file{FileInfo: guest.FileInfo{Type: guest.Directory}}, "-", "", ErrOther},
		"does not hold":    {Edit{Path: "/f", Append: []string{"b"}, Remove: []*regexp.Regexp{regexp.MustCompile("b")}}, regular("a\n"), "-", "", ErrUnsettled},
	} {
		t.Run(name, func(t *testing.T) {
			o := tc.e.compare(tc.cur)
			if !errors.Is(o.Err, tc.err) {
				t.Fatalf("error %v, want %v", o.Err, tc.err)
			}
			if unmet := strings.Join(o.Unmet, "; "); !strings.Contains(unmet, tc.unmet) || tc.unmet == "" && tc.err == nil && unmet != "" {
				t.Errorf("unmet %q, want %q", unmet, tc.unmet)
			}
			if strings.Contains(strings.Join(o.Unmet, ""), "secret") {
				t.Error("the content is shown")
			}
			if o.Write != (tc.want != "-") || o.Write && string(o.Content) != tc.want {
				t.Errorf("write %v %q, want %q", o.Write, o.Content, tc.want)
			}
		})
	}
}

func TestRevision(t *testing.T) {
	a := []Edit{{Path: "/a", Content: ptr("1")}}
	b := []Edit{{Path: "/a", Content: ptr("2")}}
	if Revision("x", a) == Revision("x", b) || Revision("x", a) == Revision("y", a) {
		t.Error("the revision does not follow the image and the edits")
	}
}
