// SPDX-License-Identifier: MPL-2.0

package export

import "testing"

func TestSplitID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string][2]string{
		"/a,vms/i@s":        {"/a", "vms/i@s"},
		"/a,b/c,vms/n/i@s":  {"/a,b/c", "vms/n/i@s"},
		"/a,vms/i,j@s":      {"/a", "vms/i,j@s"},
		"/a b=,,vms/i@s,s,": {"/a b=,", "vms/i@s,s,"},
		"/a,vms/i":          {},
		",vms/i@s":          {},
		"vms/i@s":           {},
		"":                  {},
	} {
		file, snapshot, err := splitID(id)
		if file != want[0] || snapshot != want[1] || (err == nil) != (want[0] != "") {
			t.Errorf("%q: %q, %q, %v", id, file, snapshot, err)
		}
	}
}
