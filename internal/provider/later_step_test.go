// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guesttest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// A plan that makes an edit again says which later step may have undone it; that
// step is not done again for it.
func TestEditThatALaterStepUndoes(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	name := providertest.Name(t)
	spec := "vms/" + name
	guesttest.Import(t, spec, map[string]string{"/etc/motd": ""})
	guesttest.Import(t, spec+"-later", nil)
	arguments := object{"image": spec, "files": object{"/etc/motd": object{"empty": true}}}
	edit := c.refreshed("rbd_guest_file_edit", c.apply("rbd_guest_file_edit", instance{}, arguments))

	const key = "terraform-provider-rbd.steps"
	warnings := func() (out []string) {
		got := c.plan("rbd_guest_file_edit", c.refreshed("rbd_guest_file_edit", edit), value(t, c.resourceType("rbd_guest_file_edit"), arguments))
		for _, d := range got.Diagnostics {
			if d.Severity == tfprotov6.DiagnosticSeverityWarning {
				out = append(out, d.Summary+": "+d.Detail)
			}
		}
		return out
	}
	note := func(with func(string) string) {
		steps, id, _ := strings.Cut(strings.TrimSpace(acctest.RBD(t, "image-meta", "get", spec, key)), ":")
		acctest.RBD(t, "image-meta", "set", spec, key, with(steps)+":"+id)
	}
	later := func(steps string) string { return steps + " rbd_guest_sysprep rbd_guest_file_edit/0 rbd_guest_sysprep" }
	note(later)
	if got := warnings(); len(got) > 0 {
		t.Errorf("all holds, and yet: %q", got)
	}
	if out, err := exec.Command("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "rbd:"+spec+"-later", "rbd:"+spec).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := warnings()
	if len(got) != 1 || !strings.Contains(got[0], `another rbd_guest_file_edit and rbd_guest_sysprep changed the guest of "`+spec+`" after this edit`) || !strings.Contains(got[0], "/etc/motd") {
		t.Errorf("warned of %q", got)
	}
	// Somebody else's doing.
	note(func(steps string) string { return strings.Fields(steps)[0] })
	if got := warnings(); len(got) > 0 {
		t.Errorf("no step came later, and yet: %q", got)
	}
}
