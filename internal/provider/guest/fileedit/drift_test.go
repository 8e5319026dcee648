// SPDX-License-Identifier: MPL-2.0

package fileedit_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// driftIs expects the plan to say that one file, and no other, does not hold.
func driftIs(address, path, want string) plancheck.PlanCheck { return driftCheck{address, path, want} }

type driftCheck struct{ address, path, want string }

func (c driftCheck) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, rc := range req.Plan.ResourceChanges {
		if rc.Address != c.address {
			continue
		}
		before, _ := rc.Change.Before.(map[string]any)
		drift, _ := before["drift"].(map[string]any)
		if len(drift) != 1 || !strings.Contains(fmt.Sprint(drift[c.path]), c.want) {
			resp.Error = fmt.Errorf("drift is %v, want %q at %s", drift, c.want, c.path)
		}
		return
	}
	resp.Error = fmt.Errorf("no change of %s is planned", c.address)
}

// drifts expects the plan to say of how many files something does not hold.
type drifts struct {
	address string
	files   int
}

func (c drifts) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, rc := range req.Plan.ResourceChanges {
		before, _ := rc.Change.Before.(map[string]any)
		if drift, _ := before["drift"].(map[string]any); rc.Address == c.address && len(drift) != c.files {
			resp.Error = fmt.Errorf("drift of %s is %v, want %d files", c.address, drift, c.files)
		}
	}
}

// revisions expects equal values.
type revisions struct{}

func (*revisions) CompareValues(values ...any) error {
	for _, v := range values {
		if v != values[0] {
			return fmt.Errorf("%v is not %v", v, values[0])
		}
	}
	return nil
}
