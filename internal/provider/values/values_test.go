// SPDX-License-Identifier: MPL-2.0

package values_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/values"
)

func TestStrings(t *testing.T) {
	t.Parallel()
	elements := []attr.Value{types.StringValue("b"), types.StringNull(), types.StringValue(""), types.StringUnknown(), types.StringValue("a"), types.Int64Value(1)}
	if got, want := values.Strings(elements), []string{"b", "", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := values.Sorted(elements), []string{"", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := values.Strings(nil); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	got := values.Map(map[string]attr.Value{"a": types.StringValue("1"), "b": types.StringNull(), "c": types.StringUnknown()})
	if want := (map[string]string{"a": "1", "b": ""}); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := values.Map(nil); got == nil {
		t.Error("of nothing: nil")
	}
}
