// SPDX-License-Identifier: MPL-2.0

package guestcompare

// sqlite reads the tables of a database, see sqlite.org/fileformat.html.
type sqlite struct {
	db     []byte
	page   int64 // bytes
	usable int64 // of a page
	left   int   // pages that may be looked at yet: a tree that runs in circles has no end
}

const sqliteHeader = 100

// readSQLite hands over the headers of the table Packages.
func readSQLite(db []byte, header func([]byte) error) error {
	if len(db) < sqliteHeader || string(db[:16]) != "SQLite format 3\x00" {
		return errDatabase
	}
	s := &sqlite{db: db, page: int64(be.Uint16(db[16:]))}
	if s.page == 1 {
		s.page = 64 << 10
	}
	s.usable = s.page - int64(db[20])
	if s.page < 512 || s.page&(s.page-1) != 0 || s.usable < 480 {
		return errDatabase
	}
	s.left = 2 * len(db) / int(s.page)
	var root uint32
	err := s.table(1, 0, func(fields [][]byte, numbers []int64) error {
		// type, name, tbl_name, rootpage, sql
		if len(fields) >= 4 && string(fields[0]) == "table" && string(fields[1]) == "Packages" {
			root = uint32(numbers[3]) //nolint:gosec // a page that is not there is refused
		}
		return nil
	})
	if err != nil {
		return err
	}
	if root == 0 {
		return errDatabase
	}
	return s.table(root, 0, func(fields [][]byte, _ []int64) error {
		if len(fields) < 2 {
			return errDatabase
		}
		return header(fields[1]) // hnum, blob
	})
}

// table hands over the rows below a page of a table's tree.
func (s *sqlite) table(num uint32, depth int, row func(fields [][]byte, numbers []int64) error) error {
	if s.left--; s.left < 0 || depth > 20 {
		return errDatabase
	}
	at := (int64(num) - 1) * s.page
	if num == 0 || at+s.page > int64(len(s.db)) {
		return errDatabase
	}
	p := s.db[at : at+s.page]
	h := p
	if num == 1 {
		h = p[sqliteHeader:]
	}
	const interior, leaf = 5, 13
	cells := h[8:]
	if h[0] == interior {
		cells = h[12:]
	}
	count := int(be.Uint16(h[3:]))
	if h[0] != interior && h[0] != leaf || 2*count > len(cells) {
		return errDatabase
	}
	for i := range count {
		cell := int64(be.Uint16(cells[2*i:]))
		if cell+4 > s.page {
			return errDatabase
		}
		var err error
		if h[0] == interior {
			err = s.table(be.Uint32(p[cell:]), depth+1, row)
		} else {
			err = s.cell(p, cell, row)
		}
		if err != nil {
			return err
		}
	}
	if h[0] == interior {
		return s.table(be.Uint32(h[8:]), depth+1, row)
	}
	return nil
}

// cell reads one row, and what of it lies on pages of its own.
func (s *sqlite) cell(p []byte, at int64, row func([][]byte, []int64) error) error {
	b := p[at:]
	length, n := varint(b)
	b = b[n:]
	_, n = varint(b) // rowid
	b = b[n:]
	if length < 0 || length > int64(len(s.db)) {
		return errDatabase
	}
	most, local := s.usable-35, length
	if length > most {
		least := (s.usable-12)*32/255 - 23
		if local = least + (length-least)%(s.usable-4); local > most {
			local = least
		}
	}
	if local > int64(len(b)) {
		return errDatabase
	}
	payload := b[:local:local]
	if local < length {
		next := be.Uint32(b[local:])
		for int64(len(payload)) < length {
			if s.left--; s.left < 0 {
				return errDatabase
			}
			at := (int64(next) - 1) * s.page
			if next == 0 || at+s.page > int64(len(s.db)) {
				return errDatabase
			}
			o := s.db[at : at+s.usable]
			next = be.Uint32(o)
			payload = append(payload, o[4:4+min(s.usable-4, length-int64(len(payload)))]...)
		}
	}
	return record(payload, row)
}

// record takes a row apart.
func record(b []byte, row func([][]byte, []int64) error) error {
	size, n := varint(b)
	if size < int64(n) || size > int64(len(b)) {
		return errDatabase
	}
	types, body := b[n:size], b[size:]
	var fields [][]byte
	var numbers []int64
	widths := [...]int64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}
	for len(types) > 0 && len(fields) < 64 {
		kind, n := varint(types)
		types = types[n:]
		var width int64
		switch {
		case kind >= 12:
			width = (kind - 12) / 2
		case kind < 0 || kind >= int64(len(widths)):
			return errDatabase
		default:
			width = widths[kind] //nolint:gosec // the case before is of all else
		}
		if width > int64(len(body)) {
			return errDatabase
		}
		number := int64(0)
		if kind == 9 {
			number = 1
		}
		if kind < 7 {
			for _, c := range body[:width] {
				number = number<<8 | int64(c)
			}
		}
		fields, numbers = append(fields, body[:width]), append(numbers, number)
		body = body[width:]
	}
	return row(fields, numbers)
}

// varint is a number of up to nine bytes, and how many it has.
func varint(b []byte) (v int64, n int) {
	for n < 8 {
		c := b[n]
		v, n = v<<7|int64(c&0x7f), n+1
		if c < 0x80 {
			return v, n
		}
	}
	return v<<8 | int64(b[8]), 9
}
