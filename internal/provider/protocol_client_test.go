// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// client speaks the plugin protocol with the provider, as a Terraform does that
// knows identities (1.12), `terraform query` and actions (1.14), whichever is installed.
type client struct {
	t          *testing.T
	server     server
	schema     *tfprotov6.GetProviderSchemaResponse
	identities map[string]*tfprotov6.ResourceIdentitySchema
	ceph       object
	openstack  any // an object, or nil
}

type server interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
}

type object = map[string]any

// newClient configures the provider. ceph is what its block has besides the
// lab's fsid.
func newClient(t *testing.T, ceph object) *client {
	t.Helper()
	acctest.RequireLab(t)
	c := &client{t: t, server: newServer(t)}
	var err error
	if c.schema, err = c.server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	identities, err := c.server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c.identities = identities.IdentitySchemas
	c.fine(append(c.schema.Diagnostics, identities.Diagnostics...))

	block := object{"fsid": acctest.FSID(t)}
	for k, v := range ceph {
		block[k] = v
	}
	c.ceph = block
	c.configure()
	return c
}

// newServer is a provider that is not configured yet.
func newServer(t *testing.T) server {
	t.Helper()
	served, err := providertest.Factories["rbd"]()
	if err != nil {
		t.Fatal(err)
	}
	s, ok := served.(server)
	if !ok {
		t.Fatal("the provider lists nothing, or has no actions")
	}
	return s
}

// configure begins another run of Terraform: what resources of the one before
// were planned to have is forgotten.
func (c *client) configure() {
	c.t.Helper()
	ty := c.schema.Provider.ValueType()
	configured, err := c.server.ConfigureProvider(c.t.Context(), &tfprotov6.ConfigureProviderRequest{
		TerraformVersion: "1.14.0", Config: c.dynamic(ty, value(c.t, ty, object{"ceph": c.ceph, "openstack": c.openstack})),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.fine(configured.Diagnostics)
}

// fine fails the test where there are errors.
func (c *client) fine(diags []*tfprotov6.Diagnostic) {
	c.t.Helper()
	if text := errorsOf(diags); text != "" {
		c.t.Fatal(text)
	}
}

func errorsOf(diags []*tfprotov6.Diagnostic) string {
	var out []string
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			out = append(out, d.Summary+": "+d.Detail)
		}
	}
	return strings.Join(out, "\n")
}

func (c *client) resourceType(name string) tftypes.Type {
	return c.schema.ResourceSchemas[name].ValueType()
}

func (c *client) identityType(name string) tftypes.Type { return c.identities[name].ValueType() }

func (c *client) dynamic(ty tftypes.Type, v tftypes.Value) *tfprotov6.DynamicValue {
	c.t.Helper()
	out, err := tfprotov6.NewDynamicValue(ty, v)
	if err != nil {
		c.t.Fatal(err)
	}
	return &out
}

func (c *client) read(ty tftypes.Type, v *tfprotov6.DynamicValue) tftypes.Value {
	c.t.Helper()
	if v == nil {
		return tftypes.NewValue(ty, nil)
	}
	out, err := v.Unmarshal(ty)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *client) readIdentity(name string, v *tfprotov6.ResourceIdentityData) object {
	c.t.Helper()
	if v == nil {
		return nil
	}
	identity, _ := plain(c.t, c.read(c.identityType(name), v.IdentityData)).(object)
	return identity
}

func (c *client) identityData(name string, identity object) *tfprotov6.ResourceIdentityData {
	if identity == nil {
		return nil
	}
	ty := c.identityType(name)
	return &tfprotov6.ResourceIdentityData{IdentityData: c.dynamic(ty, value(c.t, ty, identity))}
}

// instance is a resource as Terraform has it in its state.
type instance struct {
	state    tftypes.Value
	identity object
	private  []byte
}

func (i instance) get(t *testing.T, attribute string) any {
	t.Helper()
	if i.state.IsNull() {
		t.Fatal("it is gone")
	}
	return plain(t, i.state).(object)[attribute]
}

// tryImport is the first half of an import: by identity, or by a spec. It
// returns the errors.
func (c *client) tryImport(name string, by any) (instance, string) {
	c.t.Helper()
	req := &tfprotov6.ImportResourceStateRequest{TypeName: name}
	switch by := by.(type) {
	case string:
		req.ID = by
	case object:
		req.Identity = c.identityData(name, by)
	}
	resp, err := c.server.ImportResourceState(c.t.Context(), req)
	if err != nil {
		c.t.Fatal(err)
	}
	if text := errorsOf(resp.Diagnostics); text != "" {
		return instance{}, text
	}
	if len(resp.ImportedResources) != 1 {
		c.t.Fatalf("%d were imported", len(resp.ImportedResources))
	}
	got := resp.ImportedResources[0]
	return instance{state: c.read(c.resourceType(name), got.State), identity: c.readIdentity(name, got.Identity), private: got.Private}, ""
}

