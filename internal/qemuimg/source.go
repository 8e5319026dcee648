// Package qemuimg runs qemu-img on disk images that nobody vouches for.
//
// The format is stated by the caller and never probed. Whatever in an image
// points at another file (a backing file, an external data file, an extent
// elsewhere) is refused before qemu-img may follow it, and the tool runs under
// limits.
package qemuimg

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Why a source image is refused.
var (
	ErrFormat      = errors.New("not in the stated format")
	ErrBackingFile = errors.New("the image has a backing file")
	ErrDataFile    = errors.New("the image keeps its data in another file")
	ErrEncrypted   = errors.New("the image is encrypted")
	ErrChanged     = errors.New("the source changed while it was read")
)

// formats maps the formats that can be read to what a source's first bytes
// must be; an empty one is told by qemu-img alone.
var formats = map[string]string{
	"qcow2": "QFI\xfb",
	"raw":   "",
	"vdi":   "",
	"vhdx":  "vhdxfile",
	// A descriptor in text names its extents, which may be any file.
	"vmdk": "KDMV",
	"vpc":  "",
}

// Formats are the names of the formats that can be read, as qemu-img writes
// them.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// RBD names an RBD image or snapshot for qemu's rbd driver.
type RBD struct {
	Pool, Namespace, Image, Snapshot string
	// ConfFile holds all else, the place of the keyring among it.
	ConfFile string
	User     string
}

func (r RBD) node() map[string]any {
	n := map[string]any{"driver": "rbd", "pool": r.Pool, "image": r.Image, "conf": r.ConfFile, "user": r.User}
	if r.Namespace != "" {
		n["namespace"] = r.Namespace
	}
	if r.Snapshot != "" {
		n["snapshot"] = r.Snapshot
	}
	return n
}

// Source is an image to read: a local file, an image in RBD, or what a server of
// network block devices has.
type Source struct {
	File string
	RBD  *RBD
	// Socket is the Unix socket of an NBD server; File is then what it serves,
	// for messages.
	Socket string
	Format string
	// Chain are the backing files that may be read, nearest first, see
	// ReadChain; none where a backing file is refused.
	Chain []Backing
	// Head is the beginning of the source, HeadBytes or less if it is shorter.
	Head []byte
	// Env is added to qemu-img's environment.
	Env []string
}

// HeadBytes is how much of a source CheckHead wants to see.
const HeadBytes = 512

func (s Source) String() string {
	if s.RBD != nil {
		return s.RBD.Pool + "/" + s.RBD.Image
	}
	return s.File
}

// filename is the source as a json: pseudo file name. It opens no backing
// file but those of Chain, even where one was put in after the check.
func (s Source) filename() (string, error) {
	file := map[string]any{"driver": "file", "filename": s.File}
	switch {
	case s.RBD != nil:
		file = s.RBD.node()
	case s.Socket != "":
		file = map[string]any{"driver": "nbd", "server": map[string]any{"type": "unix", "path": s.Socket}}
	}
	node := map[string]any{"driver": s.Format, "file": file}
	if s.Format == "qcow2" || s.Format == "vmdk" {
		node["backing"] = chainNode(s.Chain)
	}
	b, err := json.Marshal(node)
	return "json:" + string(b), err
}

// CheckHead refuses a source by its first bytes, before qemu-img sees it: what
// is not in the stated format, and what refers to other files.
//
// Errors: ErrFormat, ErrBackingFile, ErrDataFile, ErrEncrypted.
func (s Source) CheckHead() error {
	magic, ok := formats[s.Format]
	if !ok {
		return fmt.Errorf("%w: unknown format %q", ErrFormat, s.Format)
	}
	if !strings.HasPrefix(string(s.Head), magic) {
		return fmt.Errorf("%w: %s does not begin as %s does", ErrFormat, s, s.Format)
	}
	switch s.Format {
	case "qcow2":
		return checkQcow2(s.Head, len(s.Chain) > 0)
	case "vmdk":
		return checkVMDK(s.Head)
	}
	return nil
}
