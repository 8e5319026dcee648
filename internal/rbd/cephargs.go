// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/librbd/rados"
)

// defaultCluster is what Ceph calls a cluster that nobody has named.
const defaultCluster = "ceph"

// cephArgs is what CEPH_ARGS says. librados reads it by itself, but for what it
// leaves to the program: user, configuration file and the name of the cluster.
type cephArgs struct {
	user, conf, cluster string
	// options are the names of all others, as in ceph.conf.
	options []string
}

// shortOptions are those that librados knows, by their names in ceph.conf.
var shortOptions = map[string]string{"-n": "name", "-i": "id", "-c": "conf", "-m": "mon_host", "-k": "keyring"}

// parseCephArgs reads words between blanks, as Ceph does: it knows no quotes. An
// option's value is joined to it by "=", or is the next word, and names may be
// written with "-" or "_".
func parseCephArgs(s string) cephArgs {
	var out cephArgs
	args := strings.Fields(s)
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		name, value, joined := strings.Cut(args[i], "=")
		if long, ok := strings.CutPrefix(name, "--"); ok {
			name = strings.ReplaceAll(long, "-", "_")
		} else if name, ok = shortOptions[name]; !ok {
			continue
		}
		dst := map[string]*string{"id": &out.user, "user": &out.user, "name": &out.user, "conf": &out.conf, "cluster": &out.cluster}[name]
		if dst == nil {
			out.options = append(out.options, name)
			continue // a value that follows is no option
		}
		if !joined {
			if i++; i == len(args) {
				break
			}
			value = args[i]
		}
		*dst = value
	}
	return out
}

// confFile is the file that Ceph's tools read: of a list the first that is
// there, and without one of those where they look by themselves.
func confFile(list, cluster string) string {
	files := strings.Split(list, ",")
	if list == "" {
		name := cluster + ".conf"
		files = []string{filepath.Join("/etc/ceph", name)}
		if home, err := os.UserHomeDir(); err == nil {
			files = append(files, filepath.Join(home, ".ceph", name))
		}
		files = append(files, name)
	}
	for i, f := range files {
		files[i] = strings.TrimSpace(f)
		if _, err := os.Stat(files[i]); err == nil {
			return files[i]
		}
	}
	return files[0]
}

// toolOptions are the settings of a connection that come from its environment
// and that a child, which gets no CEPH_ARGS, needs in its ceph.conf; paths are
// absolute. A key is not among them.
func toolOptions(conn *rados.Conn) (map[string]string, error) {
	settings := map[string]string{}
	for _, k := range append([]string{"mon_host", "keyring", "keyfile"}, parseCephArgs(os.Getenv("CEPH_ARGS")).options...) {
		v, err := conn.GetConfigOption(k)
		switch {
		case k == "key" || err == nil && v == "":
			continue
		case err != nil && slices.Contains([]string{"mon_host", "keyring"}, k):
			return nil, fmt.Errorf("read the ceph option %q: %w", k, err)
		case err != nil:
			continue // no option of Ceph, and so without effect here too
		}
		if k == "keyring" || k == "keyfile" {
			v = absolute(v)
		}
		settings[k] = v
	}
	return settings, nil
}

// absolute takes a list of paths as Ceph writes it, separated by commas.
func absolute(list string) string {
	paths := strings.Split(list, ",")
	for i, p := range paths {
		if abs, err := filepath.Abs(strings.TrimSpace(p)); err == nil {
			paths[i] = abs
		}
	}
	return strings.Join(paths, ",")
}
