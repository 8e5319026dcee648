// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// DefaultIgnore are patterns of what differs in any two guests that ran, or were
// customized. Packages are told by name, so that their database is not.
var DefaultIgnore = []string{
	"/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp", "/var/run", "/lost+found",
	"/var/log", "/var/cache", "/root/.cache", "/home/*/.cache", "**/__pycache__",
	"/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostname~",
	"/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/systemd/credential.secret",
	"/var/lib/systemd/timers", "/var/lib/systemd/catalog/database", "/boot/grub/grubenv", "/boot/grub2/grubenv",
	"/etc/ld.so.cache", "/etc/.pwd.lock", "/etc/*-", "/etc/.updated", "/var/.updated",
	"/var/lib/dpkg/status", "/var/lib/dpkg/*-old", "/var/lib/dpkg/lock*", "/var/lib/dpkg/triggers", "/var/lib/apt/lists", "/var/lib/apt/extended_states",
	"/var/backups", "/var/lib/rpm", "/usr/lib/sysimage/rpm", "/var/lib/dnf", "/var/lib/yum",
	"/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/NetworkManager/*.lease", "/var/lib/logrotate",
}

// maxPatterns, and their length in bytes, bound what is matched with every path.
const (
	maxPatterns     = 500
	maxPatternBytes = 1 << 10
)

// ErrPattern says that a pattern can't be understood.
var ErrPattern = errors.New("not a pattern of paths")

// CheckPattern refuses a pattern that can't be understood.
func CheckPattern(p string) error {
	switch {
	case len(p) > maxPatternBytes:
		return fmt.Errorf("%w: longer than %d bytes", ErrPattern, maxPatternBytes)
	case !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "**/"), p == "/":
		return fmt.Errorf("%w: %q does not begin with / and a name, nor with **/", ErrPattern, p)
	case strings.HasSuffix(p, "/"), strings.ContainsRune(p, 0):
		return fmt.Errorf("%w: %q ends in /, or holds a NUL", ErrPattern, p)
	}
	return nil
}

// matcher tells which paths are ignored. A pattern covers all below what it matches:
// "*" and "?" stand for what is in one name, "**/" for any number of names.
func matcher(patterns []string) (func(path string) bool, error) {
	if len(patterns) > maxPatterns {
		return nil, fmt.Errorf("%w: more than %d", ErrPattern, maxPatterns)
	}
	if len(patterns) == 0 {
		return func(string) bool { return false }, nil
	}
	all := make([]string, 0, len(patterns))
	for _, p := range patterns {
		if err := CheckPattern(p); err != nil {
			return nil, err
		}
		all = append(all, expression(p))
	}
	re, err := regexp.Compile(`(?s)^(?:` + strings.Join(slices.Compact(slices.Sorted(slices.Values(all))), "|") + `)(?:/.*)?$`)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPattern, err)
	}
	return re.MatchString, nil
}

func expression(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch rest := pattern[i:]; {
		case i == 0 && strings.HasPrefix(rest, "**/"):
			b.WriteString("/(?:.*/)?")
			i += 2
		case strings.HasPrefix(rest, "/**/"):
			b.WriteString("/(?:.*/)?")
			i += 3
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			i++
		case rest[0] == '*':
			b.WriteString("[^/]*")
		case rest[0] == '?':
			b.WriteString("[^/]")
		default:
			n := max(1, strings.IndexAny(rest[1:], "*?/")+1)
			if n == 1 && !strings.ContainsAny(rest[1:], "*?/") {
				n = len(rest)
			}
			b.WriteString(regexp.QuoteMeta(rest[:n]))
			i += n - 1
		}
	}
	return b.String()
}
