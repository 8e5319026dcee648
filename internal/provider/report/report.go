// Package report writes diagnostics in one wording: what could not be done, what
// the backend said, and what to do next.
package report

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// advice says what to do about an error; the first match counts.
var advice = []struct {
	is   error
	text string
}{
	{rbd.ErrConfNotFound, "Set conf_file in the provider's ceph block, or CEPH_CONF, to a readable ceph.conf; or give monitors and key, which need no file."},
	{rbd.ErrKeyringNotFound, "Set user and keyring_file in the provider's ceph block, or let ceph.conf name a keyring that holds the user's key."},
	{rbd.ErrAuthentication, "Compare the key with `ceph auth get client.USER` on the cluster."},
	{rbd.ErrWrongCluster, "The provider's ceph block names another fsid: either the module is aimed at the wrong data center, or its fsid is out of date. Nothing was changed."},
	{rbd.ErrUnreachable, "Check the monitors' addresses (mon_host) and the network between here and them; raise connect_timeout in the provider's ceph block where the cluster is merely slow."},
	{rbd.ErrChildrenUnknown, "Give the user at least `profile rbd-read-only` on all pools that may have clones: without that it can't be told what a change would break."},
	{rbd.ErrPermission, "See `ceph auth get client.USER`; the caps that each resource needs are on its documentation page."},
	{rbd.ErrPoolNotFound, "Look for a typing error with `ceph osd pool ls`, and check that the provider is aimed at the right cluster."},
	{rbd.ErrNamespaceNotFound, "Create it with rbd_namespace or `rbd namespace create`, or look for a typing error with `rbd namespace ls`."},
	{rbd.ErrExists, "This provider never takes over what it did not make: choose another name, or bring the existing one into the state with `terraform import`."},
	{rbd.ErrInUse, "End what uses it (see `rbd status` and `rbd lock ls`) and run again. The watch of a client that died goes away by itself within about 30 seconds."},
	{rbd.ErrHasChildren, "Flatten the clones (`rbd flatten`) or remove them first, then run again. Nothing was changed. flatten_children_on_destroy of rbd_snapshot flattens them as part of a destroy."},
	{rbd.ErrHasSnapshots, "Remove the snapshots that are not managed here (`rbd snap rm`), flatten the clones that keep those in the trash namespace (`rbd flatten`), or let the image and all that hangs on it go to the trash or stay, with on_destroy = \"trash\" or \"retain\"."},
	{rbd.ErrV1Parent, "Protect it (`rbd snap protect`, or protected = true of rbd_snapshot), or make a v2 clone, with clone_format = 2."},
	{rbd.ErrOtherNamespace, "Make a v2 clone, with clone_format = 2."},
	{rbd.ErrDeferred, "Wait until then, keep it there with on_destroy = \"trash\" or \"retain\", or remove it by hand with `rbd trash rm --force`."},
	{rbd.ErrNotInTrash, "Look for it with `rbd trash ls`."},
	{rbd.ErrOtherImage, "Somebody removed the image and made another of the same name. It is left alone: rename it, or remove this resource from the state with `terraform state rm`."},
	{rbd.ErrOtherSnapshot, "Somebody removed the snapshot and made another of the same name. It is left alone: rename it, or remove this resource from the state with `terraform state rm`."},
	{rbd.ErrShrink, "Shrinking cuts off data, for good: raise size to what the image has. Where its end is not wanted, allow_shrink of rbd_image lets it go."},
	{rbd.ErrSnapshotLimit, "Raise its limit (`rbd snap limit set --limit N IMAGE`), or remove snapshots that nobody needs."},
	{rbd.ErrPoolFull, "Make room in it, raise its quota (`ceph osd pool set-quota POOL max_bytes …`), or choose another pool; then run again."},
	{rbd.ErrChanged, "Run again when nobody changes it; or take a snapshot and name that, which stays as it is."},
	{rbd.ErrImageNotFound, "Look for a typing error with `rbd ls`."},
	{rbd.ErrSnapshotNotFound, "Look for a typing error with `rbd snap ls`."},
	{command.ErrNotInstalled, "Install it on the machine that runs Terraform (on Debian: qemu-utils and qemu-block-extra for qemu-img, libguestfs-tools for guestfish, virt-sysprep and virt-customize, qemu-system-x86 and qemu-block-extra for qemu-system-x86_64)."},
}

// Advise adds advice for the errors of a room's own backend.
func Advise(is error, text string) {
	advice = append(advice, struct {
		is   error
		text string
	}{is, text})
}

// Unable is the summary of all errors: Unable to create RBD image "vms/a".
func Unable(action, kind, name string) string {
	s := "Unable to " + action + " " + kind
	if name != "" {
		s += ` "` + name + `"`
	}
	return s
}

// Detail is an error as sentences, with what to do next.
func Detail(err error) string {
	text := sentence(err.Error())
	for _, a := range advice {
		if errors.Is(err, a.is) {
			return text + "\n\n" + a.text
		}
	}
	return text
}

// Error adds an error about the resource as a whole.
func Error(diags *diag.Diagnostics, action, kind, name string, err error) {
	diags.AddError(Unable(action, kind, name), Detail(err))
}

// AttributeError adds an error about one attribute. It is named in the text too,
// since Terraform points at no more than the block of a nested one.
func AttributeError(diags *diag.Diagnostics, at path.Path, action, kind, name string, err error) {
	diags.AddAttributeError(at, Unable(action, kind, name), "In attribute "+at.String()+": "+Detail(err))
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	r, n := utf8.DecodeRuneInString(s)
	if n > 0 {
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
