// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Drive is a disk of the appliance. The first is /dev/sda there.
type Drive struct {
	// Path is the absolute path of a file, or for an RBD image its
	// POOL/[NAMESPACE/]IMAGE[@SNAPSHOT]. What backs a qcow2 overlay, an RBD
	// image for example, stands in the overlay.
	Path string
	// Format is "raw" or "qcow2". It is never guessed: a guest could write the
	// header of another format into its raw disk and so name files of this
	// machine as its backing.
	Format string
	// ReadOnly has nothing written to the disk: libguestfs puts a throw-away
	// overlay over it.
	ReadOnly bool
	// RBDUser makes the drive an RBD image, opened by qemu's rbd driver as this
	// user (without "client."). The cluster and the keyring come from CEPH_CONF
	// in Request.Env; a key is never put on a command line.
	RBDUser string
	// NBDSocket makes the drive the export with the name Path, which may be
	// empty, of an NBD server on this Unix socket.
	NBDSocket string
}

// args are the arguments of the drive's add-drive command.
func (d Drive) args() ([]string, error) {
	if d.Format != "raw" && d.Format != "qcow2" {
		return nil, fmt.Errorf("drive %q: format %q is neither raw nor qcow2", d.Path, d.Format)
	}
	args := []string{d.Path, "format:" + d.Format}
	switch {
	case d.RBDUser != "" && d.NBDSocket != "":
		return nil, fmt.Errorf("drive %q: either RBD or NBD", d.Path)
	case d.RBDUser != "":
		// qemu's rbd:… strings give these a meaning, and libguestfs does not
		// escape them.
		if strings.ContainsAny(d.Path, `:\=,;`) || strings.ContainsAny(d.RBDUser, `:\=,;`) {
			return nil, fmt.Errorf("drive %q: qemu can't open an RBD image with one of : \\ = , ; in its name or user", d.Path)
		}
		args = append(args, "protocol:rbd", "username:"+d.RBDUser)
	case d.NBDSocket != "":
		args = append(args, "protocol:nbd", "server:unix:"+d.NBDSocket)
	case !filepath.IsAbs(d.Path):
		return nil, fmt.Errorf("drive %q: not an absolute path", d.Path)
	}
	if d.ReadOnly {
		args = append(args, "readonly:true")
	}
	return args, nil
}
