// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider"
)

// server is the provider in this process, spoken to as the command line does but
// without a pipe between.
type server struct{ tfprotov6.ProviderServer }

// newServer configures the provider from the environment.
func newServer(ctx context.Context) (server, error) {
	s := server{providerserver.NewProtocol6(provider.New("bench")())()}
	schema, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return s, err
	}
	of, ok := schema.Provider.ValueType().(tftypes.Object)
	if !ok {
		return s, errors.New("the provider's schema is no object")
	}
	values := map[string]tftypes.Value{}
	for name, t := range of.AttributeTypes {
		values[name] = tftypes.NewValue(t, nil)
	}
	config, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, values))
	if err != nil {
		return s, err
	}
	resp, err := s.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{Config: &config})
	if err != nil {
		return s, err
	}
	return s, failed(resp.Diagnostics)
}

// newServerOf is newServer with another ceph.conf: the provider takes it from
// where everything takes it.
func newServerOf(ctx context.Context, conf string) (server, error) {
	old := os.Getenv("CEPH_CONF")
	if err := os.Setenv("CEPH_CONF", conf); err != nil {
		return server{}, err
	}
	s, err := newServer(ctx)
	return s, errors.Join(err, os.Setenv("CEPH_CONF", old))
}

// importState is `terraform import`: the import and the first read, by which
// the provider marks what it has. The request returned is that of a refresh.
func (s server) importState(ctx context.Context, typeName, id string) (*tfprotov6.ReadResourceRequest, error) {
	imported, err := s.ImportResourceState(ctx, &tfprotov6.ImportResourceStateRequest{TypeName: typeName, ID: id})
	if err == nil {
		err = failed(imported.Diagnostics)
	}
	if err == nil && len(imported.ImportedResources) != 1 {
		err = fmt.Errorf("%d resources", len(imported.ImportedResources))
	}
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", id, err)
	}
	r := imported.ImportedResources[0]
	req := &tfprotov6.ReadResourceRequest{TypeName: typeName, CurrentState: r.State, Private: r.Private, CurrentIdentity: r.Identity}
	resp, err := s.read(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", id, err)
	}
	return &tfprotov6.ReadResourceRequest{TypeName: typeName, CurrentState: resp.NewState, Private: resp.Private, CurrentIdentity: resp.NewIdentity}, nil
}

func (s server) read(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := s.ReadResource(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp, failed(resp.Diagnostics)
}

// refresh reads what must not have changed.
func (s server) refresh(ctx context.Context, req *tfprotov6.ReadResourceRequest) error {
	resp, err := s.read(ctx, req)
	if err == nil && !bytes.Equal(resp.NewState.MsgPack, req.CurrentState.MsgPack) {
		err = errors.New("the state has changed")
	}
	return err
}

// create is the plan and the apply of a new resource with this configuration;
// what is not named in it is null. It returns the state.
func (s server) create(ctx context.Context, typeName string, config map[string]any) (*tfprotov6.DynamicValue, error) {
	return s.change(ctx, typeName, nil, config)
}

// update is the refresh, the plan and the apply of another configuration in
// place. It returns the new state.
func (s server) update(ctx context.Context, typeName string, state *tfprotov6.DynamicValue, config map[string]any) (*tfprotov6.DynamicValue, error) {
	read, err := s.read(ctx, &tfprotov6.ReadResourceRequest{TypeName: typeName, CurrentState: state})
	if err != nil {
		return nil, err
	}
	return s.change(ctx, typeName, read.NewState, config)
}

// change is for a resource with the state prior, or a new one where that is nil.
func (s server) change(ctx context.Context, typeName string, prior *tfprotov6.DynamicValue, config map[string]any) (*tfprotov6.DynamicValue, error) {
	schema, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	of := schema.ResourceSchemas[typeName].ValueType()
	given, err := object(of, config, nil)
	if err != nil {
		return nil, err
	}
	was := map[string]tftypes.Value{}
	if prior == nil {
		none, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, nil))
		if err != nil {
			return nil, err
		}
		prior = &none
	} else {
		v, err := prior.Unmarshal(of)
		if err == nil {
			err = v.As(&was)
		}
		if err != nil {
			return nil, err
		}
	}
	// What is computed, and not given, is as it was, or unknown in a plan.
	computed := map[string]tftypes.Value{}
	for _, a := range schema.ResourceSchemas[typeName].Block.Attributes {
		if v, ok := was[a.Name]; ok && a.Computed {
			computed[a.Name] = v
		} else if a.Computed {
			computed[a.Name] = tftypes.NewValue(a.Type, tftypes.UnknownValue)
		}
	}
	proposed, err := object(of, config, computed)
	if err != nil {
		return nil, err
	}
	planned, err := s.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{TypeName: typeName, PriorState: prior, ProposedNewState: &proposed, Config: &given})
	if err == nil {
		err = failed(planned.Diagnostics)
	}
	if err == nil && len(was) > 0 && len(planned.RequiresReplace) > 0 {
		err = errors.New("it is planned to be replaced")
	}
	if err != nil {
		return nil, err
	}
	return s.apply(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: typeName, PriorState: prior, PlannedState: planned.PlannedState, Config: &given, PlannedPrivate: planned.PlannedPrivate,
	})
}

