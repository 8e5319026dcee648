// SPDX-License-Identifier: MPL-2.0

package mirrorpool

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// The site name is the cluster's: a namespace takes none, and an import has none to
// generate.
func TestSiteNameOfImport(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]types.String{"": types.StringValue("dc1"), "tenant-a": types.StringNull()} {
		m := model{Pool: types.StringValue("mirror"), Namespace: types.StringValue(namespace)}
		var diags diag.Diagnostics
		m.setRead(t.Context(), rbd.MirrorPool{Mode: modeImage, SiteName: "dc1"}, "fsid", &diags)
		if diags.HasError() || !m.SiteName.Equal(want) {
			t.Errorf("of %q: %v, %v", namespace, m.SiteName, diags)
		}
	}
}
