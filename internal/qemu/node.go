// SPDX-License-Identifier: MPL-2.0

package qemu

import "strings"

// RBD names an RBD image or snapshot for qemu's rbd driver.
type RBD struct {
	Pool, Namespace, Image, Snapshot string
	// ConfFile holds all else, the place of the keyring among it.
	ConfFile string
	User     string
}

// properties are those of the image as a node, in order.
func (r RBD) properties() (out [][2]string) {
	for _, p := range [][2]string{
		{"driver", "rbd"}, {"pool", r.Pool}, {"namespace", r.Namespace}, {"image", r.Image},
		{"snapshot", r.Snapshot}, {"conf", r.ConfFile}, {"user", r.User},
	} {
		if p[1] != "" {
			out = append(out, p)
		}
	}
	return out
}

// node is the image as a node for a json: file name.
func (r RBD) node() map[string]any {
	n := map[string]any{}
	for _, p := range r.properties() {
		n[p[0]] = p[1]
	}
	return n
}

// rawOptions is the image as a raw node in key=value notation.
func (r RBD) rawOptions() string {
	pairs := [][2]string{{"driver", "raw"}}
	for _, p := range r.properties() {
		pairs = append(pairs, [2]string{"file." + p[0], p[1]})
	}
	return options(pairs...)
}

// options writes qemu's key=value,… notation, in which a comma is doubled.
func options(pairs ...[2]string) string {
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p[0] + "=" + strings.ReplaceAll(p[1], ",", ",,")
	}
	return strings.Join(out, ",")
}
