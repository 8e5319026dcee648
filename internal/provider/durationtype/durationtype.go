// SPDX-License-Identifier: MPL-2.0

// Package durationtype is the attribute type of times: strings as Go writes them
// ("1h30m"), equal when they mean the same.
package durationtype

import (
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/measure"
)

var (
	_ basetypes.StringTypable                    = Type{}
	_ basetypes.StringValuableWithSemanticEquals = Value{}
	_ xattr.ValidateableAttribute                = Value{}
)

// Parse reads a time, which is not negative.
func Parse(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a time: want numbers with the units h, m and s, as \"90s\" or \"1h30m\"; a day is \"24h\"", s)
	case d < 0:
		return 0, fmt.Errorf("%q is a negative time", s)
	}
	return d, nil
}

type unit struct{}

func (unit) Parse(s string) (time.Duration, error) { return Parse(s) }
func (unit) Invalid() string                       { return "Not a time" }

// Type is the attribute type.
type Type = measure.Type[unit, time.Duration]

// Value is a time.
type Value = measure.Value[unit, time.Duration]

// New is a known time, in the words of the configuration.
func New(s string) Value { return Value{StringValue: basetypes.NewStringValue(s)} }
