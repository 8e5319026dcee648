// SPDX-License-Identifier: MPL-2.0

// Package report writes diagnostics in one wording: what could not be done, what
// the backend said, and what to do next.
package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// Advice says what to do about an error.
type Advice struct {
	Is error
	Do string
}

// Kind is a kind of thing in messages, with the advice of those who report it.
type Kind struct {
	name   string
	advice []Advice
}

// NewKind is the kind of a package: its name as in `Unable to create NAME "vms/a"`, and
// what to do about errors that it alone reports or explains otherwise than the
// rest, the own advice first. The advice for errors of Ceph is every kind's.
func NewKind(name string, advice ...[]Advice) Kind {
	return Kind{name, slices.Concat(advice...)}
}

// String is the name.
func (k Kind) String() string { return k.name }

// Unable is the summary of all errors: Unable to create RBD image "vms/a".
func (k Kind) Unable(action, name string) string {
	s := "Unable to " + action + " " + k.name
	if name != "" {
		s += ` "` + name + `"`
	}
	return s
}

// Detail is an error as sentences, with what to do next.
func (k Kind) Detail(err error) string {
	text := sentence(err.Error())
	for _, advice := range [][]Advice{k.advice, common} {
		for _, a := range advice {
			if errors.Is(err, a.Is) {
				return text + "\n\n" + a.Do
			}
		}
	}
	return text
}

// Error adds an error about the resource as a whole.
func (k Kind) Error(diags *diag.Diagnostics, action, name string, err error) {
	diags.AddError(k.Unable(action, name), k.Detail(err))
}

// AttributeError adds an error about one attribute. It is named in the text too,
// since Terraform points at no more than the block of a nested one.
func (k Kind) AttributeError(diags *diag.Diagnostics, at path.Path, action, name string, err error) {
	diags.AddAttributeError(at, k.Unable(action, name), "In attribute "+at.String()+": "+k.Detail(err))
}

// Unconfigured adds the error of what can't wait until the provider's
// configuration is known.
func (k Kind) Unconfigured(diags *diag.Diagnostics, action, name string) {
	diags.AddError(k.Unable(action, name), "The provider's configuration is not known yet.")
}

// NotRefreshed warns that what is in the state was not compared with what there is.
func (k Kind) NotRefreshed(diags *diag.Diagnostics, name string) {
	diags.AddWarning("Not refreshed", fmt.Sprintf("The provider's configuration is not known yet, so %s %q was not read.", k.name, name))
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	r, n := utf8.DecodeRuneInString(s)
	if n > 0 {
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
