// SPDX-License-Identifier: MPL-2.0

package namespace_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namespace"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// instance is a resource as the framework hands it over, as from a CLI that
// knows identities, whichever is installed.
type instance struct {
	resource interface {
		resource.ResourceWithImportState
		resource.ResourceWithIdentity
		resource.ResourceWithConfigure
	}
	state    tfsdk.State
	identity *tfsdk.ResourceIdentity
}

func newInstance(t *testing.T, d *providerdata.Data) *instance {
	t.Helper()
	i := &instance{}
	var ok bool
	if i.resource, ok = namespace.NewResource().(interface {
		resource.ResourceWithImportState
		resource.ResourceWithIdentity
		resource.ResourceWithConfigure
	}); !ok {
		t.Fatal("no import by identity")
	}
	var configured resource.ConfigureResponse
	i.resource.Configure(t.Context(), resource.ConfigureRequest{ProviderData: d}, &configured)
	var schema resource.SchemaResponse
	i.resource.Schema(t.Context(), resource.SchemaRequest{}, &schema)
	var identity resource.IdentitySchemaResponse
	i.resource.IdentitySchema(t.Context(), resource.IdentitySchemaRequest{}, &identity)
	i.state = tfsdk.State{Schema: schema.Schema, Raw: tftypes.NewValue(schema.Schema.Type().TerraformType(t.Context()), nil)}
	i.identity = &tfsdk.ResourceIdentity{
		Schema: identity.IdentitySchema, Raw: tftypes.NewValue(identity.IdentitySchema.Type().TerraformType(t.Context()), nil),
	}
	return i
}

// imported imports by an identity, an empty fsid left out, and returns what went
// wrong.
func (i *instance) imported(t *testing.T, fsid, pool, name string) string {
	t.Helper()
	at := &tfsdk.ResourceIdentity{Schema: i.identity.Schema, Raw: i.identity.Raw.Copy()}
	for k, v := range map[string]string{"fsid": fsid, "pool": pool, "name": name} {
		if v != "" {
			at.SetAttribute(t.Context(), path.Root(k), v)
		}
	}
	resp := resource.ImportStateResponse{State: i.state, Identity: i.identity}
	i.resource.ImportState(t.Context(), resource.ImportStateRequest{Identity: at}, &resp)
	i.state = resp.State
	if !resp.Diagnostics.HasError() {
		return ""
	}
	return resp.Diagnostics.Errors()[0].Summary() + " " + resp.Diagnostics.Errors()[0].Detail()
}

// read tells whether the namespace is there.
func (i *instance) read(t *testing.T) bool {
	t.Helper()
	resp := resource.ReadResponse{State: i.state, Identity: i.identity}
	// The framework, whose type it is, gives every read a private state.
	private := reflect.ValueOf(&resp.Private).Elem()
	private.Set(reflect.New(private.Type().Elem()))
	i.resource.Read(t.Context(), resource.ReadRequest{State: i.state, Identity: i.identity}, &resp)
	if resp.Diagnostics.HasError() {
		t.Fatal(resp.Diagnostics)
	}
	i.state = resp.State
	return !i.state.Raw.IsNull()
}

func (i *instance) has(t *testing.T, fsid, pool, name string) {
	t.Helper()
	for k, want := range map[string]string{"fsid": fsid, "pool": pool, "name": name} {
		var got string
		if diags := i.identity.GetAttribute(t.Context(), path.Root(k), &got); diags.HasError() || got != want {
			t.Errorf("the identity's %s is %q, want %q: %v", k, got, want, diags)
		}
	}
}

func TestNamespaceIdentity(t *testing.T) {
	t.Parallel()
	name, fsid := newName(t), acctest.FSID(t)
	ceph := &providerdata.Data{Ceph: rbd.NewCluster(rbd.Config{FSID: fsid})}
	acctest.RBD(t, "namespace", "create", "vms/"+name)

	for _, given := range []string{"", strings.ToUpper(fsid)} {
		i := newInstance(t, ceph)
		if text := i.imported(t, given, "vms", name); text != "" {
			t.Fatal(text)
		}
		i.has(t, fsid, "vms", name)
		if !i.read(t) {
			t.Error("it is not there")
		}
		i.has(t, fsid, "vms", name)
		var spec string
		if i.state.GetAttribute(t.Context(), path.Root("spec"), &spec); spec != "vms/"+name {
			t.Error(spec)
		}
	}
	for want, id := range map[string][3]string{
		"of another cluster.*an alias": {"00000000-0000-4000-8000-000000000000", "vms", name},
		"not a valid spec":             {"", "vms", "a/b"},
	} {
		if text := newInstance(t, ceph).imported(t, id[0], id[1], id[2]); !regexp.MustCompile(`(?s)Unable to import RBD namespace "vms/.*` + want).MatchString(text) {
			t.Errorf("%q, want %s", text, want)
		}
	}
	if text := newInstance(t, &providerdata.Data{Unknown: true}).imported(t, "", "vms", name); !strings.Contains(text, "not known yet") {
		t.Error(text)
	}

	// A read keeps an identity, whatever comes of it, also for a state that has none.
	for what, d := range map[string]*providerdata.Data{"gone": ceph, "not read": {Unknown: true}} {
		i := newInstance(t, d)
		i.state.SetAttribute(t.Context(), path.Root("pool"), "vms")
		i.state.SetAttribute(t.Context(), path.Root("name"), name+"-none")
		if there := i.read(t); there != d.Unknown {
			t.Errorf("%s: it is there: %v", what, there)
		}
		want := fsid
		if d.Unknown {
			want = ""
		}
		i.has(t, want, "vms", name+"-none")
	}
}
