// SPDX-License-Identifier: MPL-2.0

// Package configcheck refuses what no argument of any type takes, nulls in lists
// for example, before the plugin framework turns a configuration into Go and
// fails with words that are for us and not for users. What a single argument
// takes its own validators say.
package configcheck

import (
	"context"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// framework is what a provider of the plugin framework serves.
type framework interface {
	tfprotov6.ProviderServerWithListResource //nolint:staticcheck // until they are in the interfaces that it names
	tfprotov6.ActionServer
}

type server struct {
	framework
	schemas func() (*tfprotov6.GetProviderSchemaResponse, error)
}

// Wrap puts the checks in front of a provider of the plugin framework. Terraform
// validates a configuration again with each plan and apply, so that what was
// unknown before is seen then.
func Wrap(s tfprotov6.ProviderServer) tfprotov6.ProviderServer {
	of, ok := s.(framework)
	if !ok {
		return s
	}
	return &server{framework: of, schemas: sync.OnceValues(func() (*tfprotov6.GetProviderSchemaResponse, error) {
		return of.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	})}
}

func (s *server) ValidateProviderConfig(ctx context.Context, req *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	found, err := s.check(func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema { return all.Provider }, req.Config)
	if err != nil || len(found) > 0 {
		return &tfprotov6.ValidateProviderConfigResponse{Diagnostics: found}, err
	}
	resp, err := s.framework.ValidateProviderConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = ours(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateResourceConfig(ctx context.Context, req *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	found, err := s.check(func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.ResourceSchemas[req.TypeName]
	}, req.Config)
	if err != nil || len(found) > 0 {
		return &tfprotov6.ValidateResourceConfigResponse{Diagnostics: found}, err
	}
	resp, err := s.framework.ValidateResourceConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = ours(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateDataResourceConfig(ctx context.Context, req *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	found, err := s.check(func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.DataSourceSchemas[req.TypeName]
	}, req.Config)
	if err != nil || len(found) > 0 {
		return &tfprotov6.ValidateDataResourceConfigResponse{Diagnostics: found}, err
	}
	resp, err := s.framework.ValidateDataResourceConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = ours(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateListResourceConfig(ctx context.Context, req *tfprotov6.ValidateListResourceConfigRequest) (*tfprotov6.ValidateListResourceConfigResponse, error) {
	found, err := s.check(func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		return all.ListResourceSchemas[req.TypeName]
	}, req.Config)
	if err != nil || len(found) > 0 {
		return &tfprotov6.ValidateListResourceConfigResponse{Diagnostics: found}, err
	}
	resp, err := s.framework.ValidateListResourceConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = ours(resp.Diagnostics)
	}
	return resp, err
}

func (s *server) ValidateActionConfig(ctx context.Context, req *tfprotov6.ValidateActionConfigRequest) (*tfprotov6.ValidateActionConfigResponse, error) {
	found, err := s.check(func(all *tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema {
		if a := all.ActionSchemas[req.ActionType]; a != nil {
			return a.Schema
		}
		return nil
	}, req.Config)
	if err != nil || len(found) > 0 {
		return &tfprotov6.ValidateActionConfigResponse{Diagnostics: found}, err
	}
	resp, err := s.framework.ValidateActionConfig(ctx, req)
	if resp != nil {
		resp.Diagnostics = ours(resp.Diagnostics)
	}
	return resp, err
}

// ours leaves out what the framework says of an argument that is null: it was
// looked for here, and the framework takes what is not known for null.
func ours(diags []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	return slices.DeleteFunc(diags, func(d *tfprotov6.Diagnostic) bool {
		return d.Summary == "Missing Configuration for Required Attribute"
	})
}

// check finds nothing where there is no such schema, or no value of it: the
// framework has words for that.
func (s *server) check(of func(*tfprotov6.GetProviderSchemaResponse) *tfprotov6.Schema, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
	all, err := s.schemas()
	if err != nil {
		return nil, err
	}
	schema := of(all)
	if schema == nil || config == nil {
		return nil, nil
	}
	v, err := config.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	return checkBlock(schema.Block, v)
}
