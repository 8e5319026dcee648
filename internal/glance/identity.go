// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// Identity says which Glance a Client speaks to. Addresses may be spelled in many
// ways; the IDs in Keystone's catalogue stay.
type Identity struct {
	// AuthURL is that of Keystone, without a version.
	AuthURL string `json:"auth_url"`
	// KeystoneID is the ID of the identity service in the catalogue; empty where
	// it has none.
	KeystoneID string `json:"keystone_id,omitempty"`
	// ServiceID is the ID of the image service in the catalogue; empty where the
	// endpoint is one that was given, and is not in the catalogue.
	ServiceID string `json:"service_id,omitempty"`
	Region    string `json:"region,omitempty"`
	// Endpoint is the address in use, without a version.
	Endpoint string `json:"endpoint"`

	// known are all addresses that the catalogue has of this Glance, for
	// whichever interface.
	known []string
}

// Reach says how the Glance at hand compares with a noted one.
type Reach int

const (
	// Another: it is another Glance, as far as can be told.
	Another Reach = iota
	// Readdressed: Keystone and region are the same, but the address of Glance
	// was given and is another one. It may be a tunnel to the same Glance.
	Readdressed
	// SameService: it is the same service in the catalogue, at an address that
	// the catalogue doesn't have (any more). Another Keystone can be like that
	// only where it runs on a copy of the first one's database.
	SameService
	// Same: nothing is different.
	Same
)

// Identity connects, and tells which Glance it is.
func (c *Client) Identity(ctx context.Context) (Identity, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return Identity{}, err
	}
	return conn.identity, nil
}

// Zero tells whether nothing is known.
func (i Identity) Zero() bool { return i.Endpoint == "" }

func (i Identity) String() string {
	region := "no region"
	if i.Region != "" {
		region = fmt.Sprintf("region %q", i.Region)
	}
	return fmt.Sprintf("%s (Keystone %s, %s)", i.Endpoint, i.AuthURL, region)
}

// From says how the Glance at hand, i, compares with a noted one.
func (i Identity) From(noted Identity) Reach {
	sameAuth := sameAddress(i.AuthURL, noted.AuthURL)
	if i.KeystoneID != "" && noted.KeystoneID != "" {
		if i.KeystoneID != noted.KeystoneID {
			return Another
		}
	} else if !sameAuth {
		return Another
	}
	catalogued := i.ServiceID != "" && noted.ServiceID != ""
	listed := slices.ContainsFunc(append(i.known, i.Endpoint), func(a string) bool { return sameAddress(a, noted.Endpoint) })
	switch {
	case catalogued && (i.ServiceID != noted.ServiceID || i.Region != noted.Region):
		// Regions may share one Glance.
		if sameAddress(i.Endpoint, noted.Endpoint) {
			return Same
		}
		return Another
	case catalogued && (sameAuth || listed):
		return Same
	case catalogued:
		return SameService
	case sameAddress(i.Endpoint, noted.Endpoint):
		return Same
	case i.Region != "" && noted.Region != "" && i.Region != noted.Region:
		return Another
	}
	return Readdressed
}

// identify tells the identity of what was found in the catalogue, or given.
func identify(set *settings, catalog []tokens.CatalogEntry, endpoint string) Identity {
	i := Identity{AuthURL: plainAddress(set.authURL()), Region: set.endpoint.Region, Endpoint: plainAddress(endpoint)}
	for _, s := range catalog {
		if s.Type == "identity" && i.KeystoneID == "" {
			i.KeystoneID = s.ID
		}
		if s.Type != "image" || i.ServiceID != "" {
			continue
		}
		for _, e := range s.Endpoints {
			region := firstOf(e.RegionID, e.Region)
			wanted := set.endpoint.Region == "" || set.endpoint.Region == e.Region || set.endpoint.Region == e.RegionID
			if wanted && sameAddress(e.URL, endpoint) {
				i.ServiceID, i.Region = s.ID, region
				break
			}
		}
	}
	if i.ServiceID == "" {
		return i
	}
	for _, s := range catalog {
		for _, e := range s.Endpoints {
			if s.ID == i.ServiceID && firstOf(e.RegionID, e.Region) == i.Region {
				i.known = append(i.known, e.URL)
			}
		}
	}
	return i
}

func sameAddress(a, b string) bool { return plainAddress(a) == plainAddress(b) }

// plainAddress is an address without what may be spelled differently: version,
// slashes at the end, the default port, capital letters in the host. User and
// password are not in it.
func plainAddress(address string) string {
	u, err := url.Parse(strings.TrimSuffix(withoutVersion(address), "/"))
	if err != nil {
		return "(no address)" // it may hold a password
	}
	host := strings.ToLower(u.Host)
	switch strings.ToLower(u.Scheme) {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.ToLower(u.Scheme) + "://" + host + strings.TrimRight(u.EscapedPath(), "/")
}
