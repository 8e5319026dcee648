// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"context"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/deadline"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/namecheck"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/siblings"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/target"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
)

const description = "A virtual-machine image converted to raw in RBD: `qemu-img convert -O raw SOURCE rbd:POOL/NAME` and, with `size`, `rbd resize`.\n\n" +
	"The content goes into a temporary image (`NAME.tfpending`), which gets its name only when all of it is there; " +
	"an interrupted run leaves nothing but that, and the next one removes it. " +
	"Source images are not trusted: the format is stated and never probed. An image that refers to other files is refused " +
	"(a backing file that is not asked for, a parent, an external data file, extents elsewhere). So is one that is encrypted, marked as corrupt or cut off. " +
	"The size of the disk is that which the image's own header states; where qemu-img reads another, the source is refused.\n\n" +
	"The source is read when the image is made. A source file that changes later is not noticed, and may be gone; " +
	"use `replace_triggered_by` to convert again.\n\n" +
	"With `engine = \"cluster\"` the manager of the cluster reads a raw disk from its server, and only what the image has is read back here, for the checksum.\n\n" +
	"~> **Another `source` replaces the image, and a replacement or destruction removes the old one with all its data**, unless `on_destroy` says `trash` or `retain`. " +
	"It is refused while the image has snapshots or clones, or anything has it open or locked.\n\n" +
	"Needs qemu-img with the rbd driver (Debian: `qemu-utils`, `qemu-block-extra`).\n\n" +
	"Caps: `mon 'profile rbd'`, `osd 'profile rbd pool=POOL'`, and the same for the pool of a source in RBD " +
	"(qemu-img can't read with `profile rbd-read-only`)."

func (r *conversionResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: description,
		Attributes: target.Attributes(schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Size to grow the image to after the conversion; not smaller than the source's virtual size, which is the default. " +
				"Later changes grow the image in place. File systems inside are not grown.",
			PlanModifiers: []planmodifier.String{target.KeepEqualSize()},
		}, map[string]schema.Attribute{
			"timeouts": deadline.Attribute(ctx, deadline.Defaults{Create: defaultTimeout, Read: target.ReadTimeout, Update: target.ChangeTimeout, Delete: target.ChangeTimeout}),
			"source": schema.SingleNestedAttribute{
				Required:            true,
				MarkdownDescription: "The image to convert. A change makes a new image.",
				PlanModifiers: []planmodifier.Object{objectplanmodifier.RequiresReplaceIf(
					// An imported image has no source in its state.
					func(_ context.Context, req planmodifier.ObjectRequest, resp *objectplanmodifier.RequiresReplaceIfFuncResponse) {
						resp.RequiresReplace = !req.StateValue.IsNull()
					},
					"A change makes a new image.", "A change makes a new image.")},
				Attributes: sourceAttributes(),
			},
			"on_source_change": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString(onSourceChangeReplace),
				MarkdownDescription: "What it means when the source on its server becomes another one (`source_revision`): `replace` (default), the plan makes the image anew, or `ignore`.",
				Validators:          []validator.String{stringvalidator.OneOf(onSourceChangeReplace, onSourceChangeIgnore)},
			},
			"engine": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString(conversion.EngineClient),
				MarkdownDescription: "Who makes the image: `client` (default), this provider, or `cluster`, a live import of Ceph: `rbd migration prepare --import-only`, `execute`, `commit`. " +
					"The manager executes it where it takes tasks and reaches the server; then no byte of the source passes through the machine that runs Terraform, but for its beginning. Otherwise librbd executes it on this machine. " +
					"Either way the image is read back from the cluster (zeros are not) and compared with the checksum of the source before it gets its name: Ceph calls an import executed of which it could not read all.\n\n" +
					"It is for a raw disk at `url` with a checksum, on a server that gives parts (`Range`), does not redirect and is reached by the manager too, without a proxy; the certificate of an `https` server must be one that the manager's machine trusts. " +
					"Refused is a `url` with a query, which `rbd status` would show and the header of the image keep until the end of the import, and all else that Ceph gets wrong: a qcow2 with clusters of zeros, and an image in RBD that was written to after the snapshot (seen with Ceph 16, 18 and 20). A change alone changes nothing of an image that is there.\n\n" +
					"~> **Take a server that you trust, and that stays up.** The manager does one task at a time for the whole cluster. Where the server closes connections or falls silent in the middle, librbd tries again without end: " +
					"flattening and removing images wait with it, until the server answers again or `ceph mgr fail` hands over to another manager. An answer that librbd does not expect can end its process, seen with a redirect and Ceph 16.",
				Validators: []validator.String{stringvalidator.OneOf(conversion.EngineClient, conversion.EngineCluster)},
			},
			"max_source_size": schema.StringAttribute{
				Optional: true, CustomType: sizetype.Type{},
				MarkdownDescription: "How much a source may hold at the most, decompressed, where it is read as one stream: compressed as a whole, raw from `url`, or copied to `TMPDIR` first. The same holds for an archive as a whole. Reading ends there, and nothing is left. " + sizetype.Description +
					" Default: `size` of a raw source; what a disk of its size can take up, of other formats; and 128 GiB where neither is known. A raw source is never read beyond `size`.",
			},
			"source_revision": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Revision of the source that was converted: its checksum in `checksums_url`, or else the ETag, or the date and size, that the server of `url` gave. Where `url` is redirected it is the size alone, since mirrors have only that in common. Null where there is neither.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"sparsify": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Deallocate runs of zeros from 4 KiB on (`rbd sparsify`) before the image gets its name. " +
					"Every object that the image can have is asked for. Default: `false`: zeros of the source are not written where they are long (64 KiB to 1 MiB), which is enough for most images.",
			},
			"verify_content": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Read the result back and compare it with the source before it gets its name: byte by byte, and by another way than qemu-img, which has written it. " +
					"It costs about as much as the conversion. Default: `false`: the sizes are compared, and that the source did not change meanwhile.",
			},
		}),
	}
}

