// SPDX-License-Identifier: MPL-2.0

package guestcompare

// readNDB hands over the headers of an ndb, rpm's own format (SUSE), see rpm's
// lib/backend/ndb/rpmpkg.c: slots of 16 bytes that point to blobs.
func readNDB(db []byte, header func([]byte) error) error {
	const slotPage, slot, slots = 4096, 16, 4096 / 16
	if len(db) < slotPage || string(db[:4]) != "RpmP" || le.Uint32(db[4:]) != 0 {
		return errDatabase
	}
	pages := int64(le.Uint32(db[12:]))
	if pages == 0 || pages*slotPage > int64(len(db)) {
		return errDatabase
	}
	total := 0 // blobs may not overlap, so that they are no larger than all of it together
	for i := int64(2); i < pages*slots; i++ {
		s := db[i*slot:]
		if string(s[:4]) != "Slot" {
			return errDatabase
		}
		index, at := le.Uint32(s[4:]), int64(le.Uint32(s[8:]))*slot
		if index == 0 {
			continue
		}
		if at+slot > int64(len(db)) {
			return errDatabase
		}
		blob := db[at:]
		n := int64(le.Uint32(blob[12:]))
		if string(blob[:4]) != "BlbS" || le.Uint32(blob[4:]) != index || slot+n > int64(len(blob)) {
			return errDatabase
		}
		if total += int(n); total > len(db) {
			return errDatabase
		}
		if err := header(blob[slot : slot+n]); err != nil {
			return err
		}
	}
	return nil
}

// Pages of a hash of Berkeley DB, see its dbinc/db_page.h.
const (
	bdbHashMagic  = 0x61561
	bdbMetadata   = 8
	bdbHash       = 13
	bdbUnsorted   = 2
	bdbOverflow   = 7
	bdbOffPage    = 3 // of an entry: its value is on pages of its own
	bdbPageHeader = 26
)

// readBDB hands over the headers of a hash of Berkeley DB, as rpm kept them before it
// had SQLite.
func readBDB(db []byte, header func([]byte) error) error {
	if len(db) < 512 {
		return errDatabase
	}
	order := interface {
		Uint16([]byte) uint16
		Uint32([]byte) uint32
	}(le)
	if be.Uint32(db[12:]) == bdbHashMagic {
		order = be
	}
	page, last := int64(order.Uint32(db[20:])), int64(order.Uint32(db[32:]))
	if order.Uint32(db[12:]) != bdbHashMagic || db[25] != bdbMetadata || db[24] != 0 || page < 512 || page > 64<<10 || page&(page-1) != 0 {
		return errDatabase
	}
	left := int64(len(db)) / page // each page belongs to one value
	if last >= left {
		return errDatabase
	}
	for n := int64(1); n <= last; n++ {
		p := db[n*page : (n+1)*page]
		if p[25] != bdbHash && p[25] != bdbUnsorted {
			continue
		}
		entries := int64(order.Uint16(p[20:]))
		if bdbPageHeader+2*entries > page {
			return errDatabase
		}
		for i := int64(1); i < entries; i += 2 { // keys and values by turns
			at := int64(order.Uint16(p[bdbPageHeader+2*i:]))
			if at+12 > page || p[at] != bdbOffPage {
				continue
			}
			value, err := bdbValue(db, page, int64(order.Uint32(p[at+4:])), int64(order.Uint32(p[at+8:])), &left, order)
			if err != nil {
				return err
			}
			if err := header(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// bdbValue puts a value together that lies on pages of its own.
func bdbValue(db []byte, page, next, length int64, left *int64, order interface {
	Uint16([]byte) uint16
	Uint32([]byte) uint32
}) ([]byte, error) {
	if length > int64(len(db)) {
		return nil, errDatabase
	}
	var out []byte
	for int64(len(out)) < length {
		if *left--; *left < 0 || next == 0 || (next+1)*page > int64(len(db)) {
			return nil, errDatabase
		}
		p := db[next*page : (next+1)*page]
		used := int64(order.Uint16(p[22:])) // the offset of free space: here the length of the data
		if p[25] != bdbOverflow || used == 0 || bdbPageHeader+used > page {
			return nil, errDatabase
		}
		out = append(out, p[bdbPageHeader:bdbPageHeader+used]...)
		next = int64(order.Uint32(p[16:]))
	}
	return out[:length], nil
}
