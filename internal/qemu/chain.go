// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
)

// ErrChain says that a backing file is none that may be read.
var ErrChain = errors.New("the backing chain is refused")

// maxChain bounds how many backing files there may be.
const maxChain = 32

// Backing is a file of a backing chain.
type Backing struct {
	File   string
	Format string // qcow2 or raw
}

// ReadChain follows the backing files of the qcow2 file at path, nearest first,
// by reading their headers itself. Every one must lie in the folder of the first
// and be a regular file there; its format must be stated as qcow2 or raw.
//
// Errors: ErrChain, which names the file; those of Inspect and Check.
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
		h, err := readBacking(path)
		if err != nil {
			return nil, err
		}
		if !h.HasBackingFile {
			return chain, nil
		}
		name, format := h.BackingFile, h.BackingFormat
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
		case format != imageformat.Qcow2 && format != formatRaw:
			return nil, fmt.Errorf("%w: the format of %s is %s, qcow2 or raw is wanted", ErrChain, next, imageformat.Quote(format))
		}
		seen[next] = true
		chain = append(chain, Backing{File: next, Format: format})
		if format == formatRaw {
			return chain, nil
		}
		path = next
	}
}

// resolveBacking is the true path of a backing file that the header of overlay
// names.
func resolveBacking(folder, overlay, name string) (string, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%w: %s has the backing file %s, %s", ErrChain, overlay, imageformat.Quote(name), why)
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

// readBacking reads the header of a qcow2 file.
func readBacking(path string) (imageformat.Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return imageformat.Header{}, err
	}
	defer func() { _ = f.Close() }() // opened for reading
	info, err := f.Stat()
	if err != nil {
		return imageformat.Header{}, err
	}
	h, err := imageformat.Read(imageformat.Qcow2, f, info.Size())
	if err == nil {
		err = h.Check(true)
	}
	if err != nil {
		err = fmt.Errorf("look at %s: %w", path, err)
	}
	return h, err
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
