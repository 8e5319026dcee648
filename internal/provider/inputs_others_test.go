// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// foreign says whose words, other than ours, are in the errors.
func foreign(diags []*tfprotov6.Diagnostic) []string {
	var out []string
	for _, f := range strange(diags) {
		if !strings.HasPrefix(f, "it points at nothing") {
			out = append(out, f)
		}
	}
	return out
}

// tryEach tries all that is odd in every argument of right configurations, which
// together have all of them. try returns what is wrong with the outcome.
func tryEach(t *testing.T, block *tfprotov6.SchemaBlock, given []object, try func(tftypes.Value) []string) {
	t.Helper()
	tried := map[string]bool{}
	for _, arguments := range given {
		config := value(t, block.ValueType(), arguments)
		if faults := try(config); len(faults) > 0 {
			t.Errorf("what should be right: %q", faults)
			continue
		}
		for _, a := range argumentsOf(t, block, config) {
			if a.is.IsNull() || tried[a.name] {
				continue
			}
			tried[a.name] = true
			for _, o := range oddities(t, a.is.Type(), a.is) {
				for _, f := range try(a.with(t, config, o.v)) {
					t.Errorf("%s = %s: %s", a.name, o.what, f)
				}
			}
		}
	}
	for _, name := range argumentNames(block) {
		if !tried[name] {
			t.Errorf("no configuration has %q", name)
		}
	}
}

// givenData are right configurations of each data source. Those that look into
// guests look for images that are not there, which no appliance is started for.
func (g ground) givenData() map[string][]object {
	return map[string][]object{
		"rbd_cluster":          {{}},
		"rbd_image":            {{"spec": g.image, "used": true}},
		"rbd_images":           {{"pool": "vms", "namespace": "", "name_regex": "^" + g.name, "trash": true, "used": true}},
		"rbd_snapshots":        {{"image": g.image, "name_regex": "^s"}},
		"rbd_image_lineage":    {{"image": g.image, "whole_tree": true}},
		"rbd_mirror_status":    {{"image": g.mirrored}, {"pool": "vms", "namespace": ""}},
		"rbd_image_checksum":   {{"spec": g.snapshot, "algorithms": []any{"sha256"}, "timeouts": object{"read": "5m"}}},
		"rbd_image_provenance": {{"snapshot": g.snapshot, "digest": object{"sha256": strings.Repeat("a", 64)}, "timeouts": object{"read": "5m"}}},
		"rbd_disk_image_info":  {{"file": g.file, "format": "raw"}, {"image": g.snapshot, "format": "raw"}, {"file": g.archive, "archive_member": "a.deb", "format": "raw"}},
		"rbd_guest_comparison": {{"before": g.snapshot, "after": g.snapshot, "ignore": []any{"/etc/x", "**/y"}, "ignore_defaults": false, "limit": int64(5), "timeouts": object{"read": "5m"}}},
		"rbd_guest_inspection": {{"image": g.image + "-none@s", "packages": true, "timeouts": object{"read": "5m"}}},
		"rbd_guest_file": {
			{"image": g.image + "-none@s", "path": "/etc/fstab", "root_device": "/dev/sda1", "timeouts": object{"read": "5m"}},
			{"image": g.image + "-none@s", "path": "/etc/fstab", "mounts": object{"/": "/dev/sda1"}},
		},
		"rbd_glance_image": {
			{"name": g.name, "owner": strings.Repeat("b", 32), "tags": []any{"a"}, "properties": object{"os_type": "linux"}, "hidden": false, "most_recent": true},
			{"image_id": "12345678-1234-4123-8123-123456789abc"},
		},
	}
}

// Whatever is written into any argument of a data source, its errors are in our
// own words; those of the configuration point at it.
func TestOddInputsOfDataSources(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	g := groundFor(t, c)
	given := g.givenData()
	for name, schema := range c.schema.DataSourceSchemas {
		t.Run(name, func(t *testing.T) {
			if given[name] == nil {
				t.Fatal("givenData does not have it")
			}
			tryEach(t, schema.Block, given[name], func(config tftypes.Value) []string {
				sent := c.within(t).dynamic(schema.ValueType(), config)
				checked, err := c.server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{TypeName: name, Config: sent})
				must(t, err)
				if errorsOf(checked.Diagnostics) != "" || !config.IsFullyKnown() {
					return strange(checked.Diagnostics)
				}
				read, err := c.server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: name, Config: sent})
				must(t, err)
				out := foreign(read.Diagnostics)
				if errorsOf(read.Diagnostics) == "" {
					out = append(out, broken(t, schema.Block.Attributes, "", tftypes.NewValue(schema.ValueType(), nil), config, c.read(schema.ValueType(), read.State))...)
				}
				return out
			})
		})
	}
}

