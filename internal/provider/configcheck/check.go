// SPDX-License-Identifier: MPL-2.0

package configcheck

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// finding is an input that no argument takes.
type finding struct {
	at            *tftypes.AttributePath
	summary, text string
}

// checker walks a configuration.
type checker struct {
	found []finding
	err   error
}

func checkBlock(block *tfprotov6.SchemaBlock, v tftypes.Value) ([]*tfprotov6.Diagnostic, error) {
	c := &checker{}
	c.block(block, place{path: tftypes.NewAttributePath()}, v)
	return c.diagnostics(), c.err
}

func (c *checker) diagnostics() (out []*tfprotov6.Diagnostic) {
	for _, f := range c.found {
		out = append(out, &tfprotov6.Diagnostic{Severity: tfprotov6.DiagnosticSeverityError, Summary: f.summary, Detail: f.text, Attribute: f.at})
	}
	return out
}

// place is where a value stands, and what a user calls that.
type place struct {
	path *tftypes.AttributePath
	name string
}

func (p place) attribute(name string) place {
	called := name
	if p.name != "" {
		called = p.name + "." + name
	}
	return place{p.path.WithAttributeName(name), called}
}

func (p place) key(k string) place {
	return place{p.path.WithElementKeyString(k), fmt.Sprintf("%s[%q]", p.name, k)}
}

func (p place) index(i int) place {
	return place{p.path.WithElementKeyInt(i), fmt.Sprintf("%s[%d]", p.name, i)}
}

func (p place) element(v tftypes.Value) place {
	return place{p.path.WithElementKeyValue(v), "an element of " + p.name}
}

func (c *checker) refuse(at place, summary, format string, args ...any) {
	c.found = append(c.found, finding{at.path, summary, fmt.Sprintf(format, args...)})
}

// as reads a value, which is known and of the schema's type.
func (c *checker) as(v tftypes.Value, to any) {
	if err := v.As(to); err != nil && c.err == nil {
		c.err = err
	}
}

func known(v tftypes.Value) bool { return v.IsKnown() && !v.IsNull() }

func (c *checker) block(b *tfprotov6.SchemaBlock, at place, v tftypes.Value) {
	if !known(v) {
		return
	}
	c.attributes(b.Attributes, at, v)
	var parts map[string]tftypes.Value
	c.as(v, &parts)
	for _, nested := range b.BlockTypes {
		here, part := at.attribute(nested.TypeName), parts[nested.TypeName]
		if part.Type().Is(tftypes.Object{}) {
			c.block(nested.Block, here, part)
			continue
		}
		c.each(here, part, func(at place, v tftypes.Value) { c.block(nested.Block, at, v) })
	}
}

func (c *checker) attributes(all []*tfprotov6.SchemaAttribute, at place, v tftypes.Value) {
	var parts map[string]tftypes.Value
	c.as(v, &parts)
	for _, a := range all {
		if a.Optional || a.Required {
			c.attribute(a, at.attribute(a.Name), parts[a.Name])
		}
	}
}

func (c *checker) attribute(a *tfprotov6.SchemaAttribute, at place, v tftypes.Value) {
	switch {
	case v.IsNull() && a.Required:
		c.refuse(at, "No "+a.Name, "%s is null, and needs a value.", at.name)
	case !known(v):
	case a.NestedType == nil:
		c.value(at, v)
	case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle:
		c.attributes(a.NestedType.Attributes, at, v)
	default:
		c.each(at, v, func(at place, v tftypes.Value) {
			if known(v) {
				c.attributes(a.NestedType.Attributes, at, v)
			}
		})
	}
}

// value checks what is in a value, all the way down.
func (c *checker) value(at place, v tftypes.Value) {
	switch ty := v.Type(); {
	case !known(v):
	case ty.Is(tftypes.Number):
		c.number(at, v)
	case ty.Is(tftypes.List{}), ty.Is(tftypes.Set{}), ty.Is(tftypes.Map{}):
		c.each(at, v, c.value)
	}
}

// number: the framework has no words for what is not a Go int64. There is no
// argument that is a fraction.
func (c *checker) number(at place, v tftypes.Value) {
	var n big.Float
	c.as(v, &n)
	whole, exact := n.Int(nil)
	switch {
	case exact != big.Exact:
		c.refuse(at, "Not a whole number", "%s is %s: want a whole number.", at.name, n.Text('g', 10))
	case !whole.IsInt64():
		c.refuse(at, "Number out of range", "%s is %s, which is more than any image, machine or count can have.", at.name, n.Text('g', 10))
	}
}

// each visits the elements of a collection, and refuses those that are null: it
// is left open whether that means none, or an empty one.
func (c *checker) each(at place, v tftypes.Value, visit func(place, tftypes.Value)) {
	if !known(v) {
		return
	}
	if v.Type().Is(tftypes.Map{}) {
		c.entries(at, v, visit)
		return
	}
	var all []tftypes.Value
	c.as(v, &all)
	for i, e := range all {
		here := at.index(i)
		if v.Type().Is(tftypes.Set{}) {
			here = at.element(e)
		}
		if e.IsNull() {
			c.refuse(here, "Null in "+at.name, "%s is null. Leave out what there is none of: [for v in LIST : v if v != null] does so.", here.name)
			continue
		}
		visit(here, e)
	}
}

func (c *checker) entries(at place, v tftypes.Value, visit func(place, tftypes.Value)) {
	var all map[string]tftypes.Value
	c.as(v, &all)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		here, e := at.key(k), all[k]
		switch {
		case e.IsNull():
			c.refuse(here, "Null in "+at.name, "%s is null. Leave out what there is none of: { for k, v in MAP : k => v if v != null } does so.", here.name)
		case k == "":
			c.refuse(here, "Empty key in "+at.name, "%s: a key must not be empty.", here.name)
		default:
			visit(here, e)
		}
	}
}
