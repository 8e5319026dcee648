// SPDX-License-Identifier: MPL-2.0

package guestread

import (
	"strconv"
	"strings"
)

// Bounds of LVM2's text, far above what volume groups have.
const (
	maxLVMDepth = 8
	maxLVMNodes = 100_000
)

// section is a section of LVM2's text format: values are int64, string,
// []any (of int64 and string) or *section.
type section struct {
	values map[string]any
	order  []string
}

func (s *section) get(path ...string) any {
	var v any = s
	for _, p := range path {
		sec, ok := v.(*section)
		if !ok || sec == nil {
			return nil
		}
		v = sec.values[p]
	}
	return v
}

// num is a number, -1 where there is none.
func (s *section) num(path ...string) int64 {
	if n, ok := s.get(path...).(int64); ok {
		return n
	}
	return -1
}

func (s *section) str(path ...string) string {
	v, _ := s.get(path...).(string)
	return v
}

func (s *section) list(path ...string) []any {
	v, _ := s.get(path...).([]any)
	return v
}

// child is a section, empty where there is none.
func (s *section) child(path ...string) *section {
	if v, ok := s.get(path...).(*section); ok {
		return v
	}
	return &section{}
}

// parseLVM parses the text of a volume group, see lvm(8).
func parseLVM(text string) (*section, error) {
	p := &lvmParser{text: text}
	s, err := p.section(0)
	if err != nil {
		return nil, err
	}
	return s, nil
}

type lvmParser struct {
	text  string
	nodes int
}

// next returns the next token: a character of `{}[]=,`, a quoted string with
// its leading quote, a word, or "" at the end.
func (p *lvmParser) next() string {
	for {
		p.text = strings.TrimLeft(p.text, " \t\r\n\x00")
		if !strings.HasPrefix(p.text, "#") {
			break
		}
		_, p.text, _ = strings.Cut(p.text, "\n")
	}
	if p.text == "" {
		return ""
	}
	n := 1
	switch c := p.text[0]; {
	case strings.IndexByte("{}[]=,", c) >= 0:
	case c == '"':
		var b strings.Builder
		b.WriteByte('"')
		for n < len(p.text) && p.text[n] != '"' {
			if p.text[n] == '\\' && n+1 < len(p.text) {
				n++
			}
			b.WriteByte(p.text[n])
			n++
		}
		p.text = p.text[min(n+1, len(p.text)):]
		return b.String()
	default:
		for n < len(p.text) && strings.IndexByte(" \t\r\n\x00{}[]=,\"#", p.text[n]) < 0 {
			n++
		}
	}
	tok := p.text[:n]
	p.text = p.text[n:]
	return tok
}

func (p *lvmParser) section(depth int) (*section, error) {
	s := &section{values: map[string]any{}}
	for {
		name := p.next()
		if name == "" && depth == 0 || name == "}" && depth > 0 {
			return s, nil
		}
		if p.nodes++; p.nodes > maxLVMNodes || depth > maxLVMDepth || name == "" || strings.ContainsAny(name[:1], `{}[]=,"`) {
			return nil, unsupported("LVM metadata that can't be parsed")
		}
		if _, twice := s.values[name]; twice {
			return nil, unsupported("LVM metadata with %q twice", name)
		}
		var v any
		var err error
		switch p.next() {
		case "{":
			v, err = p.section(depth + 1)
		case "=":
			v, err = p.value()
		default:
			err = unsupported("LVM metadata that can't be parsed")
		}
		if err != nil {
			return nil, err
		}
		s.values[name] = v
		s.order = append(s.order, name)
	}
}

func (p *lvmParser) value() (any, error) {
	tok := p.next()
	if tok != "[" {
		return lvmScalar(tok)
	}
	list := []any{}
	for {
		tok := p.next()
		if tok == "]" {
			return list, nil
		}
		if tok == "," {
			continue
		}
		v, err := lvmScalar(tok)
		if err != nil {
			return nil, err
		}
		if p.nodes++; p.nodes > maxLVMNodes {
			return nil, unsupported("LVM metadata that can't be parsed")
		}
		list = append(list, v)
	}
}

func lvmScalar(tok string) (any, error) {
	if s, ok := strings.CutPrefix(tok, `"`); ok {
		return s, nil
	}
	n, err := strconv.ParseInt(tok, 10, 64)
	if err != nil {
		// Fractions are only in what is of no interest here.
		if _, ferr := strconv.ParseFloat(tok, 64); ferr != nil {
			return nil, unsupported("LVM metadata that can't be parsed")
		}
		return tok, nil
	}
	return n, nil
}
