// SPDX-License-Identifier: MPL-2.0

// Package laststack says where librados or librbd was when it brings the process
// down. Go prints the stacks of goroutines, and nothing of the threads that these
// libraries start: without it all that is left of such an end is "signal: aborted".
//
// Importing it is enough. Terraform shows what it prints as the provider's stack
// trace, since the first line begins as that of a panic.
package laststack
