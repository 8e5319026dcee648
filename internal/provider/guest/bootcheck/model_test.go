// SPDX-License-Identifier: MPL-2.0

package bootcheck

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"
)

// A state that is older than an argument has its default, and another machine is
// booted again.
func TestSameMachine(t *testing.T) {
	none := types.MapNull(types.StringType)
	null, unknown, of := types.StringNull(), types.StringUnknown(), types.StringValue
	for _, c := range []struct {
		architecture, firmware       types.String
		wasArchitecture, wasFirmware types.String
		same                         bool
	}{
		{null, null, null, null, true},
		{of("x86_64"), of("bios"), null, null, true},
		{null, null, of("x86_64"), of("bios"), true},
		{null, of("uefi"), null, null, false},
		{null, null, null, of("uefi"), false},
		{of("aarch64"), null, null, null, false},
		{of("aarch64"), null, null, of("uefi"), false},
		{of("aarch64"), of("uefi"), of("aarch64"), null, true},
		{unknown, null, null, null, false},
		{null, unknown, null, null, false},
	} {
		plan, state := model{Triggers: none, Architecture: c.architecture, Firmware: c.firmware}, model{Triggers: none, Architecture: c.wasArchitecture, Firmware: c.wasFirmware}
		if same := sameArguments(plan, state); same != c.same {
			t.Errorf("%+v: %v", c, same)
		}
	}
}
