// SPDX-License-Identifier: MPL-2.0

package provenance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// statement is what the published specifications of in-toto and SLSA call its fields.
type statement struct {
	Type    string `json:"_type"`
	Subject []struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string `json:"predicateType"`
	Predicate     struct {
		BuildDefinition struct {
			BuildType          string `json:"buildType"`
			ExternalParameters struct {
				Steps []struct {
					Type            string `json:"type"`
					ArgumentsSHA256 string `json:"argumentsSha256"`
					Source          string `json:"source"`
				} `json:"steps"`
			} `json:"externalParameters"`
			InternalParameters   map[string]any `json:"internalParameters"`
			ResolvedDependencies []struct {
				URI    string            `json:"uri"`
				Digest map[string]string `json:"digest"`
			} `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
		RunDetails struct {
			Builder struct {
				ID      string            `json:"id"`
				Version map[string]string `json:"version"`
			} `json:"builder"`
			Metadata struct {
				FinishedOn string `json:"finishedOn"`
			} `json:"metadata"`
		} `json:"runDetails"`
	} `json:"predicate"`
}

func parse(t *testing.T, text string) statement {
	t.Helper()
	var s statement
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	return s
}

// types are those of the steps, in order.
func types(s statement) string {
	var out []string
	for _, step := range s.Predicate.BuildDefinition.ExternalParameters.Steps {
		out = append(out, step.Type)
	}
	return strings.Join(out, " ")
}

func ask(label, snapshot string, more ...string) string {
	return fmt.Sprintf("data \"rbd_image_provenance\" %q {\n  snapshot = %s\n%s\n}\n", label, snapshot, strings.Join(more, "\n"))
}

// told checks what a data source has found.
func told(t *testing.T, label string, check func(s statement, complete bool, reason string)) resource.TestCheckFunc {
	return func(state *terraform.State) error {
		a := state.RootModule().Resources["data.rbd_image_provenance."+label].Primary.Attributes
		check(parse(t, a["statement"]), a["complete"] == "true", a["incomplete_reason"])
		return nil
	}
}

// finds expects these steps, and all of them known or a reason.
func finds(t *testing.T, label, want, reason string) resource.TestCheckFunc {
	return told(t, label, func(s statement, complete bool, why string) {
		if got := types(s); got != want {
			t.Errorf("%s: steps are %s, not %s", label, got, want)
		}
		if complete != (reason == "") || !regexp.MustCompile(reason).MatchString(why) {
			t.Errorf("%s: complete is %t, %q; wanted %q", label, complete, why, reason)
		}
	})
}

// chain converts a guest, edits it with a secret, takes a snapshot, copies that, and
// clones the copy.
func chain(t *testing.T, name, content string, version int) string {
	t.Helper()
	guest := guesttest.Path("tiny-ext4")
	b, err := os.ReadFile(guest)
	if err != nil {
		t.Fatal(err)
	}
	return guesttest.Conversion(name, "tiny-ext4", `size = "96MiB"`) + fmt.Sprintf(`
resource "rbd_guest_file_edit" "test" {
  image = rbd_image_conversion.test.spec
  files = {
    "/etc/motd"   = { content = %q }
    "/etc/secret" = { content_wo = "geheimes Wort", content_wo_version = %d }
  }
}
resource "rbd_snapshot" "test" {
  image     = rbd_guest_file_edit.test.spec
  name      = "golden"
  protected = true
}
resource "rbd_image_replica" "test" {
  pool   = "images"
  name   = %q
  source = { snapshot = rbd_snapshot.test.spec }
}
resource "rbd_image" "clone" {
  pool            = "vms"
  name            = "%s-clone"
  parent          = rbd_image_replica.test.snapshot
}
resource "rbd_snapshot" "clone" {
  image = rbd_image.clone.spec
  name  = "s"
}
`, content, version, name, name) + ask("golden", "rbd_snapshot.test.spec", fmt.Sprintf("  digest = { sha256 = %q }", disktest.SHA256(b))) +
		ask("copy", "rbd_image_replica.test.snapshot") + ask("clone", "rbd_snapshot.clone.spec")
}

// From the source to a clone of a copy each has the steps of what it was made of, and
// the secrets are nowhere.
func TestProvenanceChain(t *testing.T) {
	t.Parallel()
	name := providertest.Name(t)
	const made = "rbd_image_conversion rbd_guest_file_edit "
	config := chain(t, name, "one\n", 1)
	var first string
	same := func(state *terraform.State) error {
		text := state.RootModule().Resources["data.rbd_image_provenance.golden"].Primary.Attributes["statement"]
		if first != "" && text != first {
			t.Errorf("it was %s, and is %s", first, text)
		}
		first = text
		return nil
	}
	providertest.Run(t, resource.TestCase{
		CheckDestroy: providertest.Gone(t, name),
		Steps: []resource.TestStep{
			{
				Config: config,
				Check: resource.ComposeAggregateTestCheckFunc(same,
					finds(t, "golden", made+"rbd_snapshot", ""),
					finds(t, "copy", made+"rbd_image_replica rbd_snapshot", ""),
					finds(t, "clone", made+"rbd_image_replica rbd_image rbd_snapshot", ""),
					told(t, "golden", func(s statement, _ bool, _ string) { checkStatement(t, name, s) }),
					func(*terraform.State) error { return noSecret(t, name) },
				),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("rbd_image_conversion.test", tfjsonpath.New("metadata"), knownvalue.Null()),
				},
			},
			{Config: config, ConfigPlanChecks: providertest.Nothing(), Check: same},
		},
	})
}

func checkStatement(t *testing.T, name string, s statement) {
	t.Helper()
	b := s.Predicate.BuildDefinition
	if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://slsa.dev/provenance/v1" || b.BuildType == "" || s.Predicate.RunDetails.Builder.ID == "" {
		t.Errorf("types: %+v", s)
	}
	info := acctest.RBD(t, "info", "--format", "json", "vms/"+name)
	id := regexp.MustCompile(`"id":"([0-9a-f]+)"`).FindStringSubmatch(info)[1]
	if len(s.Subject) != 1 || s.Subject[0].Name != "vms/"+name+"@golden" || len(s.Subject[0].Digest["sha256"]) != 64 ||
		!strings.HasPrefix(s.Subject[0].Digest["rbdSnapshot"], acctest.FSID(t)+"/"+id+"@") {
		t.Errorf("subject: %+v", s.Subject)
	}
	if len(b.ResolvedDependencies) != 1 || !strings.HasPrefix(b.ResolvedDependencies[0].URI, "file:///") {
		t.Errorf("dependencies: %+v", b.ResolvedDependencies)
	}
	for _, step := range b.ExternalParameters.Steps[:2] {
		if len(step.ArgumentsSHA256) != 64 {
			t.Errorf("no hash of arguments: %+v", step)
		}
	}
	tools := fmt.Sprint(b.InternalParameters["steps"])
	if !strings.Contains(tools, "qemu-img:") || !strings.Contains(tools, "librbd:1.") || !strings.Contains(tools, "terraform-provider-rbd:") {
		t.Errorf("tools: %s", tools)
	}
}

// noSecret looks into all that is noted.
func noSecret(t *testing.T, name string) error {
	for _, spec := range []string{"vms/" + name, "images/" + name, "vms/" + name + "-clone"} {
		if all := acctest.RBD(t, "image-meta", "ls", spec); strings.Contains(all, "geheimes") || !strings.Contains(all, "terraform-provider-rbd.history") {
			return fmt.Errorf("%s has %s", spec, all)
		}
	}
	return nil
}
