// SPDX-License-Identifier: MPL-2.0

package namecheck

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Pattern accepts regular expressions, but for the empty one: it matches
// everything, and stands for something that was not there.
func Pattern() validator.String { return check{"a regular expression", checkPattern} }

// LinePattern accepts regular expressions that tell lines apart.
func LinePattern() validator.String {
	return check{"a regular expression for lines", func(s string) error {
		if err := checkPattern(s); err != nil {
			return err
		}
		if matchesAll(regexp.MustCompile(s)) {
			return fmt.Errorf("%q matches every line, the empty one too: say what the lines have, as \"^PermitRootLogin \"; empty lines alone are \"^$\"", s)
		}
		return nil
	}}
}

var errEmptyPattern = errors.New("the pattern is empty, and would match everything: leave it out, or say what it is to match, as \"^PermitRootLogin \"")

func checkPattern(s string) error {
	if s == "" {
		return errEmptyPattern
	}
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Errorf("%q is not a regular expression (RE2): %w", s, err)
	}
	return nil
}

// probes are lines that nothing has in common: a pattern that matches all of
// them matches any line.
var probes = func() []string {
	out := []string{"", strings.Repeat("long ", 1000), "\u00e4\u00f6", "# a comment", "key = value", "\x01"}
	for c := ' '; c <= '~'; c++ {
		out = append(out, string(c), string(c)+string(c))
	}
	return out
}()

func matchesAll(re *regexp.Regexp) bool {
	for _, p := range probes {
		if !re.MatchString(p) {
			return false
		}
	}
	return true
}
