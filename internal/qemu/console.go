// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// tailBytes is what is kept of the console.
	tailBytes = 32 << 10
	// maxLine bounds a line that is looked at; a longer one is cut.
	maxLine = 8 << 10
	// quiet is after how long the beginning of a line counts as one, as a prompt
	// has no end.
	quiet = time.Second
)

// console looks at the lines that a guest writes to its serial port, which may
// be anything.
type console struct {
	sign          BootSign
	found, failed chan string
	said          func(line string) // may be nil

	mu    sync.Mutex
	text  []byte // cleaned, complete lines
	line  []byte // the one that is being written, as it came
	timer *time.Timer
}

func newConsole(sign BootSign) *console {
	c := &console{sign: sign, found: make(chan string, 1), failed: make(chan string, 1)}
	c.timer = time.AfterFunc(quiet, c.flush)
	return c
}

// Write implements io.Writer.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for rest := b; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		part := rest
		if i >= 0 {
			part = rest[:i]
		}
		c.line = append(c.line, part[:min(len(part), maxLine-len(c.line))]...)
		if i < 0 {
			break
		}
		line := clean(c.line)
		c.line = c.line[:0]
		c.inspect(line)
		if c.said != nil {
			c.said(line)
		}
		c.text = append(append(c.text, line...), '\n')
		if over := len(c.text) - tailBytes; over > tailBytes {
			c.text = append(c.text[:0], c.text[over:]...)
		}
		rest = rest[i+1:]
	}
	c.timer.Reset(quiet)
	return len(b), nil
}

// flush looks at a line that has no end yet.
func (c *console) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inspect(clean(c.line))
}

func (c *console) inspect(line string) {
	for _, w := range []struct {
		re *regexp.Regexp
		to chan string
	}{{c.sign.Failure, c.failed}, {c.sign.Console, c.found}} {
		if w.re != nil && w.re.MatchString(line) {
			select {
			case w.to <- line:
			default: // the first one counts
			}
			return
		}
	}
}

// tail is the end of the console, whole lines where it was cut.
func (c *console) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := string(c.text) + clean(c.line)
	if over := len(text) - tailBytes; over > 0 {
		text = text[over:]
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
	}
	return strings.ToValidUTF8(text, string(utf8.RuneError))
}

// escape matches the terminal's escape sequences: CSI, OSC, and short ones.
var escape = regexp.MustCompile(`\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])`)

// clean is a line as text: no escape sequences, no control characters but tabs.
func clean(line []byte) string {
	text := strings.ToValidUTF8(string(escape.ReplaceAll(line, nil)), string(utf8.RuneError))
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}
