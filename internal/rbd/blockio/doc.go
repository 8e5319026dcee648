// SPDX-License-Identifier: MPL-2.0

// Package blockio moves the content of images: it finds what is allocated, reads it in
// order, writes, hashes, copies and compares it.
//
// It has one type of extent, one way to find out what is allocated or has changed
// (Content.Changed, which Iterate stands behind), one reader that reads ahead in
// order (Ahead), and one pool of workers (inParallel). It opens nothing: package
// rbd hands it open images, whose errors say which image they are about.
//
// Memory is bounded whatever the size of an image: by the buffers of what is
// under way, each of PieceBytes or the size of an object. The end of a context
// is seen between two calls, and within a look for what is allocated.
package blockio
