// SPDX-License-Identifier: MPL-2.0

package rbd_test

import (
	"errors"
	"fmt"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func ExampleParseSpec() {
	spec, err := rbd.ParseSpec("vms/team/disk@golden")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("pool %s, namespace %s, image %s, snapshot %s\n", spec.Pool, spec.Namespace, spec.Image, spec.Snapshot)
	fmt.Println(spec.ImageSpec())
	fmt.Println(spec.WithImage("other"))

	_, err = rbd.ParseSpec("disk") // no pool is guessed
	fmt.Println(errors.Is(err, rbd.ErrInvalidSpec), err)
	// Output:
	// pool vms, namespace team, image disk, snapshot golden
	// vms/team/disk
	// vms/team/other
	// true "disk": want pool[/namespace]/image[@snapshot]: not a valid spec
}
