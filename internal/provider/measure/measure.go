// SPDX-License-Identifier: MPL-2.0

// Package measure is the attribute types of strings that stand for an amount, a
// size or a time: two are equal when they mean the same.
package measure

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Unit reads amounts of one kind.
type Unit[A comparable] interface {
	Parse(s string) (A, error)
	// Invalid is the summary of what is none.
	Invalid() string
}

// Type is the attribute type of a unit.
type Type[U Unit[A], A comparable] struct{ basetypes.StringType }

func (t Type[U, A]) String() string { return fmt.Sprintf("%T", t) }

// Equal tells whether both are the type of this unit.
func (t Type[U, A]) Equal(o attr.Type) bool {
	other, ok := o.(Type[U, A])
	return ok && t.StringType.Equal(other.StringType)
}

// ValueFromString wraps a string value.
func (Type[U, A]) ValueFromString(_ context.Context, in basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return Value[U, A]{in}, nil
}

// ValueFromTerraform wraps what comes from the wire.
func (t Type[U, A]) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	v, err := t.StringType.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	s, ok := v.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("unexpected value type %T", v)
	}
	return Value[U, A]{s}, nil
}

// ValueType is the type of the type's values.
func (Type[U, A]) ValueType(context.Context) attr.Value { return Value[U, A]{} }

// Value is an amount.
type Value[U Unit[A], A comparable] struct{ basetypes.StringValue }

// Type is the value's attribute type.
func (Value[U, A]) Type(context.Context) attr.Type { return Type[U, A]{} }

// Equal compares letter by letter.
func (v Value[U, A]) Equal(o attr.Value) bool {
	other, ok := o.(Value[U, A])
	return ok && v.StringValue.Equal(other.StringValue)
}

// Known tells whether there is an amount.
func (v Value[U, A]) Known() bool { return !v.IsNull() && !v.IsUnknown() }

// Amount is zero where there is none. The value was validated with the
// configuration.
func (v Value[U, A]) Amount() A {
	var u U
	a, err := u.Parse(v.ValueString())
	if err != nil {
		var none A
		return none
	}
	return a
}

// StringSemanticEquals compares the amounts.
func (v Value[U, A]) StringSemanticEquals(_ context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, ok := o.(Value[U, A])
	return ok && v.Known() && other.Known() && v.Amount() == other.Amount(), nil
}

// ValidateAttribute refuses what is no amount.
func (v Value[U, A]) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if !v.Known() {
		return
	}
	var u U
	if _, err := u.Parse(v.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, u.Invalid(), req.Path.String()+": "+err.Error()+".")
	}
}
