// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestPatches(t *testing.T) {
	now := &Image{Properties: map[string]string{"old/one": "1", "kept": "2"}}
	ch := Changes{
		Name: ptr("n"), Visibility: ptr("shared"), Tags: &[]string{"b", "a", "b"},
		MinDiskGiB: ptr(int64(3)), MinRAMMiB: ptr(int64(0)), Protected: ptr(false), Hidden: ptr(true),
		SetProperties:    map[string]string{"a/b~1": "~/", "~0": "", "kept": "3"},
		RemoveProperties: []string{"old/one", "absent"},
	}
	ops, err := ch.patches(now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"replace","path":"/name","value":"n"},` +
		`{"op":"replace","path":"/visibility","value":"shared"},` +
		`{"op":"replace","path":"/tags","value":["a","b"]},` +
		`{"op":"replace","path":"/min_disk","value":3},` +
		`{"op":"replace","path":"/min_ram","value":0},` +
		`{"op":"replace","path":"/protected","value":false},` +
		`{"op":"replace","path":"/os_hidden","value":true},` +
		`{"op":"add","path":"/a~1b~01","value":"~/"},` +
		`{"op":"add","path":"/kept","value":"3"},` +
		`{"op":"add","path":"/~00","value":""},` +
		`{"op":"remove","path":"/old~1one","value":null}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if ops, err := (Changes{Tags: &[]string{}}).patches(now); err != nil {
		t.Error(err)
	} else if got, _ := json.Marshal(ops); string(got) != `[{"op":"replace","path":"/tags","value":[]}]` {
		t.Errorf("no tags: %s", got)
	}
	if ops, err := (Changes{RemoveProperties: []string{"absent"}}).patches(now); err != nil || len(ops) != 0 {
		t.Errorf("nothing to remove: %v, %v", ops, err)
	}
}

func TestPropertyNames(t *testing.T) {
	for _, bad := range []string{
		"", " a", "a ", strings.Repeat("x", 256), "name", "id", "size", "min_disk", "os_hidden", "os_hash_algo",
		"locations", "location", "direct_url", "stores", "self", "file", "schema", "deleted", "os_glance_x",
	} {
		if err := CheckPropertyName(bad); !errors.Is(err, ErrBadRequest) {
			t.Errorf("%q: %v", bad, err)
		}
		if bad == "" {
			continue
		}
		if _, err := (Changes{SetProperties: map[string]string{bad: "x"}}).patches(&Image{}); err == nil {
			t.Errorf("%q could be set", bad)
		}
		if _, err := (CreateOpts{Properties: map[string]string{bad: "x"}}).body(); err == nil {
			t.Errorf("%q could be given at creation", bad)
		}
	}
	for _, good := range []string{"hw_disk_bus", "a/b~c", "os_type", "metadata", "properties", strings.Repeat("x", 255)} {
		if err := CheckPropertyName(good); err != nil {
			t.Error(err)
		}
	}
	both := Changes{SetProperties: map[string]string{"a": "1"}, RemoveProperties: []string{"a"}}
	if _, err := both.patches(&Image{}); !errors.Is(err, ErrBadRequest) {
		t.Errorf("set and removed: %v", err)
	}
}

func TestLocationBody(t *testing.T) {
	got, err := json.Marshal(patch{"add", "/locations/-", locationValue{URL: "rbd://f/p/i/s", Metadata: map[string]string{}}})
	if err != nil || string(got) != `{"op":"add","path":"/locations/-","value":{"url":"rbd://f/p/i/s","metadata":{}}}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestImagePath(t *testing.T) {
	for _, bad := range []string{"", ".", "..", "a/b", "a?b", "a#b", "a%2Fb"} {
		if path, err := imagePath(bad); err == nil {
			t.Errorf("%q gives %q", bad, path)
		}
	}
	if path, err := imagePath("1-2", "actions", "deactivate"); err != nil || path != "images/1-2/actions/deactivate" {
		t.Errorf("%q, %v", path, err)
	}
}

func TestFilterQuery(t *testing.T) {
	f := Filter{Name: "in:a", Tags: []string{"x", "y"}, Hidden: true, Properties: map[string]string{"os_type": "linux", "limit": "1", "cpu_max": "2"}}
	if got := f.query().Encode(); got != "limit=500&name=eq%3Ain%3Aa&os_hidden=true&os_type=linux&tag=x&tag=y" {
		t.Error(got)
	}
	i := Image{Name: "in:a", Tags: []string{"x", "y", "z"}, Properties: map[string]string{"os_type": "linux", "limit": "1", "cpu_max": "2"}}
	if !f.fits(&i) {
		t.Error("does not fit")
	}
	i.Properties["cpu_max"] = "3"
	if f.fits(&i) {
		t.Error("fits with another property")
	}
}