// longestMember is how long a path may be.
const longestMember = 4096

// longestSnapshot is how long the name of an internal snapshot may be in a qcow2.
const longestSnapshot = 65535

// sourceAttributes are those of source.
func sourceAttributes() map[string]schema.Attribute {
	formats := qemu.Formats()
	out := map[string]schema.Attribute{
		"file": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Path of a file on the machine that runs Terraform. It must exist when the plan is made. One of `file`, `url` and `image`. " +
				"A file that is compressed as a whole (gzip, xz, zstd, bzip2; told by its first bytes) is decompressed on the way. Of an archive, `archive_member` says which file in it is the source.",
			Validators: []validator.String{stringvalidator.LengthAtLeast(1), siblings.ExactlyOne("image", "url")},
		},
		"url": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "`http` or `https` URL of the source, compressed as a whole or not. A raw image goes straight into RBD. Of any other format only what is needed is fetched, in parts, and nothing is kept on the machine that runs Terraform. A temporary copy is made there, in `TMPDIR`, where a checksum is given, the whole is compressed, or the server gives no parts (`Range`): qemu-img needs random access. So it is where nothing proves the parts to be of one file: neither a strong `ETag` nor a `Last-Modified` that is a minute old. " +
				"Range, length and validator of each answer are checked. A connection that ends too early is taken up again, on the same server where a redirect led to one of several mirrors; a file that changes on the server meanwhile is an error. The usual proxy variables are followed. The URL is kept in the state, with a signature in its query too. One with a user or password is refused.",
			Validators: []validator.String{urlCheck{}},
		},
		"image": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Spec of an image or snapshot in the same cluster that holds the source, such as the qcow2 that somebody uploaded to Glance: " +
				"`pool[/namespace]/image[@snapshot]`. Without a snapshot, the image must not be in use. " +
				"With `format = \"raw\"` it is copied as `rbd deep cp` copies, without its snapshots; a clone (`parent` of rbd_image) has the same content at no cost.",
			Validators: []validator.String{namecheck.AnySpec()},
		},
		"md5":    sumAttribute("md5"),
		"sha256": sumAttribute("sha256"),
		"sha512": sumAttribute("sha512"),
		"checksums_url": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "URL of a list of checksums as publishers ship it beside their images, such as `SHA512SUMS`, `CHECKSUM` or `disk.qcow2.sha256`: what md5sum, sha256sum, b2sum, cksum, the BSD tools and openssl write, clearsigned or not, with sections of several algorithms or without. The source is looked up in it by `published_name` and, where several folders have one, by its place on the server; what stays ambiguous is refused. Its strongest checksum is verified (SHA-512, SHA3, BLAKE2b, SHA-384, SHA-256, MD5). Another checksum there is another revision of the source. " +
				"The list is believed as far as its server is: a signature on it is not checked.",
			Validators: []validator.String{urlCheck{}, siblings.Conflict("md5", "sha256", "sha512")},
		},
		"published_name": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Name of the source in `checksums_url`. It may have folders in front. Default: the last part of `file` or `url`, or the name of `image`, which for one that was uploaded to Glance is an id.",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1), siblings.Need("checksums_url")},
		},
		"allow_any_content": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Take a source of format `raw` for a disk whatever it looks like. Default: `false`: what has the signature of something else is refused. That is an archive, a disk image of another format, LUKS, an HTML page or a short text. A compressed stream is refused too where it is not decompressed, or is inside of another. " +
				"A file system, a boot sector or an ISO image is a disk.",
		},
		"format": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Format of the source, as qemu-img calls it: `" + strings.Join(formats, "`, `") + "`.",
			Validators:          []validator.String{stringvalidator.OneOf(formats...)},
		},
	}
	maps.Copy(out, partAttributes())
	return out
}

