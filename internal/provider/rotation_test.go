// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/glance"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// Three releases, one after the other; back to the second; and without the first.
func TestRotationExample(t *testing.T) {
	name := providertest.Name(t)
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "terraform-provider-rbd")
	client := glance.New(glance.Config{Cloud: os.Getenv("OS_CLOUD")})
	t.Cleanup(func() { dropRecords(t, client, name) })
	files := map[string]string{}
	for _, release := range []string{"1", "2", "3"} {
		files[release] = filepath.Join(t.TempDir(), release+".qcow2")
		if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", files[release], "8M").CombinedOutput(); err != nil {
			t.Fatalf("qemu-img: %v: %s", err, out)
		}
	}

	ids := map[string]string{} // of the images, by release
	example := read(t, filepath.Join(top, "examples", "golden-image-rotation", "main.tf"))
	step := func(current string, releases ...string) resource.TestStep {
		kept := map[string]config.Variable{}
		for _, r := range releases {
			kept[r] = config.StringVariable(files[r])
		}
		return resource.TestStep{
			Config: example,
			ConfigVariables: config.Variables{
				"name": config.StringVariable(name), "current": config.StringVariable(current), "releases": config.MapVariable(kept),
			},
			// Not Check, which can't read a state with for_each.
			ConfigStateChecks: []statecheck.StateCheck{truth(func() error {
				images, err := client.FindByName(t.Context(), name)
				if err != nil {
					return err
				}
				var shown []string
				for _, i := range images {
					release := strings.TrimPrefix(i.Tags[0], "release-")
					if ids[release] == "" {
						ids[release] = i.ID
					}
					if ids[release] != i.ID || i.Status != glance.StatusActive {
						return fmt.Errorf("release %s was image %s, is %+v", release, ids[release], i)
					}
					if !i.Hidden {
						shown = append(shown, release)
					}
				}
				if len(images) != len(ids) || !slices.Equal(shown, []string{current}) {
					return fmt.Errorf("%d images, shown are %v", len(images), shown)
				}
				return nil
			})},
		}
	}
	address := func(release string) string { return fmt.Sprintf("rbd_glance_image_location.release[%q]", release) }
	planned := func(s resource.TestStep, actions map[string]plancheck.ResourceActionType) resource.TestStep {
		for _, release := range slices.Sorted(maps.Keys(actions)) {
			s.ConfigPlanChecks.PreApply = append(s.ConfigPlanChecks.PreApply, plancheck.ExpectResourceAction(address(release), actions[release]))
		}
		return s
	}
	providertest.Run(t, resource.TestCase{Steps: []resource.TestStep{
		step("1", "1"),
		step("2", "1", "2"),
		step("3", "1", "2", "3"),
		planned(step("2", "1", "2", "3"), map[string]plancheck.ResourceActionType{
			"1": plancheck.ResourceActionNoop, "2": plancheck.ResourceActionUpdate, "3": plancheck.ResourceActionUpdate,
		}),
		planned(step("2", "2", "3"), map[string]plancheck.ResourceActionType{
			"1": plancheck.ResourceActionDestroy, "2": plancheck.ResourceActionNoop, "3": plancheck.ResourceActionNoop,
		}),
		// All of it is left, and hidden, but in no state.
		{Config: "locals {}\n"},
	}})
	for _, release := range []string{"1", "2", "3"} {
		if out := acctest.RBD(t, "snap", "ls", "images/"+name+"-"+release); !strings.Contains(out, "yes") {
			t.Errorf("the snapshot of release %s is gone or not protected: %s", release, out)
		}
	}
}

// truth is a check that looks at the cluster and at Glance, not at the state.
type truth func() error

func (f truth) CheckState(_ context.Context, _ statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	resp.Error = f()
}

// dropRecords removes what a retired release has left, but for its data.
func dropRecords(t *testing.T, c *glance.Client, name string) {
	ctx := context.Background()
	images, err := c.FindByName(ctx, name)
	if err != nil || len(images) != 3 {
		t.Errorf("%d images are left, want 3 (%v)", len(images), err)
	}
	for _, i := range images {
		err := c.Deactivate(ctx, i.ID)
		if err == nil {
			_, err = c.DeleteRecord(ctx, i.ID)
		}
		if err != nil {
			t.Error(err)
			continue
		}
		acctest.RBD(t, "rm", "--no-progress", "images/guard."+i.ID)
	}
}
