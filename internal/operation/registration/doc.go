// SPDX-License-Identifier: MPL-2.0

// Package registration is what an apply does for an image in Glance whose data
// is an RBD snapshot: it joins internal/rbd and internal/glance, knows nothing of
// Terraform, and can be cut off anywhere.
//
// A registration has a record (the image in Glance) with one location, a
// protector (guard or alias) that keeps Glance from deleting the data, and a
// journal entry on the RBD image. None of the servers knows of the others, so
// each step is noted before it is taken, and the next run finishes or takes back
// what an earlier one has left.
//
// The files, from the top; each calls only what is below it:
//
//	register.go  update.go  destroy.go  read.go  adopt.go   what the resource asks for
//	choice.go  complete.go  hashing.go  retire.go           which ID; fill a record; hash the data; hide or deactivate
//	detach.go                                               delete a record without its data
//	sweep.go  recover.go                                    records that are gone; a deletion that was cut off
//	guard.go  alias.go  gone.go  conflict.go                what protects the data; is it gone? Glance's 409
//	whichglance.go  journal.go                              is it the record's Glance? the note on the RBD image
//	members.go  location.go  snapshot.go                    parts of a record
//	request.go  result.go  ref.go  hashes.go  deps.go  errors.go
package registration
