// SPDX-License-Identifier: MPL-2.0

// Package disktest makes the disk images that tests convert, and looks at what
// became of them: with qemu-img and rbd, and not with what is tested.
package disktest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// RawBytes is the size of the disk that Raw makes.
const RawBytes = 24<<20 + 512

// Raw makes a raw disk of RawBytes, with data at its beginning, in its middle and
// at its very end, and returns its path.
func Raw(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, at := range []int64{0, 9 << 20, RawBytes - 4096} {
		data := make([]byte, 4096)
		for i := range data {
			data[i] = byte(int64(i)*7 + at>>9 + 1) //nolint:gosec // any byte will do
		}
		if _, err := f.WriteAt(data, at); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// Noise makes a file that nothing can be left out of.
func Noise(t testing.TB, size int) string {
	t.Helper()
	b := make([]byte, size)
	var seed [32]byte
	_, _ = rand.NewChaCha8(seed).Read(b) // it never fails
	name := filepath.Join(t.TempDir(), "noise.raw")
	Write(t, name, b)
	return name
}

// Write writes a file.
func Write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Content reads a file.
func Content(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// QemuImg runs qemu-img.
func QemuImg(t testing.TB, args ...string) string {
	t.Helper()
	return run(t, "qemu-img", args...)
}

// QemuIO runs a command of qemu-io on a file, such as "write -P 1 4M 64k".
func QemuIO(t testing.TB, format, name, command string) {
	t.Helper()
	run(t, "qemu-io", "-f", format, "-c", command, name)
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Encrypted makes an encrypted qcow2. qemu-img measures how fast the CPU is for
// that, and gives up now and then on a busy machine.
func Encrypted(t testing.TB, name string) {
	t.Helper()
	var out []byte
	var err error
	for range 10 {
		out, err = exec.Command("qemu-img", "create", "-f", "qcow2", "--object", "secret,id=s,data=x",
			"-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", name, "1M").CombinedOutput()
		if err == nil {
			return
		}
	}
	t.Fatalf("%v: %s", err, out)
}

// Azure makes a fixed VHD of a raw disk as Azure hands it out: its geometry ends in
// front of the disk's end.
func Azure(t testing.TB, raw string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "azure.vhd")
	QemuImg(t, "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", raw, name)
	b := Content(t, name)
	footer := b[len(b)-512:]
	copy(footer[28:], "wa\x00\x00")
	copy(footer[56:], []byte{963 >> 8, 963 & 0xff, 8, 17})
	clear(footer[64:68])
	var sum uint32
	for _, c := range footer {
		sum += uint32(c)
	}
	binary.BigEndian.PutUint32(footer[64:], ^sum)
	Write(t, name, b)
	return name
}

// Gzip compresses.
func Gzip(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// SHA256 is a checksum in hex.
func SHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Compare fails where an image has another content than a source, by what qemu-img
// itself makes of that, with the lab's own configuration.
func Compare(source, format, spec string) error {
	out, err := exec.Command("qemu-img", "compare", "-f", format, "-F", "raw", source, "rbd:"+spec+":id=terraform").CombinedOutput()
	if err != nil {
		return fmt.Errorf("qemu-img compare: %w: %s", err, out)
	}
	return nil
}

// CompareExport fails where rbd reads anything else than want, byte by byte.
func CompareExport(t testing.TB, want []byte, spec string) error {
	t.Helper()
	got := filepath.Join(t.TempDir(), "got")
	acctest.RBD(t, "export", "--no-progress", spec, got)
	if !bytes.Equal(Content(t, got), want) {
		return fmt.Errorf("%s has another content", spec)
	}
	return nil
}
