// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// value is what stands in a clouds file: a text, as it is written there, a list
// or a mapping. Nothing but the cloud that is asked for is looked at, so that odd
// values of others do no harm.
type value struct {
	text    string
	list    []value
	mapping map[string]value
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (v *value) UnmarshalYAML(unmarshal func(any) error) error {
	if unmarshal(&v.text) == nil {
		return nil
	}
	v.text = ""
	if unmarshal(&v.list) == nil {
		return nil
	}
	v.list = nil
	return unmarshal(&v.mapping)
}

// isText tells whether it is neither a list nor a mapping.
func (v value) isText() bool { return v.list == nil && v.mapping == nil }

// over gives v with what other has put over it, key by key.
func (v value) over(other value) value {
	if v.mapping == nil || other.mapping == nil {
		return other
	}
	merged := maps.Clone(v.mapping)
	for key, o := range other.mapping {
		if old, ok := merged[key]; ok && o.mapping != nil {
			o = old.over(o)
		}
		merged[key] = o
	}
	return value{mapping: merged}
}

// normalized has the keys of a cloud with underscores, as the openstack command
// takes them either way.
func (v value) normalized() value {
	if v.mapping == nil {
		return v
	}
	out := map[string]value{}
	for key, o := range v.mapping {
		out[strings.ReplaceAll(key, "-", "_")] = o.normalized()
	}
	return value{mapping: out}
}

// get is the text of a key, empty where it is not there.
func (v value) get(key string) (string, error) {
	o := v.mapping[key]
	if !o.isText() {
		return "", fmt.Errorf("%s is not a text", key)
	}
	return o.text, nil
}

// first is the text of the first key that has one.
func (v value) first(keys ...string) (string, error) {
	for _, key := range keys {
		if s, err := v.get(key); s != "" || err != nil {
			return s, err
		}
	}
	return "", nil
}

// keys are the names in a mapping, in order.
func (v value) keys() []string { return slices.Sorted(maps.Keys(v.mapping)) }