// destroy removes what create has made.
func (s server) destroy(ctx context.Context, typeName string, state *tfprotov6.DynamicValue) error {
	schema, err := s.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return err
	}
	of := schema.ResourceSchemas[typeName].ValueType()
	none, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, nil))
	if err != nil {
		return err
	}
	_, err = s.apply(ctx, &tfprotov6.ApplyResourceChangeRequest{TypeName: typeName, PriorState: state, PlannedState: &none, Config: &none})
	return err
}

func (s server) apply(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.DynamicValue, error) {
	resp, err := s.ApplyResourceChange(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp.NewState, failed(resp.Diagnostics)
}

// object makes a value of an object type out of strings and nested objects. What
// is not given is null, or what it is in computed.
func object(of tftypes.Type, given map[string]any, computed map[string]tftypes.Value) (tfprotov6.DynamicValue, error) {
	v, err := objectValue(of, given, computed)
	if err != nil {
		return tfprotov6.DynamicValue{}, err
	}
	return tfprotov6.NewDynamicValue(of, v)
}

func objectValue(of tftypes.Type, given map[string]any, computed map[string]tftypes.Value) (tftypes.Value, error) {
	o, ok := of.(tftypes.Object)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("%s is no object", of)
	}
	values := map[string]tftypes.Value{}
	for name, t := range o.AttributeTypes {
		switch v := given[name].(type) {
		case nil:
			values[name] = tftypes.NewValue(t, nil)
			if v, ok := computed[name]; ok {
				values[name] = v
			}
		case map[string]any:
			nested, err := nestedValue(t, v)
			if err != nil {
				return nested, err
			}
			values[name] = nested
		default:
			values[name] = tftypes.NewValue(t, v)
		}
	}
	return tftypes.NewValue(of, values), nil
}

// nestedValue is an object, or a map of them.
func nestedValue(of tftypes.Type, given map[string]any) (tftypes.Value, error) {
	m, ok := of.(tftypes.Map)
	if !ok {
		return objectValue(of, given, nil)
	}
	values := map[string]tftypes.Value{}
	for name, v := range given {
		fields, ok := v.(map[string]any)
		if !ok {
			return tftypes.Value{}, fmt.Errorf("%s is no object", name)
		}
		var err error
		if values[name], err = objectValue(m.ElementType, fields, nil); err != nil {
			return values[name], err
		}
	}
	return tftypes.NewValue(of, values), nil
}

func failed(diags []*tfprotov6.Diagnostic) error {
	var err error
	for _, d := range diags {
		err = errors.Join(err, fmt.Errorf("%s: %s", d.Summary, d.Detail))
	}
	return err
}
