// SPDX-License-Identifier: MPL-2.0

package command

import "strconv"

// firstFile is the descriptor that the first of Spec.Files has in the child.
const firstFile = 3

// FilePath is the path under which a child opens the i-th of its Spec.Files.
func FilePath(i int) string { return "/dev/fd/" + strconv.Itoa(firstFile+i) }
