// SPDX-License-Identifier: MPL-2.0

package action

import (
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providerdata"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// ErrNoPool says that no pool is named anywhere.
var ErrNoPool = errors.New("neither the action nor the provider's ceph argument names a pool")

// PoolAttribute and NamespaceAttribute are of an action that is about a pool and
// namespace.
var (
	PoolAttribute = schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.Pool()},
		MarkdownDescription: "Pool. By default that of the provider's `ceph` argument."}
	NamespaceAttribute = schema.StringAttribute{Optional: true, Validators: []validator.String{namecheck.Namespace()},
		MarkdownDescription: "RBD namespace in the pool, `\"\"` for the default one. By default that of the provider's `ceph` argument where `pool` is left out, else the default one."}
)

// Place is the pool and namespace that are meant. The provider's namespace is one of
// the provider's pool.
func Place(d *providerdata.Data, pool, namespace types.String) (rbd.Spec, error) {
	at := rbd.Spec{Pool: pool.ValueString(), Namespace: namespace.ValueString()}
	if pool.IsNull() && d != nil {
		at.Pool = d.Pool
		if namespace.IsNull() {
			at.Namespace = d.Namespace
		}
	}
	if at.Pool == "" {
		return at, ErrNoPool
	}
	return at, nil
}
