// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/disktest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/acctest/imagestest"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/providertest"
)

// ground is what configurations refer to.
type ground struct {
	name     string // new images begin with it
	image    string // a spec
	snapshot string
	golden   string // a snapshot in the pool of Glance
	planned  string // an image that this run makes
	mirrored string // an image in a pool that mirrors
	file     string // a local file
	archive  string // a tar with it
	past     string // a qcow2 with an internal snapshot
	folder   string
	fsid     string
	server   string
	monitor  string
}

func groundFor(t *testing.T, c *client) ground {
	t.Helper()
	name := providertest.Name(t)
	g := ground{name: name, image: "vms/" + name, golden: "images/" + name + "@s", planned: "vms/" + name + plannedSuffix, folder: t.TempDir(), fsid: acctest.FSID(t)}
	g.snapshot, g.file = g.image+"@s", filepath.Join(g.folder, "a.deb")
	g.mirrored = acctest.Mirrored(t, acctest.RequireMirror(t), "8M")
	for _, spec := range []string{g.image, "images/" + name} {
		imagestest.Make(t, spec, "create", "--size", "8M")
		imagestest.Snapshot(t, spec+"@s", true)
	}
	must(t, os.WriteFile(g.file, make([]byte, 1<<20), 0o600))
	g.archive = filepath.Join(g.folder, "a.tar")
	must(t, exec.Command("tar", "-C", g.folder, "-cf", g.archive, "a.deb").Run())
	g.past = filepath.Join(g.folder, "past.qcow2")
	disktest.QemuImg(t, "create", "-f", "qcow2", g.past, "1M")
	disktest.QemuImg(t, "snapshot", "-c", "s", g.past)
	conf, err := os.ReadFile(os.Getenv("CEPH_CONF"))
	must(t, err)
	g.monitor = regexp.MustCompile(`v2:[0-9.:]+`).FindString(string(conf))
	files := httptest.NewServer(http.FileServer(http.Dir(g.folder)))
	t.Cleanup(files.Close)
	g.server = files.URL
	must(t, os.WriteFile(filepath.Join(g.folder, "SUMS"), []byte(fmt.Sprintf("%x  a.deb\n", sha256.Sum256(make([]byte, 1<<20)))), 0o600))
	return g
}

// plannedSuffix ends the name of the image that the run makes too.
const plannedSuffix = "-planned"

// planOther plans the image that a configuration refers to and that is not there.
func (c *client) planOther(config tftypes.Value) {
	c.t.Helper()
	name := regexp.MustCompile(`vms/([^"@]*` + plannedSuffix + `)`).FindStringSubmatch(config.String())
	if name != nil {
		ty := c.resourceType("rbd_image")
		c.planToo("rbd_image", instance{state: tftypes.NewValue(ty, nil)}, value(c.t, ty, object{"name": name[1], "size": "8MiB"}))
	}
}

// otherToken is a bootstrap token of a cluster that is not there.
var otherToken = base64.StdEncoding.EncodeToString([]byte(`{"fsid":"00000000-0000-4000-8000-000000000000","client_id":"a","key":"AQBrfgprVIKAFRAA/Tvx4QwytDNK2oP5sZBxBw==","mon_host":"127.0.0.1:1"}`))

var someTimeouts = object{"create": "5m", "read": "5m", "update": "5m", "delete": "5m"}

// imageArguments are those of all that make an image.
func (g ground) imageArguments(own object) object {
	out := object{
		"name": g.name + "-new", "pool": "vms", "namespace": "", "features": []any{"layering", "exclusive-lock"},
		"object_size": "4MiB", "stripe_unit": "64KiB", "stripe_count": int64(4), "data_pool": "volumes",
		"metadata": object{"owner": "me"}, "conf": object{"rbd_qos_iops_limit": "500"},
		"on_destroy": "trash", "trash_delay": "24h", "trashed": false, "timeouts": someTimeouts,
	}
	for k, v := range own {
		out[k] = v
	}
	return out
}

