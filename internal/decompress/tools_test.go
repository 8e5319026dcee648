// SPDX-License-Identifier: MPL-2.0

package decompress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// tool compresses with a command of this machine.
func tool(t *testing.T, command string, in []byte) []byte {
	t.Helper()
	args := strings.Fields(command)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return out
}

// skippable is a frame that zstd skips.
func skippable(kind byte, content []byte) []byte {
	b := []byte{0x50 | kind, 0x2a, 0x4d, 0x18}
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(content))), content...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Streams in several parts are read wholly, as the tools do.
func TestSeveralParts(t *testing.T) {
	one, two := file(t, "plain"), []byte("the second part")
	both := join(one, two)
	zstd1, zstd2 := tool(t, "zstd -c", one), tool(t, "zstd -c", two)
	xz1, xz2 := tool(t, "xz -c", one), tool(t, "xz -c --check=sha256", two)
	pzstd := func(frame []byte) []byte {
		return join(skippable(0, binary.LittleEndian.AppendUint32(nil, uint32(len(frame)))), frame)
	}
	for what, compressed := range map[string][]byte{
		"zstd frames":              join(zstd1, zstd2),
		"pzstd":                    join(pzstd(zstd1), pzstd(zstd2)),
		"skippable frames":         join(skippable(0xf, nil), zstd1, skippable(3, two), zstd2, skippable(7, one)),
		"gzip members":             join(tool(t, "gzip -c", one), tool(t, "gzip -c -9", two)),
		"bzip2 streams":            join(tool(t, "bzip2 -c", one), tool(t, "bzip2 -c -1", two)),
		"xz streams":               join(xz1, xz2),
		"xz streams with padding":  join(xz1, make([]byte, 8), xz2, make([]byte, 512)),
		"xz blocks":                tool(t, "xz -c --block-size=65536 -T2", both),
		"zstd without a checksum":  tool(t, "zstd -c --no-check", both),
		"the largest usual window": tool(t, "zstd -c --ultra -22", both),
	} {
		r, _, err := Open(bytes.NewReader(compressed))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, both) {
			t.Errorf("%s: %d bytes, %v", what, len(got), err)
		}
	}
}

// What follows a stream, is missing at its end, or wants more memory than we give
// is refused, wherever it is cut.
func TestEndsAndMemory(t *testing.T) {
	plain := file(t, "plain")
	for _, command := range []string{"gzip -c", "bzip2 -c", "xz -c", "zstd -c"} {
		whole := tool(t, command, plain)
		for _, behind := range []string{"garbage", "\n\n\n\n", "\x00\x00\x00\x00\x00\x00\x00\x01", "BZ", "\x1f\x8b\x08"} {
			if err := drain(bytes.NewReader(join(whole, []byte(behind)))); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s with %q behind: %v", command, behind, err)
			}
		}
		for _, missing := range []int{1, 2, 4, 8, 12, len(whole) - MagicBytes} {
			if err := drain(bytes.NewReader(whole[:len(whole)-missing])); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s without its last %d bytes: %v", command, missing, err)
			}
		}
	}
	long := tool(t, "zstd -c --ultra --long=31", make([]byte, 1<<20))
	if err := drain(bytes.NewReader(long)); !errors.Is(err, ErrMemory) {
		t.Errorf("a window of 2 GiB: %v", err)
	}
}

// FuzzOpen: whatever the bytes, there is an end or an error, and no more than is
// asked for is kept.
func FuzzOpen(f *testing.F) {
	for _, seed := range [][]byte{
		{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte("BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"),
		{0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00, 1, 0, 0, 0x99, 0xe9, 0xd8, 0x51}, skippable(0, []byte{1}), {0xfd, '7', 'z', 'X', 'Z', 0, 0, 4},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		in, _, err := Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(in, 8<<20))
		_ = in.Close()
	})
}
