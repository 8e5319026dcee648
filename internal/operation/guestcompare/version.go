// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"cmp"
	"strings"
)

// compareDebian orders versions as `dpkg --compare-versions` does, see
// deb-version(7).
func compareDebian(a, b string) int {
	epochA, a := epoch(a)
	epochB, b := epoch(b)
	if c := compareNumbers(epochA, epochB); c != 0 {
		return c
	}
	upA, revA := revision(a)
	upB, revB := revision(b)
	if c := compareParts(upA, upB, debianOrder); c != 0 {
		return c
	}
	return compareParts(revA, revB, debianOrder)
}

func epoch(v string) (number, rest string) {
	if e, rest, ok := strings.Cut(v, ":"); ok {
		return e, rest
	}
	return "0", v
}

func revision(v string) (upstream, rev string) {
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return v[:i], v[i+1:]
	}
	return v, "0"
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// debianOrder sorts "~" before the end, and letters before all else.
func debianOrder(s string, i int) int {
	switch {
	case i >= len(s) || isDigit(s[i]):
		return 0
	case s[i] == '~':
		return -1
	case isLetter(s[i]):
		return int(s[i])
	}
	return int(s[i]) + 256
}

// compareParts goes through what is no number, and numbers, by turns.
func compareParts(a, b string, order func(s string, i int) int) int {
	for a != "" || b != "" {
		i := 0
		for i < len(a) && !isDigit(a[i]) || i < len(b) && !isDigit(b[i]) {
			if c := cmp.Compare(order(a, i), order(b, i)); c != 0 {
				return c
			}
			i++
		}
		a, b = a[min(i, len(a)):], b[min(i, len(b)):]
		var x, y string
		x, a = digits(a)
		y, b = digits(b)
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	return 0
}

func digits(s string) (number, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// compareNumbers compares numbers of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// compareRPM orders EPOCH:VERSION-RELEASE as rpm does.
func compareRPM(a, b string) int {
	epochA, a := epoch(a)
	epochB, b := epoch(b)
	if c := compareNumbers(epochA, epochB); c != 0 {
		return c
	}
	upA, relA := revision(a)
	upB, relB := revision(b)
	if c := compareSegments(upA, upB); c != 0 {
		return c
	}
	return compareSegments(relA, relB)
}

// compareSegments is rpmvercmp: segments of letters or of digits, the rest only parts
// them; "~" sorts before the end, and "^" behind it.
func compareSegments(a, b string) int {
	other := func(r rune) bool {
		return r >= 128 || r != '~' && r != '^' && !isDigit(byte(r)) && !isLetter(byte(r)) //nolint:gosec // it is ASCII
	}
segments:
	for a != "" || b != "" {
		a, b = strings.TrimLeftFunc(a, other), strings.TrimLeftFunc(b, other)
		for _, sign := range []struct {
			c      byte
			result int
		}{{'~', -1}, {'^', 1}} {
			x, y := a != "" && a[0] == sign.c, b != "" && b[0] == sign.c
			switch {
			case x && y:
				a, b = a[1:], b[1:]
				continue segments
			case x && (b == "" || sign.c == '~'):
				return sign.result
			case y && (a == "" || sign.c == '~'):
				return -sign.result
			case x:
				return -1
			case y:
				return 1
			}
		}
		if a == "" || b == "" {
			if a == "" && b == "" {
				continue
			}
			return cmp.Compare(len(a), len(b))
		}
		c, restA, restB := compareSegment(a, b)
		if c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return 0
}

// compareSegment compares the first segments. A number is newer than letters.
func compareSegment(a, b string) (c int, restA, restB string) {
	if isDigit(a[0]) {
		x, restA := digits(a)
		y, restB := digits(b)
		if y == "" {
			return 1, "", ""
		}
		return compareNumbers(x, y), restA, restB
	}
	letters := func(s string) int {
		i := 0
		for i < len(s) && isLetter(s[i]) {
			i++
		}
		return i
	}
	i, j := letters(a), letters(b)
	if j == 0 {
		return -1, "", ""
	}
	return strings.Compare(a[:i], b[:j]), a[i:], b[j:]
}
