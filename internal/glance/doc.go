// SPDX-License-Identifier: MPL-2.0

// Package glance speaks to the OpenStack image service: records, their
// locations, and the Glance side of destroying a record without its data.
//
// It is the only importer of gophercloud and knows neither Terraform nor Ceph.
// Errors are told apart by HTTP status codes and by looking at the record
// afterwards, never by the text of an answer; see errors.go for the kinds.
//
// A change whose answer was lost (time-out, reset connection, 5xx) may have
// happened. Every call here that changes something therefore looks at the
// record before it reports such a failure, and reports success if the record
// is as asked for.
package glance
