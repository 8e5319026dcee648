// SPDX-License-Identifier: MPL-2.0

package rbd

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestParseSpec(t *testing.T) {
	for in, want := range map[string]Spec{
		"images/a":       {Pool: "images", Image: "a"},
		"images/a@s":     {Pool: "images", Image: "a", Snapshot: "s"},
		"images/ns/a@s":  {Pool: "images", Namespace: "ns", Image: "a", Snapshot: "s"},
		"images/a.b:c d": {Pool: "images", Image: "a.b:c d"},
	} {
		got, err := ParseSpec(in)
		if err != nil || got != want {
			t.Errorf("ParseSpec(%q) = %+v, %v; want %+v", in, got, err, want)
		}
		if got.String() != in {
			t.Errorf("ParseSpec(%q).String() = %q", in, got)
		}
	}
	for _, in := range []string{"", "a", "images/", "/a", "images//a", "p/n/i/x", "p/a@", "p/a@b@c", "p/a@b/c", "p/a\n"} {
		if got, err := ParseSpec(in); !errors.Is(err, ErrInvalidSpec) {
			t.Errorf("ParseSpec(%q) = %+v, %v; want ErrInvalidSpec", in, got, err)
		}
	}
}

func TestLocationURL(t *testing.T) {
	const fsid = "f6a0b3a4-0000-4000-8000-000000000001"
	for want, spec := range map[string]Spec{
		"rbd://" + fsid + "/images/a/s":            {Pool: "images", Image: "a", Snapshot: "s"},
		"rbd://" + fsid + "/images/a%20b/s%25":     {Pool: "images", Image: "a b", Snapshot: "s%"},
		"rbd://" + fsid + "/images%2Fns/a-1_2.x/s": {Pool: "images", Namespace: "ns", Image: "a-1_2.x", Snapshot: "s"},
	} {
		if got := LocationURL(fsid, spec); got != want {
			t.Errorf("LocationURL(%+v) = %q, want %q", spec, got, want)
		}
		f, s, err := ParseLocationURL(want)
		if err != nil || f != fsid || s != spec {
			t.Errorf("ParseLocationURL(%q) = %q, %+v, %v", want, f, s, err)
		}
	}
	for _, in := range []string{"file:///x", "rbd://name", "rbd://f/p/i", "rbd://f/p/i/s/x", "rbd://f/p/i/%zz"} {
		if _, _, err := ParseLocationURL(in); !errors.Is(err, ErrInvalidSpec) {
			t.Errorf("ParseLocationURL(%q): %v, want ErrInvalidSpec", in, err)
		}
	}
}

// Whatever is written, it is refused or read back as it was.
func TestSpecsOfAnyText(t *testing.T) {
	part := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z%@/ .:é\n]{0,5}`), rapid.StringN(90, 100, 120))
	rapid.Check(t, func(t *rapid.T) {
		text := part.Draw(t, "text")
		if rapid.Bool().Draw(t, "built") {
			text = part.Draw(t, "pool") + "/" + part.Draw(t, "image")
		}
		if rapid.Bool().Draw(t, "snapshot") {
			text += "@" + part.Draw(t, "name")
		}
		spec, err := ParseSpec(text)
		if err != nil {
			if !errors.Is(err, ErrInvalidSpec) || spec != (Spec{}) {
				t.Fatalf("ParseSpec(%q) = %+v, %v", text, spec, err)
			}
			return
		}
		if spec.String() != text {
			t.Fatalf("ParseSpec(%q) = %+v, which is %q", text, spec, spec)
		}
		url := LocationURL("f6a0b3a4-0000-4000-8000-000000000001", spec.WithSnapshot("s"))
		if _, got, err := ParseLocationURL(url); err != nil || got != spec.WithSnapshot("s") {
			t.Fatalf("ParseLocationURL(%q) = %+v, %v, want %+v", url, got, err, spec)
		}
	})
}

func TestLocationsOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := "rbd://" + rapid.StringMatching(`([a-z%/]|%2[0-9A-F]){0,40}`).Draw(t, "rest")
		fsid, spec, err := ParseLocationURL(text)
		switch {
		case err != nil && !errors.Is(err, ErrInvalidSpec):
			t.Fatalf("ParseLocationURL(%q): %v", text, err)
		case err == nil:
			if f, s, err := ParseLocationURL(LocationURL(fsid, spec)); err != nil || f != fsid || s != spec {
				t.Fatalf("ParseLocationURL(%q) = %q, %+v, which is read as %q, %+v, %v", text, fsid, spec, f, s, err)
			}
		}
	})
}
