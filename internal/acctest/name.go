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
	name := fmt.Sprintf("acc-%s-%d", strings.NewReplacer("/", "-", "_", "-").Replace(strings.ToLower(t.Name())), os.Getpid())
	name = name[:min(len(name), 60)]
	t.Cleanup(func() { Purge(t, name) })
	return name
}
