// SPDX-License-Identifier: MPL-2.0

package fetch

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Info is what a server says of a file.
type Info struct {
	SizeBytes    int64 // -1 where it does not say
	ETag         string
	LastModified string
	// Mirrored tells that the file came from elsewhere than it was asked for, which
	// may be another place the next time.
	Mirrored bool
	// EndTold tells that an answer that is cut off can be told from a whole one.
	EndTold bool

	ranges bool // it gave a part of the file where one was asked for
	date   time.Time
	// at is the address that the redirects led to: what was begun there is read on there.
	at string
}

// Revision changes when the server says that the file did: its ETag, or else its
// date and size. Of a file on a mirror it is the size, the only one of them that
// all mirrors have in common. It is empty where the server says nothing.
func (i Info) Revision() string {
	switch {
	case i.Mirrored && i.SizeBytes >= 0:
		return fmt.Sprintf("size:%d", i.SizeBytes)
	case i.Mirrored:
		return ""
	case i.ETag != "":
		return "etag:" + i.ETag
	case i.LastModified != "":
		return fmt.Sprintf("last-modified:%s size:%d", i.LastModified, i.SizeBytes)
	}
	return ""
}

// Redirected tells whether the file was got elsewhere than where it was asked for.
func (i Info) Redirected(asked string) bool {
	u, err := url.Parse(asked)
	return err != nil || i.at != u.String()
}

// GivesParts tells whether the server gave a part where one was asked for.
func (i Info) GivesParts() bool { return i.ranges }

// same tells whether an answer is still about the file of an earlier one.
func (i Info) same(o Info) bool {
	return weak(i.ETag) == weak(o.ETag) && i.LastModified == o.LastModified && (i.SizeBytes < 0 || o.SizeBytes < 0 || i.SizeBytes == o.SizeBytes)
}

func weak(etag string) string { return strings.TrimPrefix(etag, "W/") }

// strong tells whether parts with the same validator are of the same file, byte
// for byte (RFC 9110, 8.8): a date is, when it is a minute old.
func (i Info) strong() bool {
	if i.ETag != "" && !strings.HasPrefix(i.ETag, "W/") {
		return true
	}
	modified, err := http.ParseTime(i.LastModified)
	return err == nil && !i.date.IsZero() && i.date.Sub(modified) >= time.Minute
}

// infoOf reads an answer to a request for n bytes from offset on, or with n = 0
// for all from there, and refuses one that is to something else.
func infoOf(resp *http.Response, asked string, offset, n int64) (Info, error) {
	info := Info{
		SizeBytes: resp.ContentLength, ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified"),
		at: resp.Request.URL.String(),
	}
	info.date, _ = http.ParseTime(resp.Header.Get("Date")) // no date makes nothing strong
	info.Mirrored = elsewhere(asked, resp.Request.URL)
	info.EndTold = resp.ContentLength >= 0 || resp.ProtoMajor > 1 || slices.Contains(resp.TransferEncoding, "chunked")
	if err := checkEncoding(resp); err != nil {
		return info, err
	}
	switch resp.StatusCode {
	case http.StatusPartialContent:
		part, err := partOf(resp)
		if err != nil {
			return info, err
		}
		info.ranges, info.SizeBytes = true, part.total
		return info, part.check(resp.ContentLength, offset, n)
	case http.StatusRequestedRangeNotSatisfiable: // an empty file
		info.SizeBytes = 0
		if text := resp.Header.Get("Content-Range"); text != "" && text != "bytes */0" {
			return info, fmt.Errorf("%w: no such part, with Content-Range %q, to a request for the first", ErrAnswer, text)
		}
	}
	return info, nil
}

// elsewhere tells whether redirects led to another place. From http to https on
// the same server is the same place.
func elsewhere(asked string, got *url.URL) bool {
	u, err := url.Parse(asked)
	if err != nil {
		return true
	}
	secured := u.Scheme == "http" && got.Scheme == "https" && u.Port() == "" && got.Port() == "" && u.Hostname() == got.Hostname()
	return u.Host != got.Host && !secured || u.EscapedPath() != got.EscapedPath() && u.EscapedPath()+"/" != got.EscapedPath()
}

// checkEncoding refuses what is not the file as it was published. A server that
// calls a file which is compressed anyway encoded is right in a way.
func checkEncoding(resp *http.Response) error {
	encoding := strings.ToLower(strings.Join(resp.Header.Values("Content-Encoding"), ", "))
	names := map[string][]string{
		"gzip": {".gz", ".tgz"}, "x-gzip": {".gz", ".tgz"}, "zstd": {".zst"}, "bzip2": {".bz2"}, "x-bzip2": {".bz2"}, "xz": {".xz"}, "x-xz": {".xz"},
	}
	if encoding == "" || encoding == "identity" || slices.Contains(names[encoding], strings.ToLower(path.Ext(resp.Request.URL.Path))) {
		return nil
	}
	return fmt.Errorf("%w (Content-Encoding: %q)", ErrEncoded, encoding)
}

// part is what a partial answer says of itself.
type part struct{ first, last, total int64 } // total -1 where it does not say

// partOf reads Content-Range: bytes 0-499/1234.
func partOf(resp *http.Response) (p part, err error) {
	if strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "multipart/") {
		return p, fmt.Errorf("%w: several parts to a request for one", ErrAnswer)
	}
	text := resp.Header.Get("Content-Range")
	bad := fmt.Errorf("%w: a part of the file with Content-Range %q", ErrAnswer, text)
	if len(resp.Header.Values("Content-Range")) != 1 {
		return p, bad
	}
	unit, text, _ := strings.Cut(text, " ")
	span, total, ok := strings.Cut(strings.TrimSpace(text), "/")
	first, last, ok2 := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !ok || !ok2 {
		return p, bad
	}
	p.total = -1
	for _, n := range []struct {
		text string
		to   *int64
	}{{first, &p.first}, {last, &p.last}, {total, &p.total}} {
		if n.text == "*" && n.to == &p.total {
			continue
		}
		v, err := strconv.ParseUint(n.text, 10, 63)
		if err != nil {
			return p, bad
		}
		*n.to = int64(v)
	}
	if p.first > p.last || p.total >= 0 && p.last >= p.total {
		return p, bad
	}
	return p, nil
}

// check compares with what was asked for. A part may be shorter, never other.
func (p part) check(length, offset, n int64) error {
	switch {
	case offset == 0 && n == 0:
		return fmt.Errorf("%w: a part of the file to a request for all of it", ErrAnswer)
	case p.first != offset, n > 0 && p.last > offset+n-1:
		return fmt.Errorf("%w: bytes %d to %d to a request for %d from %d on", ErrAnswer, p.first, p.last, n, offset)
	case n == 0 && p.total >= 0 && p.last != p.total-1:
		return fmt.Errorf("%w: bytes %d to %d of %d to a request for all from %d on", ErrAnswer, p.first, p.last, p.total, offset)
	case length >= 0 && length != p.last-p.first+1:
		return fmt.Errorf("%w: %d bytes as the bytes %d to %d", ErrAnswer, length, p.first, p.last)
	}
	return nil
}
