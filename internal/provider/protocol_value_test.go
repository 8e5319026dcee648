// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// value makes a value of the protocol; what an object leaves out is null.
func value(t *testing.T, ty tftypes.Type, v any) tftypes.Value {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(ty, nil)
	case object:
		switch ty := ty.(type) {
		case tftypes.Object:
			all := map[string]tftypes.Value{}
			for name, of := range ty.AttributeTypes {
				all[name] = value(t, of, v[name])
			}
			for name := range v {
				if _, ok := all[name]; !ok {
					t.Fatalf("there is no %s", name)
				}
			}
			return tftypes.NewValue(ty, all)
		case tftypes.Map:
			all := map[string]tftypes.Value{}
			for k, e := range v {
				all[k] = value(t, ty.ElementType, e)
			}
			return tftypes.NewValue(ty, all)
		}
	case []any:
		of := tftypes.Type(tftypes.String)
		switch ty := ty.(type) {
		case tftypes.List:
			of = ty.ElementType
		case tftypes.Set:
			of = ty.ElementType
		}
		all := make([]tftypes.Value, len(v))
		for i, e := range v {
			all[i] = value(t, of, e)
		}
		return tftypes.NewValue(ty, all)
	case string, bool, int64:
		return tftypes.NewValue(ty, v)
	}
	t.Fatalf("no value of %s for %T", ty, v)
	return tftypes.Value{}
}

// plain is a value in plain Go: object, []any, string, bool, int64, nil, or the
// string of what is not known.
func plain(t *testing.T, v tftypes.Value) any {
	t.Helper()
	switch {
	case v.IsNull():
		return nil
	case !v.IsKnown():
		return "(unknown)"
	}
	var err error
	defer func() {
		if err != nil {
			t.Fatal(err)
		}
	}()
	switch ty := v.Type(); {
	case ty.Is(tftypes.String):
		var s string
		err = v.As(&s)
		return s
	case ty.Is(tftypes.Bool):
		var b bool
		err = v.As(&b)
		return b
	case ty.Is(tftypes.Number):
		var f big.Float
		err = v.As(&f)
		n, _ := f.Int64()
		return n
	case ty.Is(tftypes.Object{}), ty.Is(tftypes.Map{}):
		var all map[string]tftypes.Value
		err = v.As(&all)
		out := object{}
		for k, e := range all {
			out[k] = plain(t, e)
		}
		return out
	default:
		var all []tftypes.Value
		err = v.As(&all)
		out := make([]any, len(all))
		for i, e := range all {
			out[i] = plain(t, e)
		}
		return out
	}
}

// differences are the paths at which two values differ.
func differences(t *testing.T, a, b tftypes.Value) []string {
	t.Helper()
	diffs, err := a.Diff(b)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range diffs {
		out = append(out, fmt.Sprint(d))
	}
	return out
}