// imported is an import and the read that follows it.
func (c *client) imported(name string, by any) instance {
	c.t.Helper()
	i, text := c.tryImport(name, by)
	if text != "" {
		c.t.Fatal(text)
	}
	return c.refreshed(name, i)
}

func (c *client) refreshed(name string, i instance) instance {
	c.t.Helper()
	resp, err := c.server.ReadResource(c.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: name, CurrentState: c.dynamic(c.resourceType(name), i.state), Private: i.private, CurrentIdentity: c.identityData(name, i.identity),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.fine(resp.Diagnostics)
	return instance{state: c.read(c.resourceType(name), resp.NewState), identity: c.readIdentity(name, resp.NewIdentity), private: resp.Private}
}

// plan checks the configuration and plans it, in a run of its own.
func (c *client) plan(name string, prior instance, config tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	c.t.Helper()
	c.configure()
	return c.planToo(name, prior, config)
}

// planToo is plan in the run that is under way.
func (c *client) planToo(name string, prior instance, config tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	c.t.Helper()
	ty := c.resourceType(name)
	checked, err := c.server.ValidateResourceConfig(c.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: name, Config: c.dynamic(ty, config),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.fine(checked.Diagnostics)
	resp, err := c.server.PlanResourceChange(c.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: name, Config: c.dynamic(ty, config), ProposedNewState: c.dynamic(ty, c.proposed(name, prior.state, config)),
		PriorState: c.dynamic(ty, prior.state), PriorPrivate: prior.private, PriorIdentity: c.identityData(name, prior.identity),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.fine(resp.Diagnostics)
	return resp
}

// apply plans and applies: a creation where there is no prior state, else an
// update.
func (c *client) apply(name string, prior instance, arguments object) instance {
	c.t.Helper()
	ty := c.resourceType(name)
	config := value(c.t, ty, arguments)
	if prior.state.Type() == nil {
		prior.state = tftypes.NewValue(ty, nil)
	}
	planned := c.plan(name, prior, config)
	if len(planned.RequiresReplace) > 0 {
		c.t.Fatalf("it is to be replaced for %v", planned.RequiresReplace)
	}
	resp, err := c.server.ApplyResourceChange(c.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: name, Config: c.dynamic(ty, config), PlannedState: planned.PlannedState, PlannedPrivate: planned.PlannedPrivate,
		PriorState: c.dynamic(ty, prior.state), PlannedIdentity: planned.PlannedIdentity,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.fine(resp.Diagnostics)
	return instance{state: c.read(ty, resp.NewState), identity: c.readIdentity(name, resp.NewIdentity), private: resp.Private}
}

// destroy is at the end of the test; what is gone by then is no error.
func (c *client) destroy(name string, i instance) {
	c.t.Helper()
	c.t.Cleanup(func() { c.destroyNow(name, i) })
}

func (c *client) destroyNow(name string, i instance) {
	c.t.Helper()
	ty := c.resourceType(name)
	gone := tftypes.NewValue(ty, nil)
	resp, err := c.server.ApplyResourceChange(context.WithoutCancel(c.t.Context()), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: name, Config: c.dynamic(ty, gone), PlannedState: c.dynamic(ty, gone), PriorState: c.dynamic(ty, i.state), PlannedPrivate: i.private,
	})
	if err != nil || errorsOf(resp.Diagnostics) != "" {
		c.t.Error(err, errorsOf(resp.Diagnostics))
	}
}

// withoutSecrets is a configuration without what is only to be written.
func withoutSecrets(t *testing.T, all []*tfprotov6.SchemaAttribute, config tftypes.Value) tftypes.Value {
	t.Helper()
	secret := map[string]bool{}
	var walk func([]*tfprotov6.SchemaAttribute)
	walk = func(all []*tfprotov6.SchemaAttribute) {
		for _, a := range all {
			// Their names end so, and others' don't.
			if secret[a.Name] = a.WriteOnly; a.WriteOnly != strings.HasSuffix(a.Name, "_wo") {
				t.Errorf("%s: write-only is %t", a.Name, a.WriteOnly)
			}
			if a.NestedType != nil {
				walk(a.NestedType.Attributes)
			}
		}
	}
	walk(all)
	out, err := tftypes.Transform(config, func(at *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if name, ok := at.LastStep().(tftypes.AttributeName); ok && secret[string(name)] {
			return tftypes.NewValue(v.Type(), nil), nil
		}
		return v, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// proposed is what Terraform makes of a configuration: what it leaves out and
// the provider may set stays as it is, and secrets are left out.
func (c *client) proposed(name string, prior, config tftypes.Value) tftypes.Value {
	c.t.Helper()
	config = withoutSecrets(c.t, c.schema.ResourceSchemas[name].Block.Attributes, config)
	if prior.IsNull() {
		return config
	}
	var was, is map[string]tftypes.Value
	if err := prior.As(&was); err != nil {
		c.t.Fatal(err)
	}
	if err := config.As(&is); err != nil {
		c.t.Fatal(err)
	}
	is = maps.Clone(is) // the configuration stays as it is
	for _, a := range c.schema.ResourceSchemas[name].Block.Attributes {
		if a.Computed && is[a.Name].IsNull() {
			is[a.Name] = was[a.Name]
		}
	}
	return tftypes.NewValue(c.resourceType(name), is)
}

// generated is the configuration that -generate-config-out writes for a state.
func (c *client) generated(name string, state tftypes.Value) tftypes.Value {
	c.t.Helper()
	ty := c.resourceType(name)
	resp, err := c.server.GenerateResourceConfig(c.t.Context(), &tfprotov6.GenerateResourceConfigRequest{TypeName: name, State: c.dynamic(ty, state)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.fine(resp.Diagnostics)
	return c.read(ty, resp.Config)
}

// listing is what a list block gives.
type listing struct {
	names      []string
	identities []object
	resources  []tftypes.Value
	warnings   []string
	errors     []string
}

// query is `terraform query`: the configuration is checked first.
func (c *client) query(name string, limit int64, include bool, arguments object) listing {
	c.t.Helper()
	ty := c.schema.ListResourceSchemas[name].ValueType()
	config := c.dynamic(ty, value(c.t, ty, arguments))
	checked, err := c.server.ValidateListResourceConfig(c.t.Context(), &tfprotov6.ValidateListResourceConfigRequest{TypeName: name, Config: config})
	if err != nil {
		c.t.Fatal(err)
	}
	if text := errorsOf(checked.Diagnostics); text != "" {
		return listing{errors: []string{text}}
	}
	stream, err := c.server.ListResource(c.t.Context(), &tfprotov6.ListResourceRequest{TypeName: name, Config: config, Limit: limit, IncludeResource: include})
	if err != nil {
		c.t.Fatal(err)
	}
	var out listing
	for r := range stream.Results {
		if text := errorsOf(r.Diagnostics); text != "" {
			out.errors = append(out.errors, text)
			continue
		}
		for _, d := range r.Diagnostics {
			out.warnings = append(out.warnings, d.Summary+": "+d.Detail)
		}
		if r.Identity == nil {
			continue
		}
		out.names = append(out.names, r.DisplayName)
		out.identities = append(out.identities, c.readIdentity(name, r.Identity))
		out.resources = append(out.resources, c.read(c.resourceType(name), r.Resource))
	}
	return out
}

// invocation is what an action says.
type invocation struct {
	warnings string // of the plan
	lines    []string
	errors   string
}

// planAction checks the configuration and plans it.
func (c *client) planAction(name string, arguments object) (out invocation) {
	c.t.Helper()
	config := c.actionConfig(name, arguments)
	checked, err := c.server.ValidateActionConfig(c.t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: config})
	if err != nil {
		c.t.Fatal(err)
	}
	if out.errors = errorsOf(checked.Diagnostics); out.errors != "" {
		return out
	}
	planned, err := c.server.PlanAction(c.t.Context(), &tfprotov6.PlanActionRequest{ActionType: name, Config: config})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, d := range planned.Diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning {
			out.warnings += d.Summary + ": " + d.Detail + "\n"
		}
	}
	out.errors = errorsOf(planned.Diagnostics)
	return out
}

func (c *client) actionConfig(name string, arguments object) *tfprotov6.DynamicValue {
	c.t.Helper()
	ty := c.schema.ActionSchemas[name].Schema.ValueType()
	return c.dynamic(ty, value(c.t, ty, arguments))
}

// invoke invokes an action without a plan before.
func (c *client) invoke(name string, arguments object) (out invocation) {
	c.t.Helper()
	return c.invokeUntil(c.t.Context(), name, arguments)
}

func (c *client) invokeUntil(ctx context.Context, name string, arguments object) (out invocation) {
	c.t.Helper()
	stream, err := c.server.InvokeAction(ctx, &tfprotov6.InvokeActionRequest{ActionType: name, Config: c.actionConfig(name, arguments)})
	if err != nil {
		c.t.Fatal(err)
	}
	for e := range stream.Events {
		switch e := e.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			out.lines = append(out.lines, e.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			out.errors = errorsOf(e.Diagnostics)
		}
	}
	return out
}

// done plans and invokes an action that must succeed.
func (c *client) done(name string, arguments object) invocation {
	c.t.Helper()
	planned := c.planAction(name, arguments)
	if planned.errors != "" {
		c.t.Fatal(planned.errors)
	}
	invoked := c.invoke(name, arguments)
	if invoked.errors != "" {
		c.t.Fatal(invoked.errors)
	}
	invoked.warnings = planned.warnings
	return invoked
}
