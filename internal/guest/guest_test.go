// SPDX-License-Identifier: MPL-2.0

package guest

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestComponents(t *testing.T) {
	for path, want := range map[string][]string{
		"/":               nil,
		"/etc":            {"etc"},
		"/etc/a b/\"c\nd": {"etc", "a b", "\"c\nd"},
	} {
		if got, err := Components(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
	for _, path := range []string{
		"", "etc", "//", "/etc/", "/etc//x", "/.", "/etc/../x", "/a\x00b",
		"/" + strings.Repeat("x", 256), strings.Repeat("/x", 2048),
	} {
		if got, err := Components(path); !errors.Is(err, ErrPath) {
			t.Errorf("%q: %q, %v", path, got, err)
		}
	}
}

func TestParseFstab(t *testing.T) {
	got := ParseFstab([]byte(strings.Join([]string{
		"# comment",
		"",
		"broken",
		"/dev/vdb1 /var/lib/my\\040data xfs defaults,nofail 0 2",
		`LABEL="root\040disk" / ext4 defaults`,
		"UUID=\"1234-ABCD\"\t/boot//efi/ vfat umask=0077 0 1",
		"/dev/sda3 none swap sw 0 0",
		"tmpfs /tmp tmpfs defaults 0 0",
		"/srv/home /home none bind",
		"nas:/x /mnt nfs4",
	}, "\n")))
	want := []FstabEntry{
		{"LABEL=root disk", "/", "ext4", []string{"defaults"}},
		{"/srv/home", "/home", "none", []string{"bind"}},
		{"nas:/x", "/mnt", "nfs4", nil},
		{"UUID=1234-ABCD", "/boot/efi", "vfat", []string{"umask=0077"}},
		{"/dev/vdb1", "/var/lib/my data", "xfs", []string{"defaults", "nofail"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}
