// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Name makes a name that no other test has, and sees to it that nothing of
// that name is left in the pools, whatever becomes of the test.
func Name(t testing.TB) string {
	t.Helper()
	name := "acc-" + strings.NewReplacer("/", "-", "_", "-").Replace(strings.ToLower(t.Name()))
	// Other tests of this process have another beginning, other processes another end.
	name = fmt.Sprintf("%s-%d", name[:min(len(name), 52)], os.Getpid())
	t.Cleanup(func() { Purge(t, name) })
	return name
}
