// SPDX-License-Identifier: MPL-2.0

package export

import (
	"errors"
	"fmt"
)

// CheckTarget refuses, in a plan, a file whose name is taken, unless by that of the
// state at hand (here): a tainted one, or one that is to be replaced, is planned
// like a first one, and what replaces it is noted on it. It says, in sentences,
// what an unfinished run has left. Do checks again.
//
// Errors: ErrFileExists and what is one, ErrNotOurs, ErrOtherFolder.
func CheckTarget(file string, by Owner, here bool) (unfinished string, err error) {
	if err := checkFree(file); errors.Is(err, ErrFileExists) && here {
		if err := by.NoteReplaced(file); err != nil {
			return "", err
		}
	} else if over, err := mayWrite(file, by); err != nil {
		return "", err
	} else if n, _, ok := by.readOwn(file); ok && over != nil && !n.Replaced {
		unfinished = fmt.Sprintf("%s was written by a run of this state that was cut off before it could write its state. It is written anew.", file)
	}
	left, err := checkFolderOf(file, by.Run)
	if left {
		unfinished = fmt.Sprintf("A run of this state was cut off while it wrote %s, or is still at work on it. What it left in %s is removed, and the file written anew.", file, file+pendingSuffix)
	}
	return unfinished, err
}
