package rbd

import (
	"errors"
	"testing"
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

func TestParseCephArgs(t *testing.T) {
	for in, want := range map[string]cephArgs{
		"":                              {},
		"--id terraform":                {user: "terraform"},
		"--id=glance -c /x/y.conf":      {user: "glance", conf: "/x/y.conf"},
		"-n client.nova --keyring /k":   {user: "client.nova"},
		"--conf=/a --name client.admin": {user: "client.admin", conf: "/a"},
	} {
		if got := parseCephArgs(in); got != want {
			t.Errorf("parseCephArgs(%q) = %+v, want %+v", in, got, want)
		}
	}
}
