// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"fmt"
	"strings"
)

// maxLine bounds a command line, in bytes: guestfish reads 8191 at most, and takes
// the rest for another command. What is longer than a path is content, and content
// goes through files.
const maxLine = 8000

// line makes a line of guestfish's command language. Every argument, optional
// ones (`format:raw`) as a whole, stands in double quotes, with everything outside a small set of characters as \xNN:
// unquoted, `|` and `<!` run commands on this machine.
//
// It is an error to pass a NUL, which guestfish can't take.
func line(name string, args []string) (string, error) {
	if !isCommandName(name) {
		return "", fmt.Errorf("not a guestfish command: %q", name)
	}
	var b strings.Builder
	b.WriteString(name)
	for _, a := range args {
		b.WriteByte(' ')
		if strings.ContainsRune(a, 0) {
			return "", fmt.Errorf("argument %q of guestfish's %s contains a NUL", a, name)
		}
		quote(&b, a)
	}
	if b.Len() > maxLine {
		return "", fmt.Errorf("command line of guestfish's %s is longer than %d bytes", name, maxLine)
	}
	return b.String(), nil
}

func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		if c := s[i]; isSafe(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(b, `\x%02x`, c)
		}
	}
	b.WriteByte('"')
}

func isSafe(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/._-+,:=@", c) >= 0
}

// isCommandName keeps out what guestfish would take for something else than
// one of its own commands: `!cmd`, `<! cmd`, a leading `-`.
func isCommandName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0) {
			return false
		}
	}
	return s != ""
}
