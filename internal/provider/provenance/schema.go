// SPDX-License-Identifier: MPL-2.0

package provenance

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
)

const description = "Where the content of an RBD snapshot comes from: its source, and the steps that have made it, as an [in-toto](https://in-toto.io) Statement v1 " +
	"with a [SLSA](https://slsa.dev/spec/v1.0/provenance) provenance v1, which `cosign` and the like can sign (see the [guide](../guides/provenance.md)).\n\n" +
	"Each resource and action that changes the content of an image notes that on the image, with the hash of its arguments and the versions of its tools. " +
	"A snapshot has the steps from before it was taken. Replicas and clones made by this provider take the steps along and add their own. Nothing secret is noted: " +
	"write-only arguments are left out, also of the hashes, and so are user, password and query of a URL.\n\n" +
	"Where that is not all, `complete` is false, and `incomplete_reason` says why: the image is older than the notes, somebody wrote to it between two steps, or the note is not its own. " +
	"Ceph notes the time of a write once a minute, and none of `rbd snap rollback`: a write in the minute after a step, or a rollback by others, is not seen. The notes are metadata, which whoever may write to the image can change; " +
	"only the signature, made in the run that made the image, keeps them as they were.\n\n" +
	"Reading it opens the image once. Caps: `mon 'profile rbd'`, `osd 'profile rbd-read-only pool=POOL'`."

func (d *provenanceDataSource) Schema(ctx context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	computed := func(text string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: text}
	}
	computedMap := func(text string) schema.MapAttribute {
		return schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: text}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes: map[string]schema.Attribute{
			"timeouts": deadline.DataSourceAttribute(ctx, readTimeout, ""),
			"snapshot": schema.StringAttribute{Required: true, MarkdownDescription: "`pool[/namespace]/image@snapshot`. Only a snapshot stays what it is.",
				Validators: []validator.String{namecheck.SnapshotSpec()}},
			"digest": schema.MapAttribute{Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Hashes of the snapshot's whole content, in lower case, by algorithm (`md5`, `sha256`, `sha512`), for the subject of the statement: those of the data source `rbd_image_checksum`, " +
					"which reads all of it, or `{ sha512 = rbd_glance_image_location.NAME.os_hash_value }`. They are not compared with the content. Whoever verifies a file or a disk against the statement needs one.",
				Validators: []validator.Map{
					mapvalidator.KeysAre(stringvalidator.OneOf("md5", "sha256", "sha512")),
					mapvalidator.ValueStringsAre(stringvalidator.RegexMatches(regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{128})$`), "must be hexadecimal digits of a hash, in lower case")),
				}},
			"statement": computed("The in-toto statement in JSON. It has the same bytes as long as nothing has changed."),
			"predicate": computed("Its predicate alone, for tools that make the statement themselves, as `cosign attest-blob --predicate`."),
			"subject_digest": computedMap("The digests of the subject: those of `digest`, and `rbdSnapshot`, which is the cluster's fsid, the RBD image id and the snapshot id, " +
				"and never stands for another content."),
			"complete":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether all of the steps from the source on are known, and nothing contradicts them."},
			"incomplete_reason": computed("Why not; null where `complete` is true."),
			"steps": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "The steps, the first one first. The last is the snapshot.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"type":             computed("Type of the resource or action that did it; `rbd_image` for a clone, and `resize` for another size of the image."),
					"finished_at":      computed("When it was finished, in RFC 3339."),
					"arguments_sha256": computed("SHA-256 of its arguments without what is secret, in hexadecimal digits; null where it has none that matter to the content."),
					"tools":            computedMap("Versions of the tools by their names, as far as they tell them: `terraform-provider-rbd`, `librbd`, `qemu-img`, `guestfish` and others."),
					"source_uri":       computed("What the content comes from, without what may be secret: a URL, a file, or `rbd://FSID/POOL[/NAMESPACE]/IMAGE/SNAPSHOT`. Null for a change of what was there."),
					"source_digest":    computedMap("The source's checksums that were verified, or its `rbdSnapshot`; null where there is no source."),
					"size_bytes":       schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the image then, in bytes."},
				}}},
		},
	}
}
