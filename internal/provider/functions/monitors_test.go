// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"slices"
	"testing"
)

func TestHosts(t *testing.T) {
	for what, tc := range map[string]struct{ monitors, want []string }{
		"none":                    {nil, nil},
		"plain":                   {[]string{"192.0.2.1", "mon1.example.org"}, []string{"192.0.2.1", "mon1.example.org"}},
		"with a port":             {[]string{"192.0.2.1:6789", "mon-1:3300"}, []string{"192.0.2.1 6789", "mon-1 3300"}},
		"as of rbd_cluster":       {[]string{"v1:192.0.2.1:6789", "v1:192.0.2.2:6789", "v2:192.0.2.1:3300", "v2:192.0.2.2:3300"}, []string{"192.0.2.1 6789", "192.0.2.2 6789"}},
		"as of ceph mon dump":     {[]string{"[v2:192.0.2.1:3300/0,v1:192.0.2.1:6789/0]"}, []string{"192.0.2.1 6789"}},
		"v2 only":                 {[]string{"v2:192.0.2.1:3300/0", "v1:192.0.2.2:6789/0"}, []string{"192.0.2.1 3300", "192.0.2.2 6789"}},
		"v2 by its port":          {[]string{"192.0.2.1:3300", "192.0.2.1:6789"}, []string{"192.0.2.1 6789"}},
		"a protocol without port": {[]string{"v1:192.0.2.1", "v2:192.0.2.2", "any:192.0.2.3"}, []string{"192.0.2.1 6789", "192.0.2.2 3300", "192.0.2.3"}},
		"other ports":             {[]string{"[v2:127.0.0.1:20000,v1:127.0.0.1:20001]", "[v2:127.0.0.1:20002,v1:127.0.0.1:20003]"}, []string{"127.0.0.1 20001", "127.0.0.1 20003"}},
		"IPv6":                    {[]string{"[2001:db8::1]", "[2001:db8::2]:6789", "2001:DB8::3"}, []string{"2001:db8::1", "2001:db8::2 6789", "2001:db8::3"}},
		"IPv6 of both protocols":  {[]string{"[v2:[2001:db8::1]:3300/0,v1:[2001:db8::1]:6789/0]", "v2:[2001:db8::2]:3300"}, []string{"2001:db8::1 6789", "2001:db8::2 3300"}},
		"a line of mon_host":      {[]string{"[v2:[2001:db8::1]:3300,v1:[2001:db8::1]:6789],[v2:192.0.2.1:3300] mon3;mon4"}, []string{"2001:db8::1 6789", "192.0.2.1 3300", "mon3", "mon4"}},
		"twice":                   {[]string{"192.0.2.1:6789", "v1:192.0.2.1:6789"}, []string{"192.0.2.1 6789"}},
	} {
		t.Run(what, func(t *testing.T) {
			found, err := hosts(tc.monitors)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, h := range found {
				s := h.Name
				if h.Port != "" {
					s += " " + h.Port
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	for _, bad := range []string{
		"", " ", ":6789", "v1:", "mon1:", "mon1:x", "mon1:0", "mon1:65536", "mon1:-1", "mon1:6789:1", "mon_1 ü", "[mon1]:6789",
		"[192.0.2.1]:6789", "[2001:db8::1", "[2001:db8::1]6789", "[fe80::1%eth0]:6789", "v3:192.0.2.1:6789", "rbd://192.0.2.1", "<mon1>",
	} {
		if got, err := hosts([]string{"192.0.2.9", bad}); err == nil {
			t.Errorf("%q was taken as %+v", bad, got)
		}
	}
}
