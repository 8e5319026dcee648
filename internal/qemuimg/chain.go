package qemuimg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrChain says that a backing file is none that may be read.
var ErrChain = errors.New("the backing chain is refused")

const (
	// maxChain bounds how many backing files there may be.
	maxChain = 32
	// maxBackingName is that of qemu, in bytes.
	maxBackingName = 1023
	// LongHeadBytes is where the header, its extensions and the name of the
	// backing file end at the latest: qemu has them in the first cluster.
	LongHeadBytes = 2 << 20
	// Types of header extensions, see docs/interop/qcow2.txt in qemu.
	extensionBackingFormat = 0xe2792aca
	extensionDataFile      = 0x44415441
)

// Backing is a file of a backing chain.
type Backing struct {
	File   string
	Format string // qcow2 or raw
	Head   []byte // as in Source
}

// ReadChain follows the backing files of the qcow2 file at path, nearest first,
// by reading their headers itself. Every one must lie in the folder of the first
// and be a regular file there; its format must be stated as qcow2 or raw.
//
// Errors: ErrChain, which names the file; those of CheckHead.
func ReadChain(path string) ([]Backing, error) {
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		seen[real] = true
	}
	var chain []Backing
	for {
		name, format, err := readBacking(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if name == "" {
			return chain, nil
		}
		next, err := resolveBacking(folder, path, name)
		switch {
		case err != nil:
			return nil, err
		case seen[next]:
			return nil, fmt.Errorf("%w: %s is its own backing file", ErrChain, next)
		case len(chain) >= maxChain:
			return nil, fmt.Errorf("%w: it has more than %d files", ErrChain, maxChain)
		case format == "":
			return nil, fmt.Errorf("%w: %s does not state the format of its backing file %s", ErrChain, path, next)
		case format != "qcow2" && format != "raw":
			return nil, fmt.Errorf("%w: the format of %s is %q, qcow2 or raw is wanted", ErrChain, next, format)
		}
		seen[next] = true
		b := Backing{File: next, Format: format}
		if b.Head, err = readStart(next, HeadBytes); err != nil {
			return nil, err
		}
		chain = append(chain, b)
		if format == "raw" {
			return chain, nil
		}
		if err := (Source{File: next, Format: format, Head: b.Head, Chain: []Backing{{}}}).CheckHead(); err != nil {
			return nil, err
		}
		path = next
	}
}

// resolveBacking is the true path of a backing file that the header of overlay
// names.
func resolveBacking(folder, overlay, name string) (string, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%w: %s has the backing file %q, %s", ErrChain, overlay, name, why)
	}
	// As qemu tells a protocol from a path; json: is one.
	if i := strings.IndexAny(name, ":/"); i >= 0 && name[i] == ':' {
		return "", refuse("which is not the name of a file")
	}
	if strings.ContainsRune(name, 0) {
		return "", refuse("which is not the name of a file")
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	// Nothing outside is even looked at.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err != nil || dir != folder {
		return "", refuse("which is not in the same folder")
	}
	path = filepath.Join(folder, filepath.Base(path))
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", refuse("which is not there")
	case err != nil:
		return "", err
	case !info.Mode().IsRegular(): // a symlink neither
		return "", refuse("which is not a regular file")
	}
	return path, nil
}

func readStart(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	return io.ReadAll(io.LimitReader(f, n))
}

// readBacking reads what a qcow2 file says of its backing file; the name is
// empty where there is none.
func readBacking(path string) (name, format string, err error) {
	b, err := readStart(path, LongHeadBytes)
	if err != nil {
		return "", "", err
	}
	return backingOf(b)
}

func backingOf(b []byte) (name, format string, err error) {
	if len(b) < 72 || string(b[:4]) != formats["qcow2"] {
		return "", "", fmt.Errorf("%w: the qcow2 header is cut off", ErrFormat)
	}
	offset, length := binary.BigEndian.Uint64(b[8:]), uint64(binary.BigEndian.Uint32(b[16:]))
	if offset == 0 {
		return "", "", nil
	}
	if length > maxBackingName || offset > uint64(len(b)) || length > uint64(len(b))-offset {
		return "", "", fmt.Errorf("%w: the name of the backing file is out of bounds", ErrFormat)
	}
	name = string(b[offset : offset+length])
	e, err := extensions(b, offset)
	return name, e[extensionBackingFormat], err
}

// extensions are those of the header, by their type, up to end: a type, a
// length, and so much data, padded to 8 bytes.
func extensions(b []byte, end uint64) (map[uint32]string, error) {
	out := map[uint32]string{}
	at := uint64(72)
	if binary.BigEndian.Uint32(b[4:]) >= 3 {
		if len(b) < 104 {
			return nil, fmt.Errorf("%w: the qcow2 header is cut off", ErrFormat)
		}
		at = uint64(binary.BigEndian.Uint32(b[100:]))
	}
	for at+8 <= end {
		kind, n := binary.BigEndian.Uint32(b[at:]), uint64(binary.BigEndian.Uint32(b[at+4:]))
		at += 8
		if kind == 0 || n > end-at {
			break
		}
		out[kind] = string(b[at : at+n])
		at += (n + 7) / 8 * 8
	}
	return out, nil
}

// alone is the source without its backing files.
func (s Source) alone() Source {
	s.Chain = nil
	return s
}

// chainNode is a chain as qemu's nodes, with all that may be opened stated.
func chainNode(chain []Backing) any {
	if len(chain) == 0 {
		return nil
	}
	node := map[string]any{
		"driver": chain[0].Format, "read-only": true,
		"file": map[string]any{"driver": "file", "filename": chain[0].File},
	}
	if chain[0].Format == "qcow2" {
		node["backing"] = chainNode(chain[1:])
	}
	return node
}
