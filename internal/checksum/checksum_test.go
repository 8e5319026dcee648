// SPDX-License-Identifier: MPL-2.0

package checksum

import (
	"errors"
	"strings"
	"testing"
)

const (
	md5Sum    = "900150983cd24fb0d6963f7d28e17f72"
	sha256Sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	sha512Sum = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)

// The sums of "abc" in RFC 1321 and FIPS 180.
func TestVerify(t *testing.T) {
	for _, want := range []Sums{
		{}, {"md5": md5Sum}, {"sha256": strings.ToUpper(sha256Sum)}, {"sha512": sha512Sum, "md5": md5Sum},
	} {
		v := NewVerifier(want)
		_, _ = v.Write([]byte("ab"))
		_, _ = v.Write([]byte("c"))
		if err := v.Verify(); err != nil {
			t.Error(err)
		}
		_, _ = v.Write([]byte("d"))
		if err := v.Verify(); (len(want) > 0) != errors.Is(err, ErrMismatch) {
			t.Errorf("%v: %v", want, err)
		}
	}
}

func TestFind(t *testing.T) {
	list := `-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

` + sha512Sum + `  other.qcow2
` + sha256Sum + ` *disk.qcow2
SHA512 (tagged.raw) = ` + sha512Sum + `
` + md5Sum + "  ./folder/deep.img\r\n" + `
a9993e364706816aba3e25717850c26c9cd0d89d  old.img
-----BEGIN PGP SIGNATURE-----
`
	for name, want := range map[string]Sums{
		"other.qcow2": {"sha512": sha512Sum}, "disk.qcow2": {"sha256": sha256Sum},
		"tagged.raw": {"sha512": sha512Sum}, "deep.img": {"md5": md5Sum},
	} {
		got, err := Find(strings.NewReader(list), Wanted{Name: name})
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		for algorithm, sum := range want {
			if got[algorithm] != sum {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	if _, err := Find(strings.NewReader(list), Wanted{Name: "qcow2"}); !errors.Is(err, ErrNotListed) {
		t.Errorf("got %v", err)
	}
	if _, err := Find(strings.NewReader(list), Wanted{Name: "old.img"}); err == nil || !strings.Contains(err.Error(), "SHA-1") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	for sum, ok := range map[string]bool{sha256Sum: true, md5Sum: false, sha256Sum[1:] + "g": false, "": false} {
		if err := Check("sha256", sum); (err == nil) != ok {
			t.Errorf("%q: %v", sum, err)
		}
	}
}
