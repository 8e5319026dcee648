// SPDX-License-Identifier: MPL-2.0

// Package layouttest tries disks as distributions ship them: what can be read,
// edited, grown and prepared, without an appliance or in one, and what is refused in
// which words. The table in docs/guides/guest-layouts.md is its result, and it fails
// where the two differ; LAYOUTS_UPDATE=1 writes the table anew.
package layouttest
