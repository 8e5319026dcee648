// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// patchType is the media type of Glance's subset of JSON Patch (RFC 6902).
// In it "add" to a member that exists replaces it.
const patchType = "application/openstack-images-v2.1-json-patch"

// patch is one operation. gophercloud's UpdateImageProperty does not escape
// the path, so that "a/b" would mean something else.
type patch struct {
	Op   string `json:"op"`
	Path string `json:"path"`
	// Value is nil for "remove" only; Glance ignores the null there.
	Value any `json:"value"`
}

// pointer makes a JSON pointer (RFC 6901) to a member of the record.
func pointer(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// Changes says what an Update changes; nil members stay as they are.
type Changes struct {
	Name       *string
	Visibility *string
	// Owner is a project ID; only an admin may change it.
	Owner *string
	// Tags replaces all tags.
	Tags       *[]string
	MinDiskGiB *int64
	MinRAMMiB  *int64
	Protected  *bool
	Hidden     *bool
	// SetProperties adds or replaces additional properties.
	SetProperties map[string]string
	// RemoveProperties may name properties that are not there.
	RemoveProperties []string
}

// patches turns the changes to a record into operations. A "remove" of what is
// not there would fail the whole request.
func (ch Changes) patches(now *Image) ([]patch, error) {
	var ops []patch
	replace := func(name string, value any) {
		ops = append(ops, patch{"replace", pointer(name), value})
	}
	if ch.Name != nil {
		replace("name", *ch.Name)
	}
	if ch.Visibility != nil {
		replace("visibility", *ch.Visibility)
	}
	if ch.Owner != nil {
		replace("owner", *ch.Owner)
	}
	if ch.Tags != nil {
		// Not null where the slice is nil, and no tag twice.
		replace("tags", append([]string{}, slices.Compact(slices.Sorted(slices.Values(*ch.Tags)))...))
	}
	if ch.MinDiskGiB != nil {
		replace("min_disk", *ch.MinDiskGiB)
	}
	if ch.MinRAMMiB != nil {
		replace("min_ram", *ch.MinRAMMiB)
	}
	if ch.Protected != nil {
		replace("protected", *ch.Protected)
	}
	if ch.Hidden != nil {
		replace("os_hidden", *ch.Hidden)
	}
	for _, name := range sortedNames(ch.SetProperties) {
		if err := CheckPropertyName(name); err != nil {
			return nil, err
		}
		ops = append(ops, patch{"add", pointer(name), ch.SetProperties[name]})
	}
	for _, name := range ch.RemoveProperties {
		if err := CheckPropertyName(name); err != nil {
			return nil, err
		}
		if _, ok := ch.SetProperties[name]; ok {
			return nil, fmt.Errorf("%w: image property %q is both set and removed", ErrBadRequest, name)
		}
		if _, ok := now.Properties[name]; ok {
			ops = append(ops, patch{Op: "remove", Path: pointer(name)})
		}
	}
	return ops, nil
}

// in says whether the record is as the changes want it.
func (ch Changes) in(i *Image) bool {
	for _, name := range ch.RemoveProperties {
		if _, ok := i.Properties[name]; ok {
			return false
		}
	}
	return same(ch.Name, i.Name) && same(ch.Visibility, i.Visibility) && same(ch.Owner, i.Owner) &&
		same(ch.MinDiskGiB, i.MinDiskGiB) && same(ch.MinRAMMiB, i.MinRAMMiB) &&
		same(ch.Protected, i.Protected) && same(ch.Hidden, i.Hidden) &&
		(ch.Tags == nil || slices.Equal(i.Tags, slices.Compact(slices.Sorted(slices.Values(*ch.Tags))))) &&
		containsAll(i.Properties, ch.SetProperties)
}

func same[T comparable](want *T, got T) bool { return want == nil || *want == got }

func patchRequest(op, path string, ops []patch, into *Image) request {
	return request{
		op: op, method: http.MethodPatch, path: path,
		body: ops, contentType: patchType, into: into, ok: []int{http.StatusOK},
	}
}
