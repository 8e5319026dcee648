// SPDX-License-Identifier: MPL-2.0

package registration

import (
	"fmt"
	"strings"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
)

// checksumAlgorithm is that of the attribute checksum.
const checksumAlgorithm = "md5"

// Hashes are what Glance keeps of an image's data, and what is noted on the RBD
// image about it: Glance checks nothing of it.
type Hashes struct {
	Algo     string `json:"os_hash_algo"`
	Value    string `json:"os_hash_value"`
	Checksum string `json:"checksum,omitempty"`
}

// HashesOf are those that Glance has.
func HashesOf(rec *glance.Image) Hashes {
	return Hashes{rec.HashAlgo, rec.HashValue, rec.Checksum}
}

func (h Hashes) String() string {
	return fmt.Sprintf("%s %s, %s %s", h.Algo, h.Value, checksumAlgorithm, h.Checksum)
}

// match compares what both have; the hash itself must be in both.
func (h Hashes) match(other Hashes) bool {
	return h.Value != "" && h.Algo == other.Algo && strings.EqualFold(h.Value, other.Value) &&
		(h.Checksum == "" || other.Checksum == "" || strings.EqualFold(h.Checksum, other.Checksum))
}

func (h *Hashes) validation() *glance.ValidationData {
	if h == nil {
		return nil
	}
	return &glance.ValidationData{HashAlgo: h.Algo, HashValue: h.Value, Checksum: h.Checksum}
}
