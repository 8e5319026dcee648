// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
)

// An import by anything odd is refused in our own words, in the import or in the
// read that follows it.
func TestOddImports(t *testing.T) {
	acctest.UseToken(t, "terraform", "demo")
	c := newClient(t, object{"pool": "vms"})
	for name := range c.schema.ResourceSchemas {
		t.Run(name, func(t *testing.T) {
			c := c.within(t)
			for _, id := range oddStrings {
				c.tryOddImport(name, &tfprotov6.ImportResourceStateRequest{TypeName: name, ID: id}, id)
			}
			if c.identities[name] == nil {
				return
			}
			ty, ok := c.identityType(name).(tftypes.Object)
			if !ok {
				t.Fatal("its identity is no object")
			}
			whole := map[string]tftypes.Value{}
			for attribute, of := range ty.AttributeTypes {
				whole[attribute] = tftypes.NewValue(of, nil)
				switch {
				case of.Is(tftypes.String):
					whole[attribute] = tftypes.NewValue(of, "a")
				case of.Is(tftypes.Number):
					whole[attribute] = tftypes.NewValue(of, 1)
				}
			}
			if fsid, ok := whole["fsid"]; ok {
				whole["fsid"] = tftypes.NewValue(fsid.Type(), acctest.FSID(t))
			}
			for attribute, of := range ty.AttributeTypes {
				was := whole[attribute]
				for _, o := range oddities(t, of, was) {
					if !o.v.IsFullyKnown() {
						continue
					}
					whole[attribute] = o.v
					c.tryOddImport(name, &tfprotov6.ImportResourceStateRequest{
						TypeName: name, Identity: &tfprotov6.ResourceIdentityData{IdentityData: c.dynamic(ty, tftypes.NewValue(ty, whole))},
					}, attribute+" = "+o.what)
				}
				whole[attribute] = was
			}
		})
	}
}

func (c *client) tryOddImport(name string, req *tfprotov6.ImportResourceStateRequest, what string) {
	c.t.Helper()
	what = what[:min(len(what), 40)]
	resp, err := c.server.ImportResourceState(c.t.Context(), req)
	if err != nil {
		c.t.Errorf("%q: %v", what, err)
		return
	}
	diags := resp.Diagnostics
	if errorsOf(diags) == "" {
		got := resp.ImportedResources[0]
		read, err := c.server.ReadResource(c.t.Context(), &tfprotov6.ReadResourceRequest{
			TypeName: name, CurrentState: got.State, Private: got.Private, CurrentIdentity: got.Identity,
		})
		if err != nil {
			c.t.Errorf("%q: %v", what, err)
			return
		}
		diags = read.Diagnostics
		if errorsOf(diags) == "" && !c.read(c.resourceType(name), read.NewState).IsNull() && !strings.Contains(what, "null") {
			c.t.Errorf("%q: it was imported", what)
		}
	}
	for _, f := range foreign(diags) {
		c.t.Errorf("%q: %s", what, f)
	}
}
