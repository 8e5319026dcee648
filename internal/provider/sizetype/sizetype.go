// SPDX-License-Identifier: MPL-2.0

// Package sizetype is the attribute type of sizes: strings as Ceph and qemu-img
// write them ("50GiB"), equal when they mean the same number of bytes.
package sizetype

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/measure"
)

var (
	_ basetypes.StringTypable                    = Type{}
	_ basetypes.StringValuableWithSemanticEquals = Value{}
	_ xattr.ValidateableAttribute                = Value{}
)

// Description is the part of an attribute's description that is the same for
// all sizes.
const Description = "A whole number with a unit: `B`, `KiB`, `MiB`, `GiB`, `TiB` or `PiB` (powers of 1024; `K`, `M`, `G`, `T` and `P` mean the same)."

var pattern = regexp.MustCompile(`^([0-9]+) ?(?:(B)|([KMGTP])(?:iB)?)$`)

const units = "KMGTP"

// Parse reads a size in bytes.
func Parse(s string) (uint64, error) {
	m := pattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size: want a whole number and a unit, as \"50GiB\"", s)
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is more than an RBD image can have", s)
	}
	shift := 0
	for i, u := range units {
		if m[3] == string(u) {
			shift = 10 * (i + 1)
		}
	}
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is more than an RBD image can have", s)
	}
	return n << shift, nil
}

// Format writes a size in bytes with the largest unit that says it exactly.
func Format(bytes uint64) string {
	for i := len(units); i > 0; i-- {
		if shift := 10 * i; bytes > 0 && bytes%(1<<shift) == 0 {
			return strconv.FormatUint(bytes>>shift, 10) + units[i-1:i] + "iB"
		}
	}
	return strconv.FormatUint(bytes, 10) + "B"
}

type unit struct{}

func (unit) Parse(s string) (uint64, error) { return Parse(s) }
func (unit) Invalid() string                { return "Invalid size" }

// Type is the attribute type.
type Type = measure.Type[unit, uint64]

// Value is a size, whose Amount is in bytes.
type Value = measure.Value[unit, uint64]

// New is a known size of so many bytes.
func New(bytes uint64) Value {
	return Value{StringValue: basetypes.NewStringValue(Format(bytes))}
}

// Null is no size.
func Null() Value { return Value{StringValue: basetypes.NewStringNull()} }
