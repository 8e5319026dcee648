// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"encoding/xml"
	"regexp"
)

// disk is libvirt's <disk type='network'> for RBD, its elements in the order in
// which libvirt itself writes them.
type disk struct {
	XMLName  xml.Name   `xml:"disk"`
	Type     string     `xml:"type,attr"`
	Device   string     `xml:"device,attr"`
	Driver   diskDriver `xml:"driver"`
	Auth     *diskAuth  `xml:"auth"`
	Source   diskSource `xml:"source"`
	Target   diskTarget `xml:"target"`
	ReadOnly *struct{}  `xml:"readonly"`
}

type diskDriver struct {
	Name    string `xml:"name,attr"`
	Type    string `xml:"type,attr"`
	Cache   string `xml:"cache,attr"`
	Discard string `xml:"discard,attr"`
}

type diskAuth struct {
	Username string     `xml:"username,attr"`
	Secret   diskSecret `xml:"secret"`
}

type diskSecret struct {
	Type string `xml:"type,attr"`
	UUID string `xml:"uuid,attr"`
}

type diskSource struct {
	Protocol string        `xml:"protocol,attr"`
	Name     string        `xml:"name,attr"`
	Hosts    []host        `xml:"host"`
	Snapshot *diskSnapshot `xml:"snapshot"`
}

type diskSnapshot struct {
	Name string `xml:"name,attr"`
}

type diskTarget struct {
	Dev string `xml:"dev,attr"`
	Bus string `xml:"bus,attr"`
}

var emptyElement = regexp.MustCompile(`></\w+>`)

// String is the element, indented by two spaces.
func (d disk) String() (string, error) {
	text, err := xml.MarshalIndent(d, "", "  ")
	// encoding/xml has no short form of an empty element. Values can't be hit:
	// in them, < and > are escaped.
	return emptyElement.ReplaceAllLiteralString(string(text), "/>"), err
}

// notXML tells that XML has no way to write the character.
func notXML(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
}
