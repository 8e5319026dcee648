// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"bufio"
	"os/exec"
	"sync"
	"testing"
)

// Watch keeps an image open for writing until end is called, or the test ends.
func Watch(t testing.TB, spec string) (end func()) {
	t.Helper()
	cmd := exec.Command("rbd", "watch", spec)
	// It ends in good order, without a watch that lasts, when its input does.
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(out).ReadString('\n') // it says so when it watches
	}
	if err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("rbd watch: %v", err)
		}
	})
	t.Cleanup(end)
	return end
}
