// SPDX-License-Identifier: MPL-2.0

package glancelocation

import (
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/registration"
)

// When the data is read and hashed.
const (
	hashOff   = "off"
	hashOnce  = "once"
	hashEager = "eager"
)

func (m model) defaultTimeout() time.Duration {
	if m.wantsHash() || !m.VerifyHash.IsNull() || !m.CopyToStores.IsNull() {
		return hashTimeout
	}
	return defaultTimeout
}

// wantsHash is false too for what was imported and not yet applied.
func (m model) wantsHash() bool {
	return m.Hash.ValueString() == hashOnce || m.Hash.ValueString() == hashEager
}

func (m *model) setHashes(h registration.Hashes) {
	m.HashAlgo, m.HashValue, m.Checksum = text(h.Algo), text(h.Value), text(h.Checksum)
}

func (m model) hashes() registration.Hashes {
	return registration.Hashes{Algo: m.HashAlgo.ValueString(), Value: m.HashValue.ValueString(), Checksum: m.Checksum.ValueString()}
}

// verifyAsked: any new value of verify_hash asks once.
func verifyAsked(state, plan model) bool {
	return !plan.VerifyHash.IsNull() && !plan.VerifyHash.Equal(state.VerifyHash)
}

// planHashes plans what the record will have. A record can't be given hashes
// after it became active.
func planHashes(plan *model, config, state model, fresh bool, resp *resource.ModifyPlanResponse) {
	switch {
	case fresh && plan.wantsHash():
		plan.HashAlgo = config.HashAlgo
		if config.HashAlgo.IsNull() {
			plan.HashAlgo = types.StringValue(defaultHashAlgo)
		}
		plan.HashValue, plan.Checksum, plan.HashMatches = types.StringUnknown(), types.StringUnknown(), types.BoolValue(true)
	case fresh:
		// Of an image that has a hash, the configuration may say so (as one does
		// that was generated); a new one gets none.
		if !config.HashAlgo.IsNull() && !config.HashAlgo.IsUnknown() && !plan.Hash.IsUnknown() {
			resp.Diagnostics.AddAttributeError(path.Root("os_hash_algo"), "An algorithm without a hash",
				"os_hash_algo says with what the data is hashed, and hash is \"off\". Set hash to \"once\" or \"eager\", or leave out os_hash_algo.")
		}
		plan.HashAlgo, plan.HashValue, plan.Checksum = config.HashAlgo, types.StringUnknown(), types.StringUnknown()
		if config.HashAlgo.IsNull() {
			plan.HashAlgo = types.StringUnknown()
		}
		plan.HashMatches = types.BoolUnknown()
	default:
		if !plan.wantsHash() && !config.HashAlgo.IsNull() && !config.HashAlgo.IsUnknown() && !config.HashAlgo.Equal(state.HashAlgo) {
			kind.AttributeError(&resp.Diagnostics, path.Root("os_hash_algo"), "plan", state.ImageID.ValueString(),
				fmt.Errorf("%w, or has one of another algorithm (%s)", registration.ErrNoHash, state.HashAlgo.ValueString()))
		}
		plan.HashAlgo, plan.HashValue, plan.Checksum = state.HashAlgo, state.HashValue, state.Checksum
		plan.HashMatches = state.HashMatches
		if plan.wantsHash() || verifyAsked(state, *plan) {
			plan.HashMatches = types.BoolValue(true)
		}
		if verifyAsked(state, *plan) && state.HashValue.IsNull() {
			kind.AttributeError(&resp.Diagnostics, path.Root("verify_hash"), "plan", state.ImageID.ValueString(),
				fmt.Errorf("%w, so there is nothing to compare with", registration.ErrNoHash))
		}
	}
}

// defaultHashAlgo is Glance's own default of hashing_algorithm.
const defaultHashAlgo = "sha512"

// planReplaceHashes wants a new record where the hashes of the old one are not
// those that are wanted.
func planReplaceHashes(plan, config, state model, resp *resource.ModifyPlanResponse) {
	if !plan.wantsHash() {
		return
	}
	id := state.ImageID.ValueString()
	var why string
	switch {
	case state.HashValue.IsNull():
		why = fmt.Sprintf("Image %q has no hashes, and Glance takes them only while an image has no data yet.", id)
	case !config.HashAlgo.IsNull() && !config.HashAlgo.IsUnknown() && !config.HashAlgo.Equal(state.HashAlgo):
		why = fmt.Sprintf("Image %q has a hash of the algorithm %s, which Glance can't change any more.", id, state.HashAlgo.ValueString())
	case !state.HashMatches.IsNull() && !state.HashMatches.ValueBool():
		why = fmt.Sprintf("The hashes that Glance has of image %q are not those of its data: %s. Look for who changed them before you apply.", id, state.hashes())
	default:
		return
	}
	resp.Diagnostics.AddAttributeWarning(path.Root("hash"), "The image needs to be made anew for its hash",
		why+" The new one has another ID: hash = \"off\" keeps this one.")
	resp.RequiresReplace = append(resp.RequiresReplace, path.Root("os_hash_value"))
}
