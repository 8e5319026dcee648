// SPDX-License-Identifier: MPL-2.0

package checksum

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// entry is one checksum of a list.
type entry struct {
	file  string // empty where it has none
	label string // of its line or section, empty where there is none
	sum   string // hex, in small letters
}

var (
	// plainLine is one of `sha256sum FILE` or `md5 -r FILE`.
	plainLine = regexp.MustCompile(`^([0-9a-fA-F]{32,256})(?: [ *]|[ \t]+)(.+)$`)
	// taggedLine is one of `sha256sum --tag FILE`, `cksum FILE`, `md5 FILE` on BSD,
	// `openssl dgst FILE`.
	taggedLine = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9/_-]*) ?\((.*)\) ?= ?([0-9A-Za-z+/]{22,256}={0,2})$`)
	// bareLine has no name.
	bareLine = regexp.MustCompile(`^(?:([A-Za-z][A-Za-z0-9/_ -]*?) ?[:=] ?)?([0-9a-fA-F]{32,256})$`)
	// debianLine is one of a Release, .dsc or .changes file: checksum, size, name,
	// with section and priority before the name in some.
	debianLine = regexp.MustCompile(`^ ([0-9a-fA-F]{32,256})[ \t]+[0-9]+[ \t]+(?:\S+ \S+ )?(\S+)$`)
	// manifestLine is one of Gentoo's Manifest: kind, name, size, and pairs.
	manifestLine = regexp.MustCompile(`^(?:DIST|DATA|MANIFEST|AUX|EBUILD|MISC) (\S+) [0-9]+((?: [A-Z0-9_]+ [0-9a-fA-F]{32,256})+)$`)
)

const (
	signedBegin    = "-----BEGIN PGP SIGNED MESSAGE-----"
	signatureBegin = "-----BEGIN PGP SIGNATURE-----"
	byteOrderMark  = "\ufeff"
)

var errUnsigned = errors.New("its signed part has no end")

// parse reads the lines of a list.
func parse(text string) ([]entry, error) {
	lines := strings.Split(strings.TrimPrefix(text, byteOrderMark), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], "\r")
	}
	lines, err := signedPart(lines)
	if err != nil {
		return nil, err
	}
	var entries []entry
	section := ""
	for _, line := range lines {
		if found := lineEntries(line, section); len(found) > 0 {
			entries = append(entries, found...)
		} else if name, ok := heading(line); ok {
			section = name
		} else if line == "Files:" { // Debian's, of MD5
			section = "MD5"
		}
	}
	return entries, nil
}

// signedPart leaves out what a signature does not cover, where there is one.
// The signature itself is not verified.
func signedPart(lines []string) (signed []string, err error) {
	const (
		outside = iota
		armor
		inside
	)
	at, found := outside, false
	for _, line := range lines {
		trimmed := strings.TrimRight(line, " \t")
		switch {
		case at == outside && trimmed == signedBegin:
			at, found = armor, true
		case at == armor && trimmed == "":
			at = inside
		case at == inside && trimmed == signatureBegin:
			at = outside
		case at == inside:
			signed = append(signed, strings.TrimPrefix(line, "- ")) // RFC 9580: dash-escaped
		}
	}
	if at != outside {
		return nil, fmt.Errorf("the list of checksums is cut off: %w", errUnsigned)
	}
	if !found {
		return lines, nil
	}
	return signed, nil
}

// lineEntries is what a line has, nothing where it is something else.
func lineEntries(line, section string) []entry {
	// Tools put a backslash in front of a line where they had to escape its name.
	text, escaped := strings.CutPrefix(line, `\`)
	name := func(s string) string {
		if s == "-" { // what the tool read from its standard input
			return ""
		}
		if !escaped {
			return s
		}
		return unescape(s)
	}
	if m := taggedLine.FindStringSubmatch(text); m != nil {
		found, ok := label(m[1])
		sum := digest(m[3])
		if !ok || sum == "" {
			return nil
		}
		return []entry{{name(m[2]), found, sum}}
	}
	if m := debianLine.FindStringSubmatch(line); m != nil {
		return []entry{{m[2], section, strings.ToLower(m[1])}}
	}
	if m := plainLine.FindStringSubmatch(text); m != nil {
		return []entry{{name(m[2]), section, strings.ToLower(m[1])}}
	}
	if m := manifestLine.FindStringSubmatch(line); m != nil {
		var all []entry
		pairs := strings.Fields(m[2])
		for i := 0; i < len(pairs); i += 2 {
			if found, ok := label(pairs[i]); ok {
				all = append(all, entry{m[1], found, strings.ToLower(pairs[i+1])})
			}
		}
		return all
	}
	if m := bareLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
		if m[1] == "" {
			return []entry{{"", section, strings.ToLower(m[2])}}
		}
		if found, ok := label(m[1]); ok {
			return []entry{{"", found, strings.ToLower(m[2])}}
		}
	}
	return nil
}

// digest gives a checksum in hex, which `cksum --base64` and FreeBSD write as
// base64. It is empty for what is neither.
func digest(text string) string {
	if b, err := hex.DecodeString(text); err == nil && len(b) >= 16 {
		return hex.EncodeToString(b)
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) >= 16 {
		return hex.EncodeToString(b)
	}
	return ""
}

var escapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")

// unescape gives the name that GNU's tools have escaped.
func unescape(name string) string { return escapes.Replace(name) }
