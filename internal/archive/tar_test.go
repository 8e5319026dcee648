// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// holey is a file with holes, whose content it returns.
func holey(t *testing.T, dir, name string) []byte {
	t.Helper()
	b := make([]byte, 3<<20+5)
	copy(b[64<<10:], bytes.Repeat([]byte("data"), 20000))
	copy(b[2<<20:], bytes.Repeat([]byte("more"), 30000))
	b[len(b)-1] = 7
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const piece = 4096
	for at := 0; at < len(b); at += piece {
		if part := b[at:min(at+piece, len(b))]; bytes.Count(part, []byte{0}) < len(part) {
			if _, err := f.WriteAt(part, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// readMember reads a member, and the archive to its end.
func readMember(m *Member, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(m)
	if err == nil {
		err = m.Finish()
	}
	if err == nil && int64(len(b)) != m.SizeBytes {
		err = fmt.Errorf("%d bytes, and the header says %d", len(b), m.SizeBytes)
	}
	return b, errors.Join(err, m.Close())
}

// ways are a stream, and what can be jumped about in.
func ways(b []byte) map[string]io.Reader {
	return map[string]io.Reader{"stream": iotest.HalfReader(bytes.NewReader(b)), "seeker": bytes.NewReader(b)}
}

// What GNU tar writes, in every format, with holes or without.
func TestOpenTarOfTar(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("long/", 50)
	if err := os.MkdirAll(filepath.Join(dir, long), 0o700); err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"disk.raw": holey(t, dir, "disk.raw"), long + "disk.raw": holey(t, dir, long+"disk.raw"), "small": []byte("small")}
	want[long+"disk.raw"] = append(want[long+"disk.raw"], "end"...)
	for _, name := range []string{"small", long + "disk.raw"} {
		if err := os.WriteFile(filepath.Join(dir, name), want[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range []string{
		"--format=v7", "--format=ustar", "--format=oldgnu", "--format=gnu", "--format=pax", "-S --format=oldgnu", "-S --format=gnu",
		"-S --format=pax --sparse-version=0.0", "-S --format=pax --sparse-version=0.1", "-S --format=pax --sparse-version=1.0",
	} {
		names := []string{"./small", "disk.raw", long + "disk.raw"}
		if strings.HasSuffix(format, "v7") || strings.HasSuffix(format, "ustar") {
			names = names[:2] // the others are too long
		}
		run(t, dir, append(append([]string{"tar", "-cf", "a.tar"}, strings.Fields(format)...), names...)...)
		b, err := os.ReadFile(filepath.Join(dir, "a.tar"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(format, "-S") && len(b) > 4<<20 {
			t.Errorf("%s: %d bytes, not sparse", format, len(b))
		}
		for _, name := range names {
			for way, r := range ways(b) {
				m, err := OpenTar(r, clean(name), 32<<20)
				if err == nil && (way == "seeker" && (name != "disk.raw" || !strings.HasPrefix(format, "-S"))) != (m.Offset >= 0) {
					t.Errorf("%s, %s of %s: at %d", format, name, way, m.Offset)
				}
				if err == nil && m.Offset >= 0 && !bytes.HasPrefix(b[m.Offset:], want[clean(name)]) {
					t.Errorf("%s, %s of %s: not at %d", format, name, way, m.Offset)
				}
				got, err := readMember(m, err)
				if err != nil || !bytes.Equal(got, want[clean(name)]) {
					t.Errorf("%s, %s of %s: %d bytes, %v", format, name, way, len(got), err)
				}
			}
		}
		if all := ListTar(bytes.NewReader(b)); len(all) != len(names) || all[1] != (Entry{"disk.raw", int64(len(want["disk.raw"]))}) {
			t.Errorf("%s: %v", format, all)
		}
	}
}

// written is a tar of headers, each with as much content as it says.
func written(t *testing.T, all ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range all {
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.Mode = 0o600
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(make([]byte, h.Size))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOpenTarRefusals(t *testing.T) {
	f := func(name string, size int64) tar.Header { return tar.Header{Name: name, Size: size} }
	good := written(t, f("a", 3000), f("disk", 2000), f("z", 1000))
	damaged := bytes.Clone(good)
	copy(damaged[512+3072+100:], "nonsense")
	global := tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "of git"}}
	for what, tc := range map[string]struct {
		b    []byte
		name string
		want error
		text string
	}{
		"found":                {good, "disk", nil, ""},
		"with a ./":            {written(t, f("./disk", 5)), "disk", nil, ""},
		"asked with a ./":      {good, ".//disk", nil, ""},
		"global header":        {written(t, global, f("disk", 5)), "disk", nil, ""},
		"empty":                {written(t, f("disk", 0)), "disk", nil, ""},
		"odd name":             {written(t, f("../../etc/disk", 5)), "../../etc/disk", nil, ""},
		"not there":            {good, "b", ErrNoMember, `"b"; it holds "a" (3000 bytes), "disk" (2000 bytes), "z" (1000 bytes)`},
		"base name":            {written(t, f("x/disk", 5)), "disk", ErrNoMember, `it holds "x/disk" (5 bytes)`},
		"by a way round":       {written(t, f("x/../disk", 5)), "disk", ErrNoMember, `x/../disk`},
		"absolute":             {written(t, f("/disk", 5)), "disk", ErrNoMember, `"/disk"`},
		"control characters":   {written(t, f("a\x1b[2J\n", 5)), "disk", ErrNoMember, `"a\x1b[2J\n"`},
		"nothing":              {written(t), "disk", ErrNoMember, "no regular file"},
		"many":                 {written(t, f("1", 0), f("2", 0), f("3", 0), f("4", 0), f("5", 0), f("6", 0), f("7", 0), f("8", 0), f("9", 0), f("0", 0)), "disk", ErrNoMember, `"8" (0 bytes), 2 more`},
		"twice":                {written(t, f("disk", 5), f("a", 5), f("./disk", 5)), "disk", ErrAmbiguous, ""},
		"a folder":             {written(t, tar.Header{Name: "disk/", Typeflag: tar.TypeDir}), "disk/", ErrKind, "a folder"},
		"a symbolic link":      {written(t, tar.Header{Name: "disk", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}), "disk", ErrKind, `a symbolic link to "/etc/shadow"`},
		"a hard link":          {written(t, f("a", 5), tar.Header{Name: "disk", Typeflag: tar.TypeLink, Linkname: "a"}), "disk", ErrKind, `a hard link to "a"`},
		"a device":             {written(t, tar.Header{Name: "disk", Typeflag: tar.TypeBlock}), "disk", ErrKind, "a device"},
		"a later link":         {written(t, f("disk", 5), tar.Header{Name: "disk", Typeflag: tar.TypeSymlink, Linkname: "a"}), "disk", ErrAmbiguous, ""},
		"cut off in front":     {good[:2000], "disk", ErrTruncated, ""},
		"cut off in a header":  {good[:3800], "disk", ErrTruncated, ""},
		"cut off in it":        {good[:5000], "disk", ErrTruncated, ""},
		"cut off behind":       {good[:7000], "disk", ErrTruncated, ""},
		"a damaged header":     {damaged, "disk", ErrDamaged, ""},
		"no tar":               {bytes.Repeat([]byte("text"), 1000), "disk", ErrDamaged, ""},
		"a size below nothing": {negative(written(t, f("disk", 5))), "disk", ErrDamaged, ""},
	} {
		for way, r := range ways(tc.b) {
			b, err := readMember(OpenTar(r, tc.name, 1<<20))
			if !errors.Is(err, tc.want) || err != nil && (tc.want == nil || !strings.Contains(err.Error(), tc.text)) {
				t.Errorf("%s, %s: %d bytes, %v; want %v", what, way, len(b), err, tc.want)
			}
		}
	}
}

// sealed puts the checksum of a changed header right.
func sealed(b []byte) []byte {
	copy(b[148:156], "        ")
	var sum int
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func negative(b []byte) []byte {
	b[124] = 0xff
	for i := range 11 {
		b[125+i] = 0xff
	}
	return sealed(b)
}

// What would never end, or take more memory than there is, has an end.
func TestOpenTarBounds(t *testing.T) {
	one := written(t, tar.Header{Name: "a"})[:512]
	claim := func(name string, size uint64) []byte {
		b := written(t, tar.Header{Name: name})[:512]
		clear(b[124:136])
		b[124] = 0x80
		binary.BigEndian.PutUint64(b[128:], size)
		return sealed(b)
	}
	pax := written(t, tar.Header{Name: "a", PAXRecords: map[string]string{"comment": strings.Repeat("x", 900<<10)}})
	pax = pax[:len(pax)-1024-512] // the extended header alone
	sparse := bytes.Clone(one)
	copy(sparse[257:], "ustar  \x00")
	sparse[156], sparse[482] = 'S', 1
	entries := make([]byte, 512)
	for i := range 21 {
		copy(entries[i*24:], "00000000000\x0000000000000\x00")
	}
	entries[504] = 1
	zeros := make([]byte, 1<<20)
	for what, tc := range map[string]struct {
		begin, repeat []byte
		want          error
	}{
		"endless empty files":      {nil, one, ErrTooLong},
		"endless extended headers": {nil, pax, ErrTooLong},
		"endless sparse map":       {sealed(sparse), entries, ErrDamaged},
		"1 EiB in front":           {claim("a", 1<<60), zeros, ErrTooLong},
		"1 EiB behind":             {append(bytes.Clone(one), claim("b", 1<<60)...), zeros, ErrTooLong},
		"endless behind the end":   {append(bytes.Clone(one), make([]byte, 1024)...), zeros, ErrTooLong},
	} {
		name := "disk"
		if strings.Contains(what, "behind") {
			name = "a"
		}
		if _, err := readMember(OpenTar(&endless{tc.begin, tc.repeat, 0}, name, 64<<20)); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, size := range []uint64{1 << 60, 1<<63 - 1} {
		if _, err := OpenTar(bytes.NewReader(claim("a", size)), "b", 0); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	m, err := OpenTar(bytes.NewReader(claim("a", 1<<60)), "a", 0)
	if err != nil || m.SizeBytes != 1<<60 {
		t.Fatalf("%+v, %v", m, err)
	}
	if b, err := io.ReadAll(m); len(b) > 0 || !errors.Is(err, ErrTruncated) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// endless gives something, and then another thing again and again.
type endless struct {
	begin, repeat []byte
	at            int
}

func (e *endless) Read(b []byte) (int, error) {
	if len(e.begin) > 0 {
		n := copy(b, e.begin)
		e.begin = e.begin[n:]
		return n, nil
	}
	n := copy(b, e.repeat[e.at:])
	e.at = (e.at + n) % len(e.repeat)
	return n, nil
}

// An error of what is read is that, and none of the archive.
func TestErrorsOfTheSource(t *testing.T) {
	broken := errors.New("the stream broke")
	whole := written(t, tar.Header{Name: "a", Size: 3000}, tar.Header{Name: "disk", Size: 3000}, tar.Header{Name: "z", Size: 3000})
	for _, at := range []int{0, 100, 1000, 4000, 5000, 8000, 9000, len(whole)} {
		r := io.MultiReader(bytes.NewReader(whole[:at]), iotest.ErrReader(broken))
		if _, err := readMember(OpenTar(r, "disk", 1<<20)); !errors.Is(err, broken) || errors.Is(err, ErrDamaged) || errors.Is(err, ErrTruncated) {
			t.Errorf("at %d: %v", at, err)
		}
	}
}

// FuzzOpenTar: whatever the headers, there is an end, and as many bytes as they
// say, or an error; jumping makes no difference.
func FuzzOpenTar(f *testing.F) {
	dir := f.TempDir()
	at := filepath.Join(dir, "disk")
	if err := os.WriteFile(at, []byte("data"), 0o600); err != nil {
		f.Fatal(err)
	}
	for _, format := range []string{"--format=v7", "--format=pax", "-S --format=oldgnu", "-S --format=pax --sparse-version=0.0", "-S --format=pax --sparse-version=1.0"} {
		if strings.HasPrefix(format, "-S") { // short all the same
			if err := os.Truncate(at, 100_000); err != nil {
				f.Fatal(err)
			}
		}
		cmd := exec.Command("tar", append(strings.Fields("-b1 -cf - "+format), "-C", dir, "./disk")...)
		out, err := cmd.Output()
		if err != nil {
			f.Fatalf("%v: %v", cmd, err)
		}
		f.Add(out)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		for at := 0; at+512 <= len(b); at += 512 { // what is damaged by chance comes no further
			if block := b[at:]; bytes.Count(block[:512], []byte{0}) < 512 && (at == 0 || string(block[257:262]) == "ustar") {
				sealed(block)
			}
		}
		const most = 1 << 22
		var errs [2]error
		var got [2][]byte
		for i, r := range []io.Reader{bytes.NewReader(b), iotest.HalfReader(bytes.NewReader(b))} {
			m, err := OpenTar(r, "disk", 1<<30)
			if err == nil && m.SizeBytes > most {
				return
			}
			got[i], errs[i] = readMember(m, err)
		}
		if (errs[0] == nil) != (errs[1] == nil) || errs[0] == nil && !bytes.Equal(got[0], got[1]) {
			t.Fatalf("%v, %v", errs[0], errs[1])
		}
		_ = ListTar(bytes.NewReader(b))
	})
}
