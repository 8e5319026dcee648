// SPDX-License-Identifier: MPL-2.0

// Package ownership is what this provider writes on images, in metadata labels, and
// how it is read: whose a thing is, what is unfinished, and since which run.
//
// It decides and words; what is done about it are the commands of package rbd,
// which hands it the metadata of an image, or an image that is open. What is
// written is stored in Ceph, and what older versions wrote must still be read:
// no key and no word here may change.
package ownership
