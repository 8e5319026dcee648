// SPDX-License-Identifier: MPL-2.0

package command

import (
	"os"
	"slices"
	"strings"
)

// Of this process's environment a child gets what it needs to be found, loaded
// and configured. All else may be secret (OS_PASSWORD, TF_VAR_..., a key in
// CEPH_ARGS), and a child that reads hostile images has no use for it.
var (
	inheritedNames = []string{
		"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LD_LIBRARY_PATH",
		"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
	}
	// libguestfs, its builder of appliances, and where qemu has its modules.
	inheritedPrefixes = []string{"LIBGUESTFS_", "SUPERMIN_", "QEMU_"}
)

func inherited() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !slices.Contains(inheritedNames, name) &&
			!slices.ContainsFunc(inheritedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
}
