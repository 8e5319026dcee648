// SPDX-License-Identifier: MPL-2.0

package sizetype

import "testing"

func TestParseAndFormat(t *testing.T) {
	for in, want := range map[string]struct {
		bytes uint64
		out   string
	}{
		"0B":       {0, "0B"},
		"1B":       {1, "1B"},
		"1KiB":     {1 << 10, "1KiB"},
		"1024 MiB": {1 << 30, "1GiB"},
		"10G":      {10 << 30, "10GiB"},
		"2T":       {2 << 40, "2TiB"},
		"1536MiB":  {1536 << 20, "1536MiB"},
	} {
		n, err := Parse(in)
		if err != nil || n != want.bytes {
			t.Errorf("Parse(%q) = %d, %v; want %d", in, n, err, want.bytes)
		}
		if got := Format(n); got != want.out {
			t.Errorf("Format(%d) = %q, want %q", n, got, want.out)
		}
	}
	for _, in := range []string{"", "10", "GiB", "-1GiB", "1.5GiB", "1GB", "1 gib", "9000000PiB", "99999999999999999999B"} {
		if n, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", in, n)
		}
	}
}

func TestSemanticEquality(t *testing.T) {
	a, b := New(1<<30), New(1<<30)
	b.StringValue = Value{}.StringValue
	if eq, _ := a.StringSemanticEquals(t.Context(), b); eq {
		t.Error("a null size equals 1GiB")
	}
	if eq, _ := a.StringSemanticEquals(t.Context(), New(1024<<20)); !eq {
		t.Error("1GiB differs from 1024MiB")
	}
}