// The same for list blocks.
func TestOddInputsOfLists(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	g := groundFor(t, c)
	given := map[string][]object{
		"rbd_image":     {{"pool": "vms", "namespace": "", "name_regex": "^" + g.name, "managed": true}},
		"rbd_snapshot":  {{"pool": "vms", "namespace": "", "name_regex": "^s", "image_regex": "^" + g.name, "managed": true}, {"image": g.image}},
		"rbd_namespace": {{"pool": "vms", "name_regex": "^" + g.name}},
		"rbd_glance_image_location": {{
			"pool": "vms", "name_regex": "^" + g.name, "visibility": "private", "owner": strings.Repeat("b", 32), "tags": []any{"a"}, "managed": true,
		}},
	}
	for name, schema := range c.schema.ListResourceSchemas {
		t.Run(name, func(t *testing.T) {
			tryEach(t, schema.Block, given[name], func(config tftypes.Value) []string {
				sent := c.within(t).dynamic(schema.ValueType(), config)
				checked, err := c.server.ValidateListResourceConfig(t.Context(), &tfprotov6.ValidateListResourceConfigRequest{TypeName: name, Config: sent})
				must(t, err)
				if errorsOf(checked.Diagnostics) != "" || !config.IsFullyKnown() {
					return strange(checked.Diagnostics)
				}
				stream, err := c.server.ListResource(t.Context(), &tfprotov6.ListResourceRequest{TypeName: name, Config: sent, Limit: 2})
				must(t, err)
				var out []string
				for r := range stream.Results {
					out = append(out, foreign(r.Diagnostics)...)
				}
				return out
			})
		})
	}
}

// The same for the provider's blocks; what is taken makes a provider that can be
// asked for a plan.
func TestOddInputsOfTheProvider(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	block := c.schema.Provider.Block
	conf := os.Getenv("CEPH_CONF")
	given := []object{
		{
			"ceph": object{"conf_file": conf, "user": "terraform", "keyring_file": conf, "monitors": []any{"127.0.0.1"}, "options": object{"rbd_qos_bps_limit": "0"},
				"pool": "vms", "namespace": "", "fsid": c.ceph["fsid"], "connect_timeout": "15s"},
			"openstack": object{"cloud": "dc1", "region": "RegionOne", "interface": "public", "endpoint": "http://127.0.0.1:1", "cacert_file": conf, "insecure": false,
				"request_timeout": "1m", "retry_timeout": "1m"},
			"guestfs": object{"accelerator": "tcg", "memory": "1GiB", "launch_timeout": "5m", "parallel": int64(1), "max_overlay_size": "1GiB"},
		},
		{"ceph": object{"key": "AQAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAA=="}},
	}
	for _, credentials := range givenCredentials(t) {
		given = append(given, object{"openstack": credentials})
	}
	tryEach(t, block, given, func(config tftypes.Value) []string {
		ty := c.schema.Provider.ValueType()
		checked, err := c.server.ValidateProviderConfig(t.Context(), &tfprotov6.ValidateProviderConfigRequest{Config: c.dynamic(ty, config)})
		must(t, err)
		if errorsOf(checked.Diagnostics) != "" {
			return strange(checked.Diagnostics)
		}
		fresh := newServer(t)
		configured, err := fresh.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.14.0", Config: c.dynamic(ty, config)})
		must(t, err)
		return strange(configured.Diagnostics)
	})
}

// The same for functions, as far as Terraform calls them: a null goes into a list
// or map, and nowhere else.
func TestOddInputsOfFunctions(t *testing.T) {
	c := newClient(t, object{"pool": "vms"})
	text := tftypes.String
	right := map[string]any{"fsid": c.ceph["fsid"], "spec": "a/b/c@d", "image_id": c.ceph["fsid"], "url": "rbd://" + fmt.Sprint(c.ceph["fsid"]) + "/a/b/c", "monitors": []any{"127.0.0.1"}, "options": object{"dev": "vda"}}
	functions, err := c.server.GetFunctions(t.Context(), &tfprotov6.GetFunctionsRequest{})
	must(t, err)
	for name, f := range functions.Functions {
		parameters := f.Parameters
		if f.VariadicParameter != nil {
			parameters = append(slices.Clone(parameters), f.VariadicParameter)
		}
		call := func(at int, odd tftypes.Value) string {
			var sent []*tfprotov6.DynamicValue
			for i, p := range parameters {
				v := odd
				if i != at {
					if right[p.Name] == nil {
						t.Fatalf("nothing right is known for %s of %s", p.Name, name)
					}
					v = value(t, p.Type, right[p.Name])
				}
				sent = append(sent, c.dynamic(p.Type, v))
			}
			resp, err := c.server.CallFunction(t.Context(), &tfprotov6.CallFunctionRequest{Name: name, Arguments: sent})
			must(t, err)
			if resp.Error == nil {
				return ""
			}
			if resp.Error.FunctionArgument == nil && at >= 0 {
				t.Errorf("%s(%s = %s) points at nothing: %s", name, parameters[at].Name, odd, resp.Error.Text)
			}
			return resp.Error.Text
		}
		if text := call(-1, tftypes.NewValue(text, nil)); text != "" {
			t.Errorf("what should be right for %s: %s", name, text)
		}
		for i, p := range parameters {
			for _, o := range oddities(t, p.Type, value(t, p.Type, right[p.Name])) {
				if o.v.IsNull() || !o.v.IsFullyKnown() {
					continue
				}
				got := call(i, o.v)
				for _, word := range notOurs {
					if strings.Contains(got, word) {
						t.Errorf("%s(%s = %s): %q is not our word: %s", name, p.Name, o.what, word, got)
					}
				}
			}
		}
	}
}
