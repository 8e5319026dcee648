// SPDX-License-Identifier: MPL-2.0

// Package predestroy keeps what a plan refuses to make from standing in the way
// of `terraform destroy`. Before Terraform plans to destroy, it plans the
// configuration as if it were to be applied, and throws that plan away; with an
// error in it the destroy ends there.
package predestroy

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
)

// wrapped is what a provider of the plugin framework serves.
type wrapped interface {
	tfprotov6.ProviderServerWithListResource //nolint:staticcheck // until they are in the interfaces that it names
	tfprotov6.ActionServer
}

type server struct {
	wrapped
}

// Wrap gives a provider of the plugin framework that warns of what it refuses to
// make or to change, where Terraform was started to destroy. What it refuses to
// destroy stays an error.
func Wrap(s tfprotov6.ProviderServer) tfprotov6.ProviderServer {
	of, ok := s.(wrapped)
	if !ok || !Destroys() {
		return s
	}
	return &server{wrapped: of}
}

func (s *server) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	providerdata.NoteConfigured()
	return s.wrapped.ReadResource(ctx, req)
}

func (s *server) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	providerdata.NoteConfigured()
	return s.wrapped.ReadDataSource(ctx, req)
}

func (s *server) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	if !isNull(req.ProposedNewState) {
		providerdata.NoteConfigured()
	}
	resp, err := s.wrapped.PlanResourceChange(ctx, req)
	if err != nil || resp == nil || isNull(req.ProposedNewState) {
		return resp, err
	}
	refused := false
	for _, d := range resp.Diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			d.Severity = tfprotov6.DiagnosticSeverityWarning
			refused = true
		}
	}
	if refused && resp.PlannedState == nil {
		resp.PlannedState = req.ProposedNewState
	}
	return resp, nil
}

func isNull(v *tfprotov6.DynamicValue) bool {
	if v == nil {
		return true
	}
	null, err := v.IsNull()
	return err == nil && null
}
