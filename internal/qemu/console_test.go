// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"regexp"
	"strings"
	"testing"
)

func TestConsole(t *testing.T) {
	c := newConsole(BootSign{Console: regexp.MustCompile(`^ready \d+$`), Failure: regexp.MustCompile("panic")})
	for _, part := range []string{"\x1b[2J\x1b[1;1Hrea", "dy 1x\r\n\x1b]0;title\x07rea", "dy 2\r\nready 3\n", strings.Repeat("a", 3*maxLine), "\n\x00\xff\x1bM\tpanic"} {
		if n, err := c.Write([]byte(part)); n != len(part) || err != nil {
			t.Error(n, err)
		}
	}
	if got := <-c.found; got != "ready 2" {
		t.Errorf("found %q", got)
	}
	if got := <-c.failed; got != "�\tpanic" { // the beginning of a line counts after a second
		t.Errorf("failed at %q", got)
	}
	want := "ready 1x\nready 2\nready 3\n" + strings.Repeat("a", maxLine) + "\n�\tpanic"
	if got := c.tail(); got != want {
		t.Errorf("%q", got)
	}
	for range 3 * tailBytes / 100 {
		_, _ = c.Write([]byte(strings.Repeat("b", 99) + "\n"))
	}
	if got := c.tail(); len(got) > tailBytes || len(got) < tailBytes-200 || !strings.HasPrefix(got, "bbb") {
		t.Errorf("%d bytes of the console", len(got))
	}
}

// Nothing of a name can become an option of qemu's.
func TestArgs(t *testing.T) {
	m := Machine{
		Overlay:      "/d/a,readonly=on",
		Architecture: X8664, Firmware: BIOS,
		Dir: "/d", Seed: "/seed,x", Bus: IDE, Accelerator: "tcg", MemoryMiB: 64, CPUs: 2, Network: Isolated,
	}
	args, err := m.args(true)
	line := strings.Join(args, " ")
	if err != nil || !strings.Contains(line, "format=qcow2,cache=unsafe,file.driver=file,file.filename=/d/a,,readonly=on -drive") ||
		!strings.Contains(line, "file.filename=/seed,,x") || !strings.Contains(line, "restrict=on,hostfwd=tcp:127.0.0.1:0-:22") {
		t.Errorf("%v: %s", err, line)
	}
	m.Network = NoNetwork
	if args, err = m.args(false); err != nil || strings.Contains(strings.Join(args, " "), "netdev") {
		t.Errorf("%v: %v", err, args)
	}
	if _, err = m.args(true); err == nil {
		t.Error("ssh without a network")
	}
	m.Bus = "usb"
	if _, err = m.args(false); err == nil {
		t.Error("an unknown bus")
	}
}
