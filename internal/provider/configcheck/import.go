// SPDX-License-Identifier: MPL-2.0

package configcheck

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// ImportResourceState refuses an import by nothing, or by an identity of which
// something is missing.
func (s *server) ImportResourceState(ctx context.Context, req *tfprotov6.ImportResourceStateRequest) (*tfprotov6.ImportResourceStateResponse, error) {
	found, err := s.checkImport(ctx, req)
	if err != nil || len(found) > 0 {
		return &tfprotov6.ImportResourceStateResponse{Diagnostics: found}, err
	}
	return s.framework.ImportResourceState(ctx, req)
}

func (s *server) checkImport(ctx context.Context, req *tfprotov6.ImportResourceStateRequest) ([]*tfprotov6.Diagnostic, error) {
	if req.ID != "" {
		return nil, nil
	}
	nothing := []*tfprotov6.Diagnostic{{
		Severity: tfprotov6.DiagnosticSeverityError, Summary: "Nothing to import by",
		Detail: "The import id is empty. The documentation of " + req.TypeName + " says what it is.",
	}}
	if req.Identity == nil || req.Identity.IdentityData == nil {
		return nothing, nil
	}
	all, err := s.framework.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, err
	}
	schema := all.IdentitySchemas[req.TypeName]
	if schema == nil {
		return nothing, nil
	}
	v, err := req.Identity.IdentityData.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, nil //nolint:nilerr // the framework has words for that
	}
	if !known(v) {
		return nothing, nil
	}
	c := &checker{}
	var parts map[string]tftypes.Value
	c.as(v, &parts)
	for _, a := range schema.IdentityAttributes {
		at := place{path: tftypes.NewAttributePath()}.attribute(a.Name)
		if a.RequiredForImport && parts[a.Name].IsNull() {
			c.refuse(at, "No "+a.Name, "%s of the identity is null, and needs a value.", at.name)
			continue
		}
		c.value(at, parts[a.Name])
	}
	return c.diagnostics(), c.err
}
