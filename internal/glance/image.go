// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Values of Image.Status that are of importance here.
const (
	StatusQueued      = "queued"      // a record without data
	StatusImporting   = "importing"   // the newer Location API is at work
	StatusActive      = "active"      // usable
	StatusDeactivated = "deactivated" // only an admin may read the data
	// StatusDeleted is seen where Glance broke down between marking a record
	// and removing it. No call of the API can do either any more: the record
	// can't be used, deleted or brought back, and does not reach its data.
	StatusDeleted = "deleted"
)

// Image is a record of the image service.
type Image struct {
	ID              string
	Name            string
	Status          string
	Visibility      string // private, shared, community or public
	Owner           string // project ID
	DiskFormat      string
	ContainerFormat string
	MinDiskGiB      int64
	MinRAMMiB       int64
	Protected       bool
	Hidden          bool
	Tags            []string // sorted
	// Properties are the additional properties: none of the attributes that
	// every record has, and none of what Glance keeps there for itself
	// (os_glance_*).
	Properties map[string]string
	// SizeBytes and VirtualSizeBytes are 0 where Glance says null; a record
	// whose location was added by hand has no virtual size.
	SizeBytes        int64
	VirtualSizeBytes int64
	Checksum         string // MD5
	HashAlgo         string
	HashValue        string
	// Locations are empty where LocationsVisible is false
	// (show_multiple_locations is off), where policy get_image_location refuses
	// the caller, and where the image is deactivated and the caller no admin.
	Locations        []Location
	LocationsVisible bool
	// DirectURL is one location's URL, with show_image_direct_url.
	DirectURL string
	// Stores are the IDs of the stores that hold the data, with
	// enabled_backends.
	Stores []string
	// Importing are the stores that Glance is writing it to.
	Importing []string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Location is one place of an image's data. Other stores than RBD put
// passwords into the URL.
type Location struct {
	URL      string
	Metadata map[string]string
}

// notProperties are the members of a record that are no additional
// properties, besides those that Image has fields for: links and reserved
// names.
var notProperties = []string{
	"self", "file", "schema", "location", "deleted", "deleted_at",
}

// glanceNamespace begins the names of properties that only Glance may set.
const glanceNamespace = "os_glance"

// wireImage is a record as the API writes it; the tags are also the list of
// base attributes.
type wireImage struct {
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	Status          string         `json:"status"`
	Visibility      string         `json:"visibility"`
	Owner           string         `json:"owner"`
	DiskFormat      string         `json:"disk_format"`
	ContainerFormat string         `json:"container_format"`
	MinDisk         int64          `json:"min_disk"`
	MinRAM          int64          `json:"min_ram"`
	Protected       bool           `json:"protected"`
	Hidden          bool           `json:"os_hidden"`
	Tags            []string       `json:"tags"`
	Size            int64          `json:"size"`
	VirtualSize     int64          `json:"virtual_size"`
	Checksum        string         `json:"checksum"`
	HashAlgo        string         `json:"os_hash_algo"`
	HashValue       string         `json:"os_hash_value"`
	Locations       []wireLocation `json:"locations"`
	DirectURL       string         `json:"direct_url"`
	Stores          string         `json:"stores"`
	Importing       string         `json:"os_glance_importing_to_stores"`
	CreatedAt       time.Time      `json:"created_at"`
	UpdatedAt       time.Time      `json:"updated_at"`
}

type wireLocation struct {
	URL      string                     `json:"url"`
	Metadata map[string]json.RawMessage `json:"metadata"`
}

// UnmarshalJSON reads a record of the image API v2.
func (i *Image) UnmarshalJSON(text []byte) error {
	var w wireImage
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	_, visible := members["locations"]
	*i = Image{
		ID: w.ID, Name: w.Name, Status: w.Status, Visibility: w.Visibility, Owner: w.Owner,
		DiskFormat: w.DiskFormat, ContainerFormat: w.ContainerFormat,
		MinDiskGiB: w.MinDisk, MinRAMMiB: w.MinRAM,
		Protected: w.Protected, Hidden: w.Hidden, Tags: w.Tags,
		Properties: map[string]string{},
		SizeBytes:  w.Size, VirtualSizeBytes: w.VirtualSize,
		Checksum: w.Checksum, HashAlgo: w.HashAlgo, HashValue: w.HashValue,
		LocationsVisible: visible, DirectURL: w.DirectURL,
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
	}
	slices.Sort(i.Tags)
	if w.Stores != "" {
		i.Stores = strings.Split(w.Stores, ",")
	}
	if w.Importing != "" {
		i.Importing = strings.Split(w.Importing, ",")
	}
	for _, l := range w.Locations {
		i.Locations = append(i.Locations, Location{URL: l.URL, Metadata: stringMap(l.Metadata)})
	}
	for name := range members {
		if isBaseName(name) {
			delete(members, name)
		}
	}
	i.Properties = stringMap(members)
	return nil
}

// stringMap drops nulls, which is how Glance writes a property of its schema
// that is not set; what is no string stays as JSON.
func stringMap(m map[string]json.RawMessage) map[string]string {
	out := make(map[string]string, len(m))
	for name, raw := range m {
		var s *string
		if err := json.Unmarshal(raw, &s); err != nil {
			out[name] = string(raw)
		} else if s != nil {
			out[name] = *s
		}
	}
	return out
}

// baseNames holds what cannot be an additional property.
var baseNames = func() map[string]bool {
	names := map[string]bool{}
	for _, n := range notProperties {
		names[n] = true
	}
	var members map[string]json.RawMessage
	text, err := json.Marshal(wireImage{})
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		panic(err) // wireImage can always be marshalled
	}
	for n := range members {
		names[n] = true
	}
	return names
}()

func isBaseName(name string) bool {
	return baseNames[name] || strings.HasPrefix(name, glanceNamespace)
}

// CheckPropertyName says why a name cannot be that of an additional property.
// The error matches ErrBadRequest.
func CheckPropertyName(name string) error {
	switch {
	case name == "" || len(name) > 255:
		return fmt.Errorf("%w: the name of an image property has 1 to 255 characters", ErrBadRequest)
	case name != strings.TrimSpace(name):
		// Glance strips the spaces when it reads a patch, but not at creation.
		return fmt.Errorf("%w: the name of image property %q begins or ends with a space", ErrBadRequest, name)
	case isBaseName(name):
		return fmt.Errorf("%w: %q is an attribute of its own or reserved, not an additional image property", ErrBadRequest, name)
	}
	return nil
}

// imagePath is the path of a record. The ID is a UUID, but very old records
// have others, so only what would change the path is refused.
func imagePath(id string, more ...string) (string, error) {
	if id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/?#%") {
		return "", fmt.Errorf("%w: %q is no image ID", ErrBadRequest, id)
	}
	return strings.Join(append([]string{"images", url.PathEscape(id)}, more...), "/"), nil
}
