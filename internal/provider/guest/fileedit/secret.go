// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestedit/fileedit"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/guestoverlay"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/guest/guestresource"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

// secret is what the private state has of a file with content_wo. Its print says
// nothing without a key that is on the image.
type secret struct {
	Version int64          `json:"version"`
	Print   fileedit.Print `json:"print"`
}

// secretsKey is where the private state has them.
const secretsKey = "secrets"

// ReadPrivate reads what was kept of the secrets.
func (m *model) ReadPrivate(ctx context.Context, from guestresource.PrivateReader, diags *diag.Diagnostics) {
	text, more := from.GetKey(ctx, secretsKey)
	diags.Append(more...)
	if text != nil && json.Unmarshal(text, &m.kept) != nil {
		m.kept = nil // the next apply keeps it anew
	}
}

// WritePrivate keeps it. Most states have no secrets, and get nothing.
func (m *model) WritePrivate(ctx context.Context, to guestresource.PrivateWriter, diags *diag.Diagnostics) {
	if m.kept == nil {
		return
	}
	text, err := json.Marshal(m.kept)
	if err != nil {
		panic(fmt.Sprintf("plain values: %v", err))
	}
	diags.Append(to.SetKey(ctx, secretsKey, text)...)
}

// keep remembers the prints of what was written.
func (m *model) keep(prints map[string]fileedit.Print, edits []fileedit.Edit) {
	if len(prints) == 0 && m.kept == nil {
		return
	}
	m.kept = map[string]secret{}
	for _, e := range edits {
		if p, ok := prints[e.Path]; ok {
			m.kept[e.Path] = secret{e.Secret.Version, p}
		}
	}
}

// dropped are the files of which something was kept, and that have no secret any
// more.
func (m *model) dropped(edits []fileedit.Edit) []string {
	secrets := secretsOf(edits)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.kept)), func(p string) bool { return slices.Contains(secrets, p) })
}

// secretsOf are the paths of files with a secret.
func secretsOf(edits []fileedit.Edit) (paths []string) {
	for _, e := range edits {
		if e.Secret != nil {
			paths = append(paths, e.Path)
		}
	}
	return paths
}

// fillSecrets takes the content of secrets from the configuration.
func fillSecrets(ctx context.Context, edits []fileedit.Edit, config tfsdk.Config, diags *diag.Diagnostics) {
	if len(secretsOf(edits)) == 0 {
		return
	}
	var files map[string]fileModel
	diags.Append(config.GetAttribute(ctx, path.Root("files"), &files)...)
	for _, e := range edits {
		if e.Secret == nil {
			continue
		}
		if e.Secret.Content = files[e.Path].Secret.ValueStringPointer(); e.Secret.Content == nil {
			diags.AddAttributeError(path.Root("files"), "No content_wo", fmt.Sprintf("content_wo of %s is null, and content_wo_version is not: give both, or none.", e.Path))
		}
	}
}

// Forget removes the keys of all secrets from the image.
func (work) Forget(ctx context.Context, b guestoverlay.Backends, img rbd.Image, state *model, diags *diag.Diagnostics) error {
	return fileedit.Forget(ctx, b.Ceph, img, secretsOf(state.edits(ctx, diags)))
}
