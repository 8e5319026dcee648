// SPDX-License-Identifier: MPL-2.0

package guestfs

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// aclAttr is where ntfs-3g has a file's security descriptor, as it is on the disk.
const aclAttr = "system.ntfs_acl"

// Flags of an entry of an access control list.
const (
	objectInherit    = 0x01 // files get it
	containerInherit = 0x02 // folders get it
	noPropagate      = 0x04 // and do not hand it down
	inheritOnly      = 0x08 // it is not for the folder itself
	inherited        = 0x10
)

var (
	system         = sid(5, 18)
	administrators = sid(5, 32, 544)
	users          = sid(5, 32, 545)
	creatorOwner   = sid(3, 0) // whoever that will be
	creatorGroup   = sid(3, 1)
)

// sid is the identifier S-1-authority-sub….
func sid(authority byte, sub ...uint32) []byte {
	b := []byte{1, byte(len(sub)), 0, 0, 0, 0, 0, authority} //nolint:gosec // a few
	for _, n := range sub {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// allow is an entry that allows.
func allow(flags byte, mask uint32, who []byte) []byte {
	b := []byte{0, flags, 0, 0}
	binary.LittleEndian.PutUint16(b[2:], uint16(8+len(who))) //nolint:gosec // short
	return append(binary.LittleEndian.AppendUint32(b, mask), who...)
}

// specific are the rights that a generic right stands for.
var specific = map[uint32]uint32{
	0x10000000: 0x1f01ff, 0x20000000: 0x1200a0, 0x40000000: 0x120116, 0x80000000: 0x120089, // all, execute, write, read
}

// handDown gives what has been made in a folder the access control list that
// Windows would give it. With the one of ntfs-3g everybody may change it, also
// what SYSTEM runs.
func (s *Session) handDown(ctx context.Context, dir, name string, folder bool) error {
	parent, err := s.run(ctx, "lgetxattr", dir, aclAttr)
	if err != nil {
		return err
	}
	want := descriptor(handedDown([]byte(parent), folder))
	// A value with NULs is beyond what guestfish takes as an argument. The name
	// stays out of the appliance's shell.
	file := base64.StdEncoding.EncodeToString([]byte("/sysroot" + name + "\x00"))
	if _, err := s.run(ctx, "debug", "sh", "echo "+file+" | base64 -d | xargs -0 setfattr -h -n "+aclAttr+" -v 0x"+hex.EncodeToString(want)); err != nil {
		return err
	}
	got, err := s.run(ctx, "lgetxattr", name, aclAttr)
	if err == nil && got != string(want) {
		err = fmt.Errorf("%w: the access control list of %q", ErrVerify, name)
	}
	return err
}

// descriptor is a security descriptor whose owner is the group of administrators.
func descriptor(revision byte, entries [][]byte) []byte {
	const header, present, autoInherited, selfRelative = 20, 0x4, 0x400, 0x8000
	le := binary.LittleEndian
	owner := header
	group := owner + len(administrators)
	acl := group + len(administrators)
	b := make([]byte, header)
	b[0] = 1
	le.PutUint16(b[2:], present|autoInherited|selfRelative)
	le.PutUint32(b[4:], uint32(owner))
	le.PutUint32(b[8:], uint32(group)) //nolint:gosec // small
	le.PutUint32(b[16:], uint32(acl))  //nolint:gosec // small
	b = append(append(b, administrators...), administrators...)
	list := bytes.Join(entries, nil)
	b = append(b, revision, 0)
	b = le.AppendUint16(b, uint16(8+len(list)))  //nolint:gosec // not longer than that of the folder
	b = le.AppendUint16(b, uint16(len(entries))) //nolint:gosec // not more than the folder has, twice
	return append(append(b, 0, 0), list...)
}

// handedDown are the entries that a file or folder gets from the security
// descriptor of the folder it is in. Where none are meant for it, or the
// descriptor is damaged, they are those of the system's own folders:
// administrators may change it, and users read and run it.
func handedDown(parent []byte, folder bool) (revision byte, entries [][]byte) {
	const plain = 2
	revision = plain
	all, ok := entriesOf(parent, &revision)
	for _, e := range all {
		entries = append(entries, child(e, folder)...)
	}
	if ok && len(entries) > 0 {
		return revision, entries
	}
	var flags byte
	if folder {
		flags = objectInherit | containerInherit
	}
	const full, readAndRun = 0x1f01ff, 0x1200a9
	return plain, [][]byte{allow(flags, full, system), allow(flags, full, administrators), allow(flags, readAndRun, users)}
}

// entriesOf are the entries of a security descriptor's access control list.
func entriesOf(descriptor []byte, revision *byte) (entries [][]byte, ok bool) {
	le := binary.LittleEndian
	if len(descriptor) < 20 {
		return nil, false
	}
	at := uint64(le.Uint32(descriptor[16:]))
	if at < 20 || at+8 > uint64(len(descriptor)) {
		return nil, false
	}
	list := descriptor[at:]
	*revision = list[0]
	rest := list[8:]
	for range le.Uint16(list[4:]) {
		if len(rest) < 8 {
			return nil, false
		}
		n := int(le.Uint16(rest[2:]))
		if n < 8 || n > len(rest) {
			return nil, false
		}
		entries = append(entries, rest[:n:n])
		rest = rest[n:]
	}
	return entries, true
}

// child is what becomes of a folder's entry in what is made in it.
func child(entry []byte, folder bool) [][]byte {
	const allowed, denied = 0, 1
	flags := entry[1]
	meant := flags&objectInherit != 0
	if folder {
		meant = flags&containerInherit != 0 || meant && flags&noPropagate == 0
	}
	if !meant {
		return nil
	}
	now := byte(inherited)
	if folder && flags&noPropagate == 0 {
		now |= flags & (objectInherit | containerInherit)
	}
	if folder && flags&containerInherit == 0 {
		now |= inheritOnly // a folder has it for the files in it alone
	}
	e := bytes.Clone(entry)
	e[1] = now
	if e[0] != allowed && e[0] != denied {
		return [][]byte{e}
	}
	le := binary.LittleEndian
	mask := le.Uint32(e[4:])
	for generic, rights := range specific {
		if mask&generic != 0 {
			mask = mask&^generic | rights
		}
	}
	le.PutUint32(e[4:], mask)
	if who := e[8:]; !bytes.Equal(who, creatorOwner) && !bytes.Equal(who, creatorGroup) {
		return [][]byte{e}
	}
	// Now it is known who has made it; who makes something in it is not.
	var out [][]byte
	if now&inheritOnly == 0 {
		own := allow(inherited, mask, administrators)
		own[0] = e[0]
		out = append(out, own)
	}
	if now != inherited {
		e[1] |= inheritOnly
		out = append(out, e)
	}
	return out
}
