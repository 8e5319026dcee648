// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// argument is a place in a configuration that something can be written to.
type argument struct {
	// name is its path in the schema: source.file, files.mode.
	name string
	at   *tftypes.AttributePath
	// is what the configuration has there.
	is tftypes.Value
}

// argumentsOf walks a configuration along its schema: all that may be given in
// it, within nested attributes as often as they are there.
func argumentsOf(t *testing.T, block *tfprotov6.SchemaBlock, config tftypes.Value) []argument {
	t.Helper()
	var out []argument
	walkAttributes(t, block.Attributes, "", tftypes.NewAttributePath(), config, &out)
	for _, b := range block.BlockTypes {
		at := tftypes.NewAttributePath().WithAttributeName(b.TypeName)
		out = append(out, argument{b.TypeName, at, child(t, config, b.TypeName)})
		walkAttributes(t, b.Block.Attributes, b.TypeName+".", at, child(t, config, b.TypeName), &out)
	}
	return out
}

func walkAttributes(t *testing.T, all []*tfprotov6.SchemaAttribute, prefix string, at *tftypes.AttributePath, v tftypes.Value, out *[]argument) {
	t.Helper()
	if v.IsNull() || !v.IsKnown() {
		return
	}
	for _, a := range all {
		if !a.Optional && !a.Required {
			continue
		}
		is, here := child(t, v, a.Name), at.WithAttributeName(a.Name)
		*out = append(*out, argument{prefix + a.Name, here, is})
		if a.NestedType == nil || is.IsNull() || !is.IsKnown() {
			continue
		}
		inner := func(at *tftypes.AttributePath, v tftypes.Value) {
			walkAttributes(t, a.NestedType.Attributes, prefix+a.Name+".", at, v, out)
		}
		switch a.NestedType.Nesting {
		case tfprotov6.SchemaObjectNestingModeSingle:
			inner(here, is)
		case tfprotov6.SchemaObjectNestingModeMap:
			var m map[string]tftypes.Value
			must(t, is.As(&m))
			for k, v := range m {
				inner(here.WithElementKeyString(k), v)
			}
		default:
			var l []tftypes.Value
			must(t, is.As(&l))
			for i, v := range l {
				if a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSet {
					inner(here.WithElementKeyValue(v), v)
				} else {
					inner(here.WithElementKeyInt(i), v)
				}
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// child is null where v is.
func child(t *testing.T, v tftypes.Value, name string) tftypes.Value {
	t.Helper()
	if v.IsNull() || !v.IsKnown() {
		ty, ok := v.Type().(tftypes.Object)
		if !ok {
			t.Fatalf("%s has no %s", v, name)
		}
		return tftypes.NewValue(ty.AttributeTypes[name], nil)
	}
	var m map[string]tftypes.Value
	must(t, v.As(&m))
	return m[name]
}

// arguments are the names of all that may be given.
func argumentNames(block *tfprotov6.SchemaBlock) []string {
	var out []string
	var walk func(prefix string, all []*tfprotov6.SchemaAttribute)
	walk = func(prefix string, all []*tfprotov6.SchemaAttribute) {
		for _, a := range all {
			if !a.Optional && !a.Required {
				continue
			}
			out = append(out, prefix+a.Name)
			if a.NestedType != nil {
				walk(prefix+a.Name+".", a.NestedType.Attributes)
			}
		}
	}
	walk("", block.Attributes)
	for _, b := range block.BlockTypes {
		walk(b.TypeName+".", b.Block.Attributes)
	}
	return out
}

// with is a configuration with something else in one place.
func (a argument) with(t *testing.T, config, v tftypes.Value) tftypes.Value {
	t.Helper()
	out, err := tftypes.Transform(config, func(p *tftypes.AttributePath, was tftypes.Value) (tftypes.Value, error) {
		if p.Equal(a.at) {
			return v, nil
		}
		return was, nil
	})
	must(t, err)
	return out
}

// odd is an input that nobody thought of.
type odd struct {
	what string
	v    tftypes.Value
}

// Strings that are empty to the eye, that match everything, that end a string
// in C or a line, and that are too long for anything.
var oddStrings = []string{
	"", " ", "\t\n", "x*", "^", "(", "a\x00b", "a\nb", " vms/x ", "30d", "-5m", "-1", "0", "0B", "16EiB", "999999999999999999999PiB",
	"not-a-uuid", "../x", "/@", "@", "a@", "/a@b", "\u00e4\u2028", "a b", strings.Repeat("x", 5_000),
}

// oddities are what may be written where a value of this type is wanted.
func oddities(t *testing.T, ty tftypes.Type, is tftypes.Value) []odd {
	t.Helper()
	out := []odd{{"null", tftypes.NewValue(ty, nil)}, {"unknown", tftypes.NewValue(ty, tftypes.UnknownValue)}}
	add := func(what string, v any) { out = append(out, odd{what, tftypes.NewValue(ty, v)}) }
	switch e := ty.(type) {
	case tftypes.List:
		oddElements(t, e.ElementType, is, add)
	case tftypes.Set:
		oddElements(t, e.ElementType, is, add)
	case tftypes.Map:
		oddEntries(t, e.ElementType, is, add)
	case tftypes.Object:
		none := map[string]tftypes.Value{}
		for name, of := range e.AttributeTypes {
			none[name] = tftypes.NewValue(of, nil)
		}
		add("an object of nulls", none)
	default:
		switch {
		case ty.Is(tftypes.String):
			for _, s := range oddStrings {
				add(fmt.Sprintf("%.20q", s), s)
			}
		case ty.Is(tftypes.Number):
			for _, n := range []int64{-1, 0, 1 << 31, 1<<63 - 1, -1 << 63} {
				add(fmt.Sprint(n), n)
			}
			add("1.5", big.NewFloat(1.5))
			add("1e30", big.NewFloat(1e30))
		case ty.Is(tftypes.Bool):
			add("true", true)
			add("false", false)
		}
	}
	return out
}

// elements are odd ones, with the name of each.
func elements(t *testing.T, ty tftypes.Type) []odd {
	t.Helper()
	var out []odd
	for _, o := range oddities(t, ty, tftypes.NewValue(ty, nil)) {
		if len(o.what) < 20 { // what is odd in itself is tried at the top
			out = append(out, o)
		}
	}
	return out
}

func oddElements(t *testing.T, ty tftypes.Type, is tftypes.Value, add func(string, any)) {
	t.Helper()
	add("none", []tftypes.Value{})
	var have []tftypes.Value
	if !is.IsNull() && is.IsKnown() {
		must(t, is.As(&have))
	}
	for _, o := range elements(t, ty) {
		add("["+o.what+"]", []tftypes.Value{o.v})
		if o.v.IsNull() || !o.v.IsKnown() {
			add("[…, "+o.what+"]", append(append([]tftypes.Value{}, have...), o.v))
		}
	}
}

func oddEntries(t *testing.T, ty tftypes.Type, is tftypes.Value, add func(string, any)) {
	t.Helper()
	add("none", map[string]tftypes.Value{})
	var have map[string]tftypes.Value
	if !is.IsNull() && is.IsKnown() {
		must(t, is.As(&have))
	}
	with := func(k string, v tftypes.Value) map[string]tftypes.Value {
		out := map[string]tftypes.Value{k: v}
		for name, is := range have {
			if name != k {
				out[name] = is
			}
		}
		return out
	}
	for k, v := range have {
		for _, o := range elements(t, ty) {
			add(fmt.Sprintf("{ %q = %s }", k, o.what), with(k, o.v))
		}
		for _, s := range oddStrings {
			add(fmt.Sprintf("{ %.20q = … }", s), with(s, v))
		}
		break
	}
}