// givenResources are right configurations of each type. Together they have
// every argument, so that each can be tried with what is odd.
func (g ground) givenResources() map[string][]object {
	hash := strings.Repeat("0", 32)
	source := func(own object) object {
		s := object{"format": "raw", "file": g.file}
		for k, v := range own {
			s[k] = v
		}
		return object{"name": g.name + "-new", "source": s}
	}
	return map[string][]object{
		"rbd_image": {
			g.imageArguments(object{"size": "8MiB", "allow_shrink": false}),
			{"name": g.name + "-new", "parent": g.snapshot, "clone_format": int64(2), "flatten": true},
		},
		"rbd_image_conversion": {
			g.imageArguments(object{"size": "8MiB", "source": object{"format": "raw", "file": g.file, "md5": hash, "sha256": strings.Repeat(hash, 2), "sha512": strings.Repeat(hash, 4)},
				"on_source_change": "ignore", "sparsify": false, "verify_content": false, "max_source_size": "1GiB", "engine": "client"}),
			source(object{"file": nil, "image": g.snapshot}),
			source(object{"file": nil, "url": g.server + "/a.deb"}),
			source(object{"checksums_url": g.server + "/SUMS", "published_name": "a.deb"}),
			source(object{"allow_backing_chain": false, "allow_any_content": true}),
			source(object{"file": g.past, "format": "qcow2", "internal_snapshot": "s"}),
			source(object{"file": g.archive, "archive_member": "a.deb"}),
		},
		"rbd_image_export": {{
			"snapshot": g.snapshot, "file": filepath.Join(g.folder, "new.qcow2"), "format": "qcow2", "compression": "zlib",
			"file_mode": "0600", "on_destroy": "retain", "timeouts": someTimeouts,
		}},
		"rbd_image_replica": {
			g.imageArguments(object{"source": object{"snapshot": g.snapshot, "fsid": g.fsid}, "protected": true, "keep_snapshots": int64(1), "verify_content": true}),
			{"name": g.name + "-new", "source": object{"snapshot": g.golden, "conf_file": os.Getenv("CEPH_CONF"), "user": "terraform"}},
			{"name": g.name + "-new", "source": object{"snapshot": g.golden, "user": "terraform",
				"keyring_file": filepath.Join(filepath.Dir(os.Getenv("CEPH_CONF")), "ceph.client.terraform.keyring"), "monitors": []any{g.monitor}}},
		},
		"rbd_image_mirror": {{
			"image": g.mirrored, "primary": true, "force": false, "resync": "a", "schedule": []any{object{"interval": "1d", "start_time": "14:00:00"}},
			"on_destroy": "retain", "timeouts": someTimeouts,
		}},
		"rbd_mirror_pool": {
			{
				"pool": "vms", "mode": "image", "site_name": "dc1", "peer": object{"bootstrap_token_wo": otherToken, "bootstrap_token_wo_version": int64(1), "direction": "rx-only"},
				"on_destroy": "retain", "timeouts": someTimeouts,
			},
			{"pool": "vms", "namespace": ""},
		},
		"rbd_snapshot": {{
			"image": g.image, "name": "new", "on_name_change": "rename", "protected": false, "on_destroy": "trash",
			"flatten_children_on_destroy": false, "timeouts": someTimeouts,
		}},
		"rbd_namespace": {{"name": g.name, "pool": "vms", "on_destroy": "retain", "timeouts": object{"create": "5m", "read": "5m", "delete": "5m"}}},
		"rbd_glance_image_location": {
			{
				"snapshot": g.golden, "image_id": "12345678-1234-4123-8123-123456789abc", "name": g.name, "visibility": "shared", "tags": []any{"a", "b"},
				"properties": object{"os_type": "linux"}, "min_disk": int64(1), "min_ram": int64(1), "protected": false, "hidden": false,
				"protection": "alias", "alias_pool": "images", "on_destroy": "hide", "hash": "once", "os_hash_algo": "sha512", "verify_hash": "1",
				"members": []any{strings.Repeat("a", 32)}, "disk_format": "raw", "container_format": "bare", "timeouts": someTimeouts,
			},
			{"snapshot": g.golden, "name": g.name, "owner": strings.Repeat("b", 32), "store": "rbd", "copy_to_stores": []any{}},
		},
		"rbd_guest_file_edit": {
			{"image": g.image, "root_device": "/dev/sda1", "timeouts": someTimeouts, "files": object{
				"/a": object{"content": "a\n", "mode": "0644", "uid": int64(0), "gid": int64(0)},
				"/b": object{"content_base64": "YQ=="}, "/c": object{"copy_from": "/z"}, "/d": object{"link_target": "a"},
				"/s": object{"content_wo": "a secret", "content_wo_version": int64(1)}, "/e": object{"directory": true}, "/f": object{"empty": true}, "/g": object{"absent": true},
				"/h": object{"replace_lines": []any{object{"pattern": "^a", "line": "b"}}, "remove_lines": []any{"^c"}, "append_lines": []any{"d"}},
			}},
			{"image": g.image, "mounts": object{"/": "/dev/sda1", "/boot": "/dev/sda2"}, "files": object{"/a": object{"content": "a\n"}}},
		},
		"rbd_guest_filesystem_growth": {
			{"image": g.planned, "device": "/dev/sda1", "size": "8MiB", "timeouts": someTimeouts},
			{"image": g.planned},
		},
		"rbd_guest_boot_check": {
			{
				"snapshot": g.snapshot, "console_pattern": "login:", "ssh_banner": "^SSH", "failure_pattern": "panic", "user_data": "#cloud-config\n",
				"meta_data": "instance-id: a\n", "network_config": "version: 2\n", "network": "isolated", "disk_bus": "virtio", "memory": "1GiB", "cpus": int64(1),
				"architecture": "x86_64", "firmware": "uefi",
				"boot_timeout": "5m", "triggers": object{"a": "b"}, "timeouts": object{"create": "5m", "read": "5m", "update": "5m"},
			},
			{"snapshot": g.snapshot, "console_pattern": "login:", "user_data_wo": "#cloud-config\n", "user_data_wo_version": int64(1)},
		},
		"rbd_guest_sysprep": {{
			"image": g.planned, "operations": []any{"defaults"}, "disabled_operations": []any{"machine-id"}, "triggers": object{"a": "b"}, "timeouts": someTimeouts,
		}},
		"rbd_guest_customization": {{
			"image": g.planned, "mkdir": []any{"/a"}, "copy_in": []any{object{"source": g.file, "directory": "/a"}}, "upload": object{"/a/b": g.file},
			"packages": []any{g.file}, "install": []any{"vim"}, "append_line": []any{object{"path": "/a", "line": "b"}}, "hostname": "a", "timezone": "Europe/Berlin",
			"root_password_wo": "x", "root_password_wo_version": int64(1), "ssh_inject": object{"root": []any{"ssh-ed25519 AAAA"}},
			"enable_services": []any{"a"}, "disable_services": []any{"b"}, "run": []any{"true"}, "run_command": []any{"true"}, "delete": []any{"/a"},
			"truncate": []any{"/b"}, "selinux_relabel": true, "network": true, "triggers": object{"a": "b"}, "timeouts": someTimeouts,
		}},
	}
}
