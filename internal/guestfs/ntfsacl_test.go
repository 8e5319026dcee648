// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

// entry is an entry with flags of its own.
func entry(kind, flags byte, mask uint32, who []byte) []byte {
	e := allow(flags, mask, who)
	e[0] = kind
	return e
}

func TestHandedDown(t *testing.T) {
	// As mkntfs makes the root folder: each entry twice, for itself and for what
	// is in it, and room to spare.
	root, err := hex.DecodeString("010004801410000020100000000000001400000002000010080000000000" +
		"1800ff011f0001020000000000052000000020020000000b1800000000100102000000000005200000002002000000001400ff011f00" +
		"010100000000000512000000000b140000000010010100000000000512000000" +
		"00001400bf01130001010000000000050b000000000b1400000001e001010000000000050b000000" +
		"00001800a900120001020000000000052000000021020000000b1800000000a001020000000000052000000021020000")
	if err != nil {
		t.Fatal(err)
	}
	root = append(root, make([]byte, 4096)...)
	authenticated := sid(5, 11)
	const full, modify, readAndRun = 0x1f01ff, 0x1301bf, 0x1200a9
	of := func(flags byte) [][]byte {
		return [][]byte{allow(flags, full, administrators), allow(flags, full, system), allow(flags, modify, authenticated), allow(flags, readAndRun, users)}
	}
	own := func(entries ...[]byte) []byte { return descriptor(2, entries) }
	unlessMeant := func(flags byte) [][]byte {
		return [][]byte{allow(flags, full, system), allow(flags, full, administrators), allow(flags, readAndRun, users)}
	}
	someone := sid(5, 21, 1, 2, 3, 1001)
	for what, tc := range map[string]struct {
		parent       []byte
		file, folder [][]byte
	}{
		"root":  {root, of(inherited), of(inherited | objectInherit | containerInherit)},
		"again": {own(of(inherited | objectInherit | containerInherit)...), of(inherited), of(inherited | objectInherit | containerInherit)},
		"files alone": {
			own(allow(objectInherit, modify, someone)),
			[][]byte{allow(inherited, modify, someone)}, [][]byte{allow(inherited|objectInherit|inheritOnly, modify, someone)},
		},
		"folders alone": {
			own(allow(containerInherit, modify, someone)),
			unlessMeant(0), [][]byte{allow(inherited|containerInherit, modify, someone)},
		},
		"not further": {
			own(allow(objectInherit|containerInherit|noPropagate, modify, someone)),
			[][]byte{allow(inherited, modify, someone)}, [][]byte{allow(inherited, modify, someone)},
		},
		"files, not further": {
			own(allow(objectInherit|noPropagate, modify, someone)),
			[][]byte{allow(inherited, modify, someone)}, unlessMeant(objectInherit | containerInherit),
		},
		"denied": {
			own(entry(1, objectInherit|containerInherit, modify, someone)),
			[][]byte{entry(1, inherited, modify, someone)}, [][]byte{entry(1, inherited|objectInherit|containerInherit, modify, someone)},
		},
		"creator": {
			own(allow(objectInherit|containerInherit|inheritOnly, 0x10000000, creatorOwner)),
			[][]byte{allow(inherited, full, administrators)},
			[][]byte{allow(inherited, full, administrators), allow(inherited|objectInherit|containerInherit|inheritOnly, full, creatorOwner)},
		},
		"of another kind": {
			own(entry(9, objectInherit|containerInherit, modify, someone)),
			[][]byte{entry(9, inherited, modify, someone)}, [][]byte{entry(9, inherited|objectInherit|containerInherit, modify, someone)},
		},
		"for nothing in it": {own(allow(0, full, sid(1, 0))), unlessMeant(0), unlessMeant(objectInherit | containerInherit)},
		"no list":           {make([]byte, 20), unlessMeant(0), unlessMeant(objectInherit | containerInherit)},
		"cut off":           {root[:60], unlessMeant(0), unlessMeant(objectInherit | containerInherit)},
		"nothing":           {nil, unlessMeant(0), unlessMeant(objectInherit | containerInherit)},
	} {
		for folder, want := range map[bool][][]byte{false: tc.file, true: tc.folder} {
			if _, got := handedDown(tc.parent, folder); !slices.EqualFunc(got, want, bytes.Equal) {
				t.Errorf("%s, folder %v: %x, not %x", what, folder, got, want)
			}
		}
	}
}
