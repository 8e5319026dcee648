// SPDX-License-Identifier: MPL-2.0

package mirrortoken_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

func token(user, pool string) string {
	return fmt.Sprintf("provider \"rbd\" {\n  ceph = {\n    user = %q\n  }\n}\n"+
		"ephemeral \"rbd_mirror_bootstrap_token\" \"test\" {\n  pool = %q\n}\n", user, pool)
}

// A token is made of a pool that is mirrored, for who may make a Ceph user.
func TestMirrorBootstrapToken(t *testing.T) {
	t.Parallel()
	acctest.RequireMirror(t)
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: token("admin", acctest.MirrorPool)},
		{Config: token("terraform", acctest.MirrorPool), ExpectError: regexp.MustCompile(`(?s)capabilities\s+do not allow it.*mon 'allow \*'`)},
		{Config: token("admin", "vms"), ExpectError: regexp.MustCompile(`(?s)not mirrored.*rbd_mirror_pool`)},
		{Config: token("admin", "absent"), ExpectError: regexp.MustCompile(`(?i)pool not found`)},
	}})
}
