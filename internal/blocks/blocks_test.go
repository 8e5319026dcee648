// SPDX-License-Identifier: MPL-2.0

package blocks

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRead(t *testing.T) {
	b := make([]byte, 4)
	for text, want := range map[string][]string{"": {""}, "abc": {"abc"}, "abcd": {"abcd", ""}, "abcde": {"abcd", "e"}} {
		r := iotest.OneByteReader(strings.NewReader(text))
		for i, w := range want {
			n, last, err := Read(r, b)
			if err != nil || string(b[:n]) != w || last != (i == len(want)-1) {
				t.Errorf("%q: %q, %v, %v", text, b[:n], last, err)
			}
		}
	}
}

func TestReadOfAStreamThatBreaksOff(t *testing.T) {
	b := make([]byte, 4)
	for _, broken := range []error{io.ErrUnexpectedEOF, fmt.Errorf("gone: %w", io.EOF), fmt.Errorf("gone: %w", io.ErrUnexpectedEOF)} {
		r := io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(broken))
		if n, last, err := Read(r, b); n != 2 || last || !errors.Is(err, broken) {
			t.Errorf("%v: %d, %v, %v", broken, n, last, err)
		}
	}
}
