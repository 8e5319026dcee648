// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// Whatever is wrong with a secret, no error shows it.
func TestErrorsShowNoSecret(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	g := groundFor(t, c)
	const secret = "correct-horse"
	odd := []string{secret, secret + "\n", "a\r" + secret, secret + "\x00", "\xff" + secret, strings.Repeat(secret, 500_000)}
	tried := 0
	try := func(t *testing.T, block *tfprotov6.SchemaBlock, given []object, validate func(tftypes.Value) []*tfprotov6.Diagnostic) {
		t.Helper()
		sensitive := map[string]bool{}
		var walk func(string, []*tfprotov6.SchemaAttribute)
		walk = func(prefix string, all []*tfprotov6.SchemaAttribute) {
			for _, a := range all {
				sensitive[prefix+a.Name] = a.Sensitive
				if a.NestedType != nil {
					walk(prefix+a.Name+".", a.NestedType.Attributes)
				}
			}
		}
		walk("", block.Attributes)
		for _, b := range block.BlockTypes {
			walk(b.TypeName+".", b.Block.Attributes)
		}
		for _, arguments := range given {
			config := value(t, block.ValueType(), arguments)
			for _, a := range argumentsOf(t, block, config) {
				if !sensitive[a.name] || a.is.IsNull() || !a.is.Type().Is(tftypes.String) {
					continue
				}
				for _, s := range odd {
					tried++
					for _, d := range validate(a.with(t, config, tftypes.NewValue(tftypes.String, s))) {
						if strings.Contains(d.Summary+d.Detail, secret) {
							t.Errorf("%s = %.20q is shown: %.200s", a.name, s, d.Detail)
						}
					}
				}
			}
		}
	}
	for name, given := range g.givenResources() {
		t.Run(name, func(t *testing.T) {
			try(t, c.schema.ResourceSchemas[name].Block, given, func(config tftypes.Value) []*tfprotov6.Diagnostic {
				return c.within(t).try(name, instance{}, config).diags
			})
		})
	}
	t.Run("provider", func(t *testing.T) {
		given := []object{
			{"ceph": object{"key": "AQAAAA=="}, "openstack": object{"password": "x", "user_id": "a", "auth_url": "http://127.0.0.1"}},
			{"openstack": object{"token": "x", "auth_url": "http://127.0.0.1", "key_pem": "x", "cert_pem": "x"}},
			{"openstack": object{"application_credential_id": "a", "application_credential_secret": "x", "auth_url": "http://127.0.0.1"}},
		}
		try(t, c.schema.Provider.Block, given, func(config tftypes.Value) []*tfprotov6.Diagnostic {
			checked, err := c.server.ValidateProviderConfig(t.Context(), &tfprotov6.ValidateProviderConfigRequest{Config: c.dynamic(c.schema.Provider.ValueType(), config)})
			must(t, err)
			return checked.Diagnostics
		})
	})
	if want := 9 * len(odd); tried < want {
		t.Errorf("%d secrets were tried, want %d at least", tried, want)
	}
}

// The first plan after an import edits a file with a secret once, which is what it
// was; one that is not known yet is waited for.
func TestProtocolSecretOfImported(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	const kind = "rbd_guest_file_edit"
	spec := "vms/" + providertest.Name(t)
	guesttest.Import(t, spec, map[string]string{"/etc/app.token": "a secret"})
	before := imageContent(t, spec)
	arguments := object{"image": spec, "files": object{"/etc/app.token": object{"content_wo": "a secret", "content_wo_version": int64(7)}}}
	ty := c.resourceType(kind)
	config := value(t, ty, arguments)

	imported := c.imported(kind, spec)
	planned := c.plan(kind, imported, config)
	if len(planned.RequiresReplace) > 0 || len(differences(t, imported.state, c.read(ty, planned.PlannedState))) == 0 {
		t.Errorf("replaced for %v, and no edit", planned.RequiresReplace)
	}
	made := c.apply(kind, imported, arguments)
	if imageContent(t, spec) != before {
		t.Error("what was right was written again")
	}
	if text := made.state.String() + string(made.private); strings.Contains(text, "a secret") {
		t.Errorf("it is kept: %s", text)
	}
	c.settled(kind, made, config, "imported")

	again := argument{at: tftypes.NewAttributePath().WithAttributeName("files").WithElementKeyString("/etc/app.token").WithAttributeName("content_wo")}
	unknown := again.with(t, config, tftypes.NewValue(tftypes.String, tftypes.UnknownValue))
	c.settled(kind, made, unknown, "not known yet")
	if got := c.try(kind, instance{}, unknown); got.refused != "" || len(got.faults) > 0 {
		t.Errorf("one that is not known yet is refused: %s %s %q", got.refused, errorsOf(got.diags), got.faults)
	}
	c.destroyNow(kind, made)
}

