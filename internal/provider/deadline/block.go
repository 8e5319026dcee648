package deadline

import (
	"context"

	datatimeouts "github.com/hashicorp/terraform-plugin-framework-timeouts/datasource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/durationtype"
)

// limits take the place of the library's own validators, which accept a time
// that is over before anything begins.
var limits = []validator.String{durationtype.Limit()}

// Block is the timeouts block of a resource.
func Block(ctx context.Context, opts timeouts.Opts) schema.Block {
	block, ok := timeouts.Block(ctx, opts).(schema.SingleNestedBlock)
	if !ok {
		panic("the timeouts of the library are no single block any more")
	}
	for name, a := range block.Attributes {
		if text, ok := a.(schema.StringAttribute); ok {
			text.Validators = limits
			block.Attributes[name] = text
		}
	}
	return block
}

// DataSourceBlock is the timeouts block of a data source.
func DataSourceBlock(ctx context.Context, opts datatimeouts.Opts) dataschema.Block {
	block, ok := datatimeouts.BlockWithOpts(ctx, opts).(dataschema.SingleNestedBlock)
	if !ok {
		panic("the timeouts of the library are no single block any more")
	}
	for name, a := range block.Attributes {
		if text, ok := a.(dataschema.StringAttribute); ok {
			text.Validators = limits
			block.Attributes[name] = text
		}
	}
	return block
}
