// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// zipped is a zip of files with their name as their content.
func zipped(t testing.TB, change func(*zip.FileHeader), names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range names {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		if change != nil {
			change(h)
		}
		in, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(in, name)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// patched changes the entry in the directory, behind its signature.
func patched(b []byte, at int, value ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[bytes.LastIndex(b, []byte("PK\x01\x02"))+at:], value)
	return b
}

// claiming says that there are so many files, as zip64 does.
func claiming(records uint64) []byte {
	end := make([]byte, 56+20+22)
	copy(end, "PK\x06\x06")
	binary.LittleEndian.PutUint64(end[4:], 44)
	binary.LittleEndian.PutUint64(end[24:], records)
	binary.LittleEndian.PutUint64(end[32:], records)
	copy(end[56:], "PK\x06\x07")
	binary.LittleEndian.PutUint32(end[72:], 1)
	copy(end[76:], "PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	return end
}

// vast is as long as somebody says, with something at its end.
type vast struct {
	size int64
	end  []byte
}

func (v vast) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	begin := v.size - int64(len(v.end))
	for i := range b {
		switch where := at + int64(i); {
		case where >= v.size:
			return i, io.EOF
		case where >= begin:
			b[i] = v.end[where-begin]
		}
	}
	return len(b), nil
}

func TestOpenZip(t *testing.T) {
	stored := func(h *zip.FileHeader) { h.Method = zip.Store }
	one := zipped(t, nil, "disk")
	crc := bytes.Clone(zipped(t, stored, "disk"))
	crc[bytes.Index(crc, []byte("diskdisk"))+4] ^= 1
	for what, tc := range map[string]struct {
		b    []byte
		name string
		want error
		text string
	}{
		"deflated":           {one, "disk", nil, ""},
		"stored":             {zipped(t, stored, "a", "x/disk"), "x/disk", nil, ""},
		"with a ./":          {zipped(t, nil, "./disk"), "disk", nil, ""},
		"an odd name":        {zipped(t, nil, "../disk"), "../disk", nil, ""},
		"not there":          {zipped(t, nil, "a", "b/"), "disk", ErrNoMember, `it holds "a" (1 bytes)`},
		"twice":              {zipped(t, nil, "disk", "a", "disk"), "disk", ErrAmbiguous, ""},
		"a symbolic link":    {zipped(t, func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }, "disk"), "disk", ErrKind, ""},
		"encrypted":          {patched(one, 8, 1), "disk", ErrMethod, "encrypted"},
		"deflate64":          {patched(one, 10, 9), "disk", ErrMethod, "method 9"},
		"longer than told":   {patched(one, 24, 3, 0, 0, 0), "disk", ErrDamaged, ""},
		"shorter than told":  {patched(one, 24, 5, 0, 0, 0), "disk", ErrTruncated, ""},
		"another CRC":        {crc, "disk", ErrDamaged, ""},
		"its data elsewhere": {patched(one, 42, 0xff, 0xff, 0, 0), "disk", ErrTruncated, ""},
		"cut off":            {one[:len(one)-10], "disk", ErrDamaged, ""},
		"no zip":             {[]byte(strings.Repeat("text", 1000)), "disk", ErrDamaged, ""},
		"nothing":            {nil, "disk", ErrDamaged, ""},
	} {
		b, err := readMember(OpenZip(bytes.NewReader(tc.b), int64(len(tc.b)), tc.name))
		if !errors.Is(err, tc.want) || err != nil && (tc.want == nil || !strings.Contains(err.Error(), tc.text)) {
			t.Errorf("%s: %q, %v; want %v", what, b, err, tc.want)
		}
	}
	if all := ListZip(bytes.NewReader(one), int64(len(one))); len(all) != 1 || all[0] != (Entry{"disk", 4}) {
		t.Errorf("got %v", all)
	}
}

// A directory that takes more memory than there is, or says that it does.
func TestOpenZipBounds(t *testing.T) {
	var names []string
	for i := range 100_000 {
		names = append(names, fmt.Sprint(i))
	}
	many := zipped(t, nil, names...)
	if _, err := OpenZip(bytes.NewReader(many), int64(len(many)), "1"); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long directory: %v", err)
	}
	for _, records := range []uint64{1 << 20, 1 << 40, 1 << 57} {
		size := int64(1 << 62)
		if _, err := OpenZip(vast{size, claiming(records)}, size, "1"); !errors.Is(err, ErrTooLong) && !errors.Is(err, ErrDamaged) {
			t.Errorf("%d files: %v", records, err)
		}
	}
}

// FuzzOpenZip: whatever the bytes, there is an end, and as many bytes as the
// header says, or an error.
func FuzzOpenZip(f *testing.F) {
	f.Add(zipped(f, nil, "a", "disk"))
	f.Add(claiming(1 << 57))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if m, err := OpenZip(bytes.NewReader(b), int64(len(b)), "disk"); err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(m, 8<<20))
			_ = m.Close()
		}
		_ = ListZip(bytes.NewReader(b), int64(len(b)))
	})
}
