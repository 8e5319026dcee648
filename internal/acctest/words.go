// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"fmt"
	"strings"
)

// Words are texts that an output must have, and others that it must not have.
type Words struct{ has, lacks []string }

// Has are texts that must be there.
func Has(words ...string) Words { return Words{has: words} }

// Lacks adds texts that must not be there.
func (w Words) Lacks(words ...string) Words { return Words{w.has, words} }

// In looks for them in an output.
func (w Words) In(out string) error {
	for _, word := range w.has {
		if !strings.Contains(out, word) {
			return fmt.Errorf("%q is not in:\n%s", word, out)
		}
	}
	for _, word := range w.lacks {
		if strings.Contains(out, word) {
			return fmt.Errorf("%q is in:\n%s", word, out)
		}
	}
	return nil
}
