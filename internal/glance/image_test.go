// SPDX-License-Identifier: MPL-2.0

package glance

import (
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
	"time"
)

func TestImageIsRead(t *testing.T) {
	const text = `{"id":"1","name":null,"status":"active","visibility":"private","owner":"o","disk_format":"raw",
		"container_format":null,"min_disk":2,"min_ram":3,"protected":true,"os_hidden":true,"tags":["b","a"],
		"size":9223372036854775807,"virtual_size":null,"checksum":null,"os_hash_algo":"sha512","os_hash_value":"ab",
		"locations":[{"url":"rbd://f/p/i/s","metadata":{"store":"rbd","n":7,"z":null}}],
		"direct_url":"rbd://f/p/i/s","stores":"rbd,cheap","created_at":"2024-02-29T12:00:00Z","updated_at":"2024-03-01T00:00:00Z",
		"self":"/v2/images/1","file":"/v2/images/1/file","schema":"/v2/schemas/image",
		"os_glance_import_task":"x","hw_disk_bus":"scsi","kernel_id":null,"metadata":"m","properties":"p","odd":{"a":1}}`
	var got Image
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := Image{
		ID: "1", Status: "active", Visibility: "private", Owner: "o", DiskFormat: "raw", MinDiskGiB: 2, MinRAMMiB: 3,
		Protected: true, Hidden: true, Tags: []string{"a", "b"}, SizeBytes: 9223372036854775807,
		HashAlgo: "sha512", HashValue: "ab",
		Properties:       map[string]string{"hw_disk_bus": "scsi", "metadata": "m", "properties": "p", "odd": `{"a":1}`},
		Locations:        []Location{{URL: "rbd://f/p/i/s", Metadata: map[string]string{"store": "rbd", "n": "7"}}},
		LocationsVisible: true, DirectURL: "rbd://f/p/i/s", Stores: []string{"rbd", "cheap"},
		CreatedAt: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), UpdatedAt: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if err := json.Unmarshal([]byte(`{"id":"1"}`), &got); err != nil || got.LocationsVisible || got.SizeBytes != 0 || got.Properties == nil {
		t.Errorf("%+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"id":"1","locations":[]}`), &got); err != nil || !got.LocationsVisible || got.Locations != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestIsInRBDImage(t *testing.T) {
	for location, want := range map[string]bool{
		"rbd://f/p/i/s":           true,
		"rbd://f/p/i/other":       true,
		"rbd://f/p/i%2Fj/s":       false,
		"rbd://f/p/%69/s":         true,
		"rbd://f/p/ii/s":          false,
		"rbd://F/p/i/s":           false,
		"rbd://f/q/i/s":           false,
		"rbd://i":                 false,
		"rbd://f/p":               false,
		"rbd://f/p/%zz/s":         false,
		"file:///f/p/i/s":         false,
		"swift+https://u:p@h/p/i": false,
	} {
		if isInRBDImage(location, "f", "p", "i") != want {
			t.Errorf("%s: want %v", location, want)
		}
	}
	if !isInRBDImage("rbd://f/p/a%2Bb%20c%40d/s", "f", "p", "a+b c@d") {
		t.Error("an escaped name is not found")
	}
}

func TestNewID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	a, b := NewID(), NewID()
	if !form.MatchString(a) || a == b {
		t.Errorf("%s, %s", a, b)
	}
}

func TestDeleteKeepsData(t *testing.T) {
	hidden := Image{Status: StatusDeactivated, LocationsVisible: true}
	if !hidden.DeleteKeepsData() {
		t.Error("hidden locations")
	}
	for _, i := range []Image{
		{Status: StatusActive, LocationsVisible: true},
		{Status: StatusDeactivated},
		{Status: StatusDeactivated, LocationsVisible: true, Locations: []Location{{URL: "rbd://f/p/i/s"}}},
	} {
		if i.DeleteKeepsData() {
			t.Errorf("%+v", i)
		}
	}
}