// partAttributes say which disk of several in the source is meant.
func partAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"archive_member": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Name of the file that is the source, where `file` or `url` is an archive of several: a tar, compressed as a whole or not (`disk.raw` of the `.tar.gz` that Google's Compute Engine exports, `NAME-disk1.vmdk` of an OVA), or a zip. `format` is that of the file in it, and a checksum that of the archive. " +
				"The name stands as the archive has it, with its folders; only a `./` in front makes no difference. It must be one regular file, and no other file may have that name; nothing else is unpacked. Sparse files of GNU tar are read with their holes. " +
				"In a tar that is not compressed, as an OVA, a file is read where it lies, unless it has holes; from a server, where a file that is no archive would be read in parts. Otherwise a raw file goes straight into RBD, and any other by way of a temporary copy (in `TMPDIR`); so does a zip from `url`, as it is read from its end. " +
				"The plan knows the size of what is read where it lies. Of the rest it knows that of a raw file, a qcow2 and a vdi. It does not where an archive is compressed, or is on a server and has more than some 64 KiB in front of it.",
			Validators: []validator.String{stringvalidator.LengthBetween(1, longestMember), siblings.Conflict("image", "allow_backing_chain")},
		},
		"internal_snapshot": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Name of a snapshot inside of a qcow2 (`qemu-img snapshot -l`), or its id where none has that name: the disk is converted as it was then. That is what `qemu-img convert -l` does, but with the size that the disk had then. The state of a virtual machine in it is left out. " +
				"The plan refuses one that is not there, unless the source comes as a stream or through a temporary copy. Default: the disk is converted as it is now.",
			Validators: []validator.String{stringvalidator.LengthBetween(1, longestSnapshot)},
		},
		"allow_backing_chain": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Take a qcow2 `file` that has a backing file, and convert what both have together. Every file of the chain must be a regular file, no link, in the folder of `file`. Its format must be stated as qcow2 or raw (`qemu-img create -F`). " +
				"A checksum is that of `file` alone. Default: `false`, such a source is refused.",
			Validators: []validator.Bool{siblings.Need("file")},
		},
	}
}

func sumAttribute(algorithm string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional:            true,
		MarkdownDescription: "Checksum (" + algorithm + ", in hex) of the source as it is published, its wrapper included; of one in RBD, of the whole image or snapshot that holds it. It is verified before the image gets its name.",
		Validators:          []validator.String{sumCheck(algorithm)},
	}
}
