// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/command"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd/history"
)

// step is what is noted of the conversion on the image.
func (j *job) step(ctx context.Context) (rbd.Step, error) {
	source, err := j.noted(ctx)
	if err != nil {
		return rbd.Step{}, err
	}
	ref := j.Source
	arguments, err := json.Marshal([]any{
		source.URI, ref.Format, ref.Sums, withoutSecrets(ref.ChecksumsURL), ref.PublishedName, ref.ArchiveMember, ref.InternalSnapshot,
		ref.AllowBackingChain, ref.AllowAnyContent, j.Layout.SizeBytes, j.VerifyContent, j.Sparsify,
	})
	if err != nil {
		return rbd.Step{}, err
	}
	sum := sha256.Sum256(arguments)
	s := rbd.Step{Type: "rbd_image_conversion", Arguments: hex.EncodeToString(sum[:]), Tools: map[string]string{}, Source: source, Fresh: true}
	if j.byQemuImg {
		if v := command.Version(ctx, "qemu-img", "--version"); v != "" {
			s.Tools["qemu-img"] = v
		}
	}
	return s, nil
}

// noted is the source by a name without secrets, and with the checksums that were
// compared.
func (j *job) noted(ctx context.Context) (*history.Source, error) {
	ref := j.Source
	if ref.Image != "" {
		spec, err := rbd.ParseSpec(ref.Image)
		if err != nil {
			return nil, err
		}
		img, err := j.Ceph.Image(ctx, spec)
		if err != nil {
			return nil, err
		}
		var id uint64
		if spec.Snapshot != "" {
			s, err := img.Snapshot(spec.Snapshot)
			if err != nil {
				return nil, err
			}
			id = s.ID
		}
		source := rbd.SnapshotSource(img.FSID, spec, img.ID, id)
		if spec.Snapshot == "" {
			source.Digest = map[string]string{} // it does not stay what it is
		}
		maps.Copy(source.Digest, j.want)
		return source, nil
	}
	uri := withoutSecrets(ref.URL)
	if ref.File != "" {
		uri = (&url.URL{Scheme: "file", Path: ref.File}).String()
	}
	return &history.Source{URI: uri, Digest: maps.Clone(j.want)}, nil
}

// withoutSecrets is a URL without its user, password, query and fragment, which may
// hold what grants access.
func withoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || raw == "" {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}
