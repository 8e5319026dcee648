// SPDX-License-Identifier: MPL-2.0

package fileedit_test

import (
	"context"
	"log"
	"regexp"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/guestfs"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// What an apply does, without Terraform: the edits hold when it is done, or the image
// has its old content.
func ExampleDo() {
	guests, err := guestfs.New(guestfs.Config{})
	if err != nil {
		log.Println(err)
		return
	}
	result, err := fileedit.Do(context.Background(), guestoverlay.Backends{Ceph: rbd.NewCluster(rbd.Config{}), Guests: guests}, fileedit.Request{
		Image: guestedit.ImageRef{Spec: rbd.Spec{Pool: "vms", Image: "golden"}},
		Edits: []fileedit.Edit{
			{Path: "/etc/fstab", Remove: []*regexp.Regexp{regexp.MustCompile(`^LABEL=gone\s`)}},
			{Path: "/etc/hostname", Absent: true},
		},
	})
	log.Println(result.Revision, err)
}
