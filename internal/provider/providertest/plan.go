// SPDX-License-Identifier: MPL-2.0

package providertest

import (
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// Expect checks the plan of a step before it is applied.
func Expect(checks ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: checks}
}

// Nothing expects a plan without any change.
func Nothing() resource.ConfigPlanChecks { return Expect(plancheck.ExpectEmptyPlan()) }

// Creates expects a plan that makes a resource.
func Creates(address string) plancheck.PlanCheck {
	return plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate)
}

// Updates expects a plan that changes a resource in place.
func Updates(address string) plancheck.PlanCheck {
	return plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)
}

// Replaces expects a plan that destroys a resource, and then makes it anew.
func Replaces(address string) plancheck.PlanCheck {
	return plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroyBeforeCreate)
}

// Destroys expects a plan that destroys a resource.
func Destroys(address string) plancheck.PlanCheck {
	return plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroy)
}

// Keeps expects a plan that leaves a resource as it is.
func Keeps(address string) plancheck.PlanCheck {
	return plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop)
}

// Plans expects a plan that knows what an attribute will be.
func Plans(address, attribute string, want knownvalue.Check) plancheck.PlanCheck {
	return plancheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}
