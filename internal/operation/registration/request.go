// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"cmp"
	"slices"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// Protection is what keeps the data when somebody else deletes the record.
type Protection string

// The protections.
const (
	ProtectionGuard Protection = "guard"
	ProtectionAlias Protection = "alias"
	ProtectionNone  Protection = "none"
)

// rawFormat is the disk format of which the snapshot's size is the disk's.
const rawFormat = "raw"

// Request says what is to be registered, and how.
type Request struct {
	Snapshot rbd.Spec
	// ImageID is that of the record; one is made where it is empty.
	ImageID string

	Name, Visibility, Owner     string
	DiskFormat, ContainerFormat string
	// MinDiskGiB is by default the snapshot's size, rounded up.
	MinDiskGiB        *int64
	MinRAMMiB         int64
	Protected, Hidden bool
	Tags              []string
	Properties        map[string]string
	// Members are the projects that the record is shared with; nil leaves them
	// to others.
	Members []string
	// Store is that of the location; Glance finds it by the pool where it is empty.
	Store string
	// Copies are further stores that Glance copies the image to.
	Copies []string

	Protection Protection
	// AliasPool is the pool of the alias; empty without one.
	AliasPool string

	// Hash wants hashes of the data, by HashAlgo and MD5.
	Hash     bool
	HashAlgo string
}

// PlannedURL is the location that Glance will be told; of an alias whose record
// has no ID yet, one as long.
func (q Request) PlannedURL(fsid string) string {
	ref := Ref{Snapshot: q.Snapshot, ImageID: cmp.Or(q.ImageID, glance.NewID())}.WithAlias(q.AliasPool)
	return rbd.LocationURL(fsid, ref.Location())
}

// MinDiskGiB is what a disk must have to hold the image. What the snapshot has in
// another format than raw is not of the snapshot's size.
func MinDiskGiB(sizeBytes int64, format string) int64 {
	if format != rawFormat {
		return 0
	}
	return (sizeBytes + 1<<30 - 1) >> 30
}

func (q Request) minDiskGiB(sizeBytes int64) int64 {
	if q.MinDiskGiB == nil {
		return MinDiskGiB(sizeBytes, q.DiskFormat)
	}
	return *q.MinDiskGiB
}

func (q Request) createOpts(id string, sizeBytes int64) glance.CreateOpts {
	return glance.CreateOpts{
		ID: id, Name: q.Name, Visibility: q.Visibility,
		Owner: q.Owner, DiskFormat: q.DiskFormat, ContainerFormat: q.ContainerFormat,
		MinDiskGiB: q.minDiskGiB(sizeBytes), MinRAMMiB: q.MinRAMMiB,
		Protected: q.Protected, Hidden: q.Hidden,
		Tags: q.Tags, Properties: q.Properties,
	}
}

// changes makes the record as the request wants it. before has the tags and
// properties that were ours until now; what others have added stays.
func (q Request) changes(before Request, rec *glance.Image, sizeBytes int64) glance.Changes {
	minDisk := q.minDiskGiB(sizeBytes)
	ch := glance.Changes{
		Name: &q.Name, Visibility: &q.Visibility,
		MinDiskGiB: &minDisk, MinRAMMiB: &q.MinRAMMiB,
		Protected: &q.Protected, Hidden: &q.Hidden,
		SetProperties: q.Properties,
	}
	if q.Owner != "" && q.Owner != rec.Owner {
		ch.Owner = &q.Owner
	}
	for name := range before.Properties {
		if _, ok := q.Properties[name]; !ok {
			ch.RemoveProperties = append(ch.RemoveProperties, name)
		}
	}
	slices.Sort(ch.RemoveProperties)
	tags := slices.Clone(q.Tags)
	for _, t := range rec.Tags {
		if !slices.Contains(before.Tags, t) {
			tags = append(tags, t)
		}
	}
	slices.Sort(tags)
	tags = slices.Compact(tags)
	ch.Tags = &tags
	return ch
}

func (q Request) locationMetadata() map[string]string {
	if q.Store != "" {
		return map[string]string{"store": q.Store}
	}
	return nil
}
