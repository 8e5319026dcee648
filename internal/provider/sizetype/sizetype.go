// Package sizetype is the attribute type of sizes: strings as Ceph and qemu-img
// write them ("50GiB"), equal when they mean the same number of bytes.
package sizetype

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
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
		return 0, fmt.Errorf("%q is not a size: %w", s, err)
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

// Type is the attribute type.
type Type struct{ basetypes.StringType }

func (Type) String() string { return "sizetype.Type" }

// Equal tells whether both are the size type.
func (t Type) Equal(o attr.Type) bool {
	other, ok := o.(Type)
	return ok && t.StringType.Equal(other.StringType)
}

// ValueFromString wraps a string value.
func (Type) ValueFromString(_ context.Context, in basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return Value{in}, nil
}

// ValueFromTerraform wraps what comes from the wire.
func (t Type) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	v, err := t.StringType.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	s, ok := v.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("unexpected value type %T", v)
	}
	return Value{s}, nil
}

// ValueType is the type of the type's values.
func (Type) ValueType(context.Context) attr.Value { return Value{} }

// Value is a size.
type Value struct{ basetypes.StringValue }

// New is a known size of so many bytes.
func New(bytes uint64) Value { return Value{basetypes.NewStringValue(Format(bytes))} }

// Null is no size.
func Null() Value { return Value{basetypes.NewStringNull()} }

// Type is the value's attribute type.
func (Value) Type(context.Context) attr.Type { return Type{} }

// Equal compares letter by letter.
func (v Value) Equal(o attr.Value) bool {
	other, ok := o.(Value)
	return ok && v.StringValue.Equal(other.StringValue)
}

// Known tells whether there is a number of bytes.
func (v Value) Known() bool { return !v.IsNull() && !v.IsUnknown() }

// Bytes is the size in bytes, 0 where there is none. The value was validated
// with the configuration.
func (v Value) Bytes() uint64 {
	n, err := Parse(v.ValueString())
	if err != nil {
		return 0
	}
	return n
}

// StringSemanticEquals compares the numbers of bytes.
func (v Value) StringSemanticEquals(_ context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, ok := o.(Value)
	return ok && v.Known() && other.Known() && v.Bytes() == other.Bytes(), nil
}

// ValidateAttribute refuses what is no size.
func (v Value) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if !v.Known() {
		return
	}
	if _, err := Parse(v.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid size", err.Error()+".")
	}
}
