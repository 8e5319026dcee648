// SPDX-License-Identifier: MPL-2.0

package functions

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// host is a monitor's address as libvirt wants it: without the protocol, and
// without the brackets of IPv6.
type host struct {
	Name string `xml:"name,attr"`
	// Port is empty for librados' default, which is to try both protocols.
	Port string `xml:"port,attr,omitempty"`
	v2   bool
}

// What Ceph has registered for its monitors. librados infers the protocol of an
// address from them where none is written.
const (
	portV1 = "6789"
	portV2 = "3300"
)

var (
	vector  = regexp.MustCompile(`^\[(v1|v2|any):`)
	nonce   = regexp.MustCompile(`/\d+$`)
	dnsName = regexp.MustCompile(`^[0-9A-Za-z.-]+$`)
)

// hosts reads addresses of monitors in every form of Ceph's mon_host:
// HOST, HOST:PORT, v1:HOST:PORT/NONCE, [v2:HOST:PORT,v1:HOST:PORT], with IPv6 in
// brackets.
//
// libvirt and QEMU hand HOST:PORT to librados without the protocol. What every
// librados makes the same of is v1, which is also what Nova writes, so a host's
// addresses of v2 are left out where it has others.
func hosts(monitors []string) ([]host, error) {
	var all []host
	for _, m := range monitors {
		addresses := strings.FieldsFunc(m, func(r rune) bool { return strings.ContainsRune(",; \t", r) })
		if len(addresses) == 0 {
			return nil, errors.New("the address of a monitor is empty")
		}
		for _, a := range addresses {
			h, err := parseMonitor(a)
			if err != nil {
				return nil, err
			}
			all = append(all, h)
		}
	}
	var out []host
	for _, h := range all {
		other := func(o host) bool { return o.Name == h.Name && !o.v2 }
		if h.v2 && slices.ContainsFunc(all, other) || slices.Contains(out, h) {
			continue
		}
		out = append(out, h)
	}
	return out, nil
}

func parseMonitor(address string) (host, error) {
	invalid := func(why string) (host, error) {
		return host{}, fmt.Errorf("%q is not the address of a monitor: %s", address, why)
	}
	rest := address
	if vector.MatchString(rest) {
		rest = rest[1:]
	}
	if strings.Count(rest, "]") > strings.Count(rest, "[") { // of the vector
		rest = strings.TrimSuffix(rest, "]")
	}
	protocol := "any"
	for _, p := range []string{"v1", "v2", "any"} {
		if after, ok := strings.CutPrefix(rest, p+":"); ok {
			protocol, rest = p, after
			break
		}
	}
	rest = nonce.ReplaceAllString(rest, "")

	name, port, err := net.SplitHostPort(rest)
	hasPort := err == nil
	if !hasPort {
		name = rest
		if strings.HasPrefix(rest, "[") && strings.HasSuffix(rest, "]") {
			name = rest[1 : len(rest)-1]
		}
	}
	ip, err := netip.ParseAddr(name)
	switch bracketed := strings.HasPrefix(rest, "["); {
	case err == nil && ip.Zone() == "" && (ip.Is6() || !bracketed):
		name = ip.String()
	case bracketed || !dnsName.MatchString(name):
		return invalid("want HOST, HOST:PORT or v1:HOST:PORT, an IPv6 address in brackets")
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0) {
		return invalid("want a port from 1 to 65535")
	}
	h := host{Name: name, Port: port}
	switch {
	case protocol == "v1" && !hasPort:
		h.Port = portV1
	case protocol == "v2" && !hasPort:
		h.Port = portV2
	}
	h.v2 = protocol == "v2" || protocol == "any" && h.Port == portV2
	return h, nil
}
