// SPDX-License-Identifier: MPL-2.0

package guestcompare

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

var (
	be = binary.BigEndian
	le = binary.LittleEndian
)

// errDatabase says that a database of packages is none that is read here.
var errDatabase = errors.New("not a database of rpm that is read here (SQLite, ndb or Berkeley DB), or damaged")

// rpmDatabases are where rpm keeps its packages, the newest first, and what reads them.
var rpmDatabases = []struct {
	name string
	read func(db []byte, header func([]byte) error) error
}{
	{"rpmdb.sqlite", readSQLite},
	{"Packages.db", readNDB},
	{"Packages", readBDB},
}

// rpms reads the database of rpm. An error of it is told, and no packages then.
func (c *comparison) rpms(i int) (installed, error) {
	out := installed{compare: compareRPM}
	for _, folder := range []string{"/usr/lib/sysimage/rpm", "/var/lib/rpm"} {
		for _, kind := range rpmDatabases {
			p := folder + "/" + kind.name
			if !c.isFile(i, p) {
				continue
			}
			if c.isFile(i, p+"-wal") {
				c.unread(p, "it has changes in a log (-wal) that must be replayed")
				return out, nil
			}
			b, ok, err := c.read(i, p, maxDatabase)
			if err != nil || !ok {
				return out, err
			}
			if out.versions, err = parseRPM(b, kind.read); err != nil {
				c.unread(p, err.Error())
			}
			return out, nil
		}
	}
	return out, nil
}

// parseRPM gives the packages of a database, as NAME.ARCHITECTURE.
func parseRPM(db []byte, read func([]byte, func([]byte) error) error) (out map[string][]string, err error) {
	defer func() {
		if recover() != nil {
			out, err = nil, errDatabase
		}
	}()
	out = map[string][]string{}
	count := 0
	err = read(db, func(header []byte) error {
		name, version, err := parseRPMHeader(header)
		if err != nil {
			return err
		}
		if count++; count > maxPackages {
			return errDatabase
		}
		out[name] = append(out[name], version)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Tags of a header, see rpm's rpmtag.h.
const (
	rpmName    = 1000
	rpmVersion = 1001
	rpmRelease = 1002
	rpmEpoch   = 1003
	rpmArch    = 1022
)

// parseRPMHeader reads one package: the number of entries and the length of their data,
// the entries of tag, type, offset and count, and the data.
func parseRPMHeader(b []byte) (name, version string, err error) {
	if len(b) < 8 {
		return "", "", errDatabase
	}
	entries, length := int64(be.Uint32(b)), int64(be.Uint32(b[4:]))
	if entries > 1<<16 || 8+16*entries+length > int64(len(b)) {
		return "", "", errDatabase
	}
	data := b[8+16*entries : 8+16*entries+length]
	text := map[uint32]string{}
	epoch := ""
	for i := range entries {
		e := b[8+16*i:]
		tag, off := be.Uint32(e), int64(be.Uint32(e[8:]))
		if off >= length {
			continue
		}
		switch tag {
		case rpmName, rpmVersion, rpmRelease, rpmArch:
			s, _, _ := strings.Cut(string(data[off:min(length, off+maxText)]), "\x00")
			text[tag] = s
		case rpmEpoch:
			if off+4 <= length {
				epoch = strconv.FormatUint(uint64(be.Uint32(data[off:])), 10) + ":"
			}
		}
	}
	if text[rpmName] == "" || text[rpmVersion] == "" {
		return "", "", errDatabase
	}
	name = text[rpmName]
	if text[rpmArch] != "" {
		name += "." + text[rpmArch]
	}
	return name, epoch + text[rpmVersion] + "-" + text[rpmRelease], nil
}
