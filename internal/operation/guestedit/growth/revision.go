// SPDX-License-Identifier: MPL-2.0

package growth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestread"
)

// Revision tells results apart: it changes with the image and with what has grown.
func Revision(imageID string, l guestread.Layout) string {
	sizes := [3]int64{l.FileSystem.Size}
	if l.Partition != nil {
		sizes[1] = l.Partition.Size
	}
	if l.Volume != nil {
		sizes[2] = l.Volume.Size
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%v", imageID, l.Device, sizes))
	return hex.EncodeToString(sum[:6])
}
