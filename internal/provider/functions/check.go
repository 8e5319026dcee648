// SPDX-License-Identifier: MPL-2.0

// Package functions is the provider's functions. They ask no cluster, so they
// need no configuration of the provider.
package functions

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

var uuid = regexp.MustCompile(`^(?i:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// checkUUID accepts capital letters too: whoever made the ID may have used
// them. what completes "… is not …".
func checkUUID(what, s string) error {
	if !uuid.MatchString(s) {
		return fmt.Errorf("%q is not %s: want a UUID", s, what)
	}
	return nil
}

// snapshotSpec is rbd.ParseSpec for what must name a snapshot.
func snapshotSpec(s string) (rbd.Spec, error) {
	spec, err := rbd.ParseSpec(s)
	if err == nil && spec.Snapshot == "" {
		err = errors.New(`"` + s + `" is the spec of an image, a snapshot is wanted: pool[/namespace]/image@snapshot`)
	}
	return spec, err
}

// argumentError is nil where there is no error.
func argumentError(position int64, err error) *function.FuncError {
	if err == nil {
		return nil
	}
	return function.NewArgumentFuncError(position, err.Error())
}