// What a run has written that was cut off before Terraform had the state is found; so
// is what another resource with the same file has written.
func TestProtocolSecretThatIsThere(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	const kind = "rbd_guest_file_edit"
	spec := "vms/" + providertest.Name(t)
	guesttest.Import(t, spec, nil)
	version := func(v int64, secret string) object {
		return object{"image": spec, "files": object{"/etc/app.token": object{"content_wo": secret, "content_wo_version": v}}}
	}
	ty := c.resourceType(kind)
	first := c.apply(kind, instance{}, version(1, "one"))
	c.apply(kind, first, version(2, "two")) // which nobody has heard of
	written := imageContent(t, spec)
	found := c.refreshed(kind, first)
	if drift := found.get(t, "drift").(object); len(drift) != 1 {
		t.Errorf("drift is %v", drift)
	}
	second := c.apply(kind, found, version(2, "two"))
	if imageContent(t, spec) != written {
		t.Error("what was right was written again")
	}
	c.settled(kind, second, value(t, ty, version(2, "two")), "after a run that was cut off")

	other := c.apply(kind, instance{}, version(7, "two"))
	c.settled(kind, second, value(t, ty, version(2, "two")), "beside another with the same content")
	c.settled(kind, other, value(t, ty, version(7, "two")), "the other one")
	other = c.apply(kind, other, version(8, "three"))
	if drift := c.refreshed(kind, second).get(t, "drift").(object); len(drift) != 1 {
		t.Errorf("drift is %v where another has written", drift)
	}
	c.destroyNow(kind, other)
	c.destroyNow(kind, second)
	if out := acctest.RBD(t, "image-meta", "ls", spec); strings.Contains(out, "content-key") {
		t.Errorf("a key is left: %s", out)
	}
}

// A state from before there were secrets plans nothing.
func TestProtocolStateWithoutSecrets(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	const kind = "rbd_guest_file_edit"
	spec := "vms/" + providertest.Name(t)
	guesttest.Import(t, spec, nil)
	arguments := object{"image": spec, "files": object{"/etc/motd": object{"content": "hello\n"}}}
	ty := c.resourceType(kind)
	made := c.apply(kind, instance{}, arguments)
	if len(made.private) > 0 && strings.Contains(string(made.private), "secrets") {
		t.Errorf("something is kept: %s", made.private)
	}
	old := plain(t, made.state).(object)
	file := old["files"].(object)["/etc/motd"].(object)
	delete(file, "content_wo")
	delete(file, "content_wo_version")
	text, err := json.Marshal(old)
	must(t, err)
	resp, err := c.server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: kind, RawState: &tfprotov6.RawState{JSON: text}})
	must(t, err)
	c.fine(resp.Diagnostics)
	c.settled(kind, instance{state: c.read(ty, resp.UpgradedState)}, value(t, ty, arguments), "an older state")
	c.destroyNow(kind, made)
}

// imageContent is the checksum of an image, by the rbd command.
func imageContent(t *testing.T, spec string) string {
	t.Helper()
	return guesttest.Run(t, "sh", "-c", `rbd export --no-progress "$1" - | sha256sum`, "sh", spec)
}
