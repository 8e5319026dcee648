// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/archive"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/decompress"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/fetch"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/imageformat"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/report"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/qemu"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/workdir"
)

const (
	hostile = "The name comes from the image, and whoever made that may mean harm: a tool that follows it copies the file, such as a key or a password of this machine, into the disk. "
	oneFile = "Ask whoever made the image for one that has all in a single file, or make that on the machine where it was made."
)

var advice = []report.Advice{
	{Is: qemu.ErrArchive, Do: "Where it is a source.file or source.url, archive_member of the source names the file in it that is the disk, and format is that of this file. Or unpack it (`tar -xSf ARCHIVE MEMBER`, `unzip ARCHIVE MEMBER`), and convert the file."},
	{Is: conversion.ErrNoArchive, Do: "Leave archive_member of the source out, or unpack the source and convert the file: of archives a tar (compressed or not) and a zip are read."},
	{Is: archive.ErrNoMember, Do: "archive_member of the source is the name as the archive has it, with folders (`tar -tf ARCHIVE`, `unzip -l ARCHIVE`)."},
	{Is: archive.ErrKind, Do: "archive_member of the source must name the disk itself."},
	{Is: archive.ErrAmbiguous, Do: "Nothing was made, as which of them is meant can't be told. Unpack the archive and convert the file."},
	{Is: archive.ErrMethod, Do: "Nothing was made. Unpack the archive (`unzip`, `7z x`) and convert the file."},
	{Is: archive.ErrTooLong, Do: "Nothing was made. Where the source is believed, raise max_source_size, or unpack the archive and convert the file."},
	{Is: archive.ErrTruncated, Do: "Nothing was made. Fetch the source again, and compare its checksum."},
	{Is: archive.ErrDamaged, Do: "Nothing was made. Fetch the source again, and compare its checksum. Where that is right, unpack the archive and convert the file."},
	{Is: qemu.ErrFormat, Do: "State the format that the source has; it is never probed."},
	{Is: qemu.ErrContent, Do: "State the format that it has (what its name ends in says nothing: .img is qcow2 as often as raw), unpack it, or fetch it again where it is an error page. Where the bytes are to be written to the image as they are, whatever they look like, set allow_any_content of the source."},
	{Is: conversion.ErrNoChain, Do: hostile + "Only if you made these images yourself, and all files of the chain are in the folder of source.file, set allow_backing_chain of the source. Otherwise: " + oneFile},
	{Is: qemu.ErrBackingFile, Do: hostile + oneFile},
	{Is: qemu.ErrParent, Do: hostile + oneFile},
	{Is: qemu.ErrChain, Do: hostile + "Only if you made these images yourself: every file of the chain must be a regular one in the folder of source.file, with its format stated; `qemu-img rebase -u -F FORMAT -b NAME FILE` writes both into a header, without a look at NAME. Otherwise: " + oneFile},
	{Is: imageformat.ErrNoSnapshot, Do: "internal_snapshot of the source is a name or an id of `qemu-img snapshot -l FILE`; where several have one name, it is the id. Nothing was made."},
	{Is: conversion.ErrSocketPath, Do: "Set TMPDIR to a folder with a shorter path."},
	{Is: qemu.ErrDataFile, Do: hostile + oneFile + " Of a vmdk that is a monolithicSparse or streamOptimized one, as in an OVA. " +
		"The file with the data of a flat vmdk is itself a raw disk: if you know it, and got it together with the descriptor, make it the source, with format = \"raw\"."},
	{Is: qemu.ErrEncrypted, Do: "Decrypt it first, on a machine that may have the key."},
	{Is: qemu.ErrCorrupt, Do: "qemu found its tables damaged, and what is read from it may belong elsewhere. Fetch the source again, or repair a copy (`qemu-img check -r all COPY`) and look at what is in it."},
	{Is: qemu.ErrSize, Do: "Nothing was made. Which of the sizes is right can't be told: make the source anew with the tool that it comes from."},
	{Is: qemu.ErrChanged, Do: "Nothing was made. Run again when nobody writes to the source."},
	{Is: qemu.ErrTruncated, Do: "Nothing was made. Fetch the source again, and compare its checksum."},
	{Is: conversion.ErrCompressed, Do: "Every file of a chain must be decompressed first."},
	{Is: conversion.ErrCompressedImage, Do: "Convert it from the file that it was published as, with source.file or source.url."},
	{Is: fetch.ErrNotFound, Do: "Look for a typing error; publishers also remove old versions."},
	{Is: fetch.ErrChanged, Do: "Nothing was made. Run again."},
	{Is: checksum.ErrMismatch, Do: "Nothing was made. Either the source was damaged or tampered with, or it is another version than the checksum is of."},
	{Is: checksum.ErrNotListed, Do: "Look into the list: a link such as latest.qcow2 is often not named in it. published_name says what to look for."},
	{Is: checksum.ErrAmbiguous, Do: "published_name may have folders in front, as the list has them. Or state the checksum itself: sha512 or sha256 of the source."},
	{Is: fetch.ErrAnswer, Do: "Nothing was made. Another server of the same publisher may do better; or download the source and take it as source.file."},
	{Is: fetch.ErrEncoded, Do: "What was published can't be told from what was made of it. Download the source and take it as source.file, or have the server leave disk images as they are."},
	{Is: conversion.ErrIncomparable, Do: "The image stays as it is. `terraform apply -replace` converts the source as it is now."},
	{Is: conversion.ErrEngine, Do: "Leave engine out: the provider takes the source then. For engine = \"cluster\" it is a raw disk at source.url, not compressed, without a query in the URL, on a server that gives parts of it and does not redirect, with md5, sha256, sha512 or checksums_url."},
	{Is: conversion.ErrTooLong, Do: "Nothing was made. Where the source is believed, raise max_source_size."},
	{Is: conversion.ErrUnknownEnd, Do: "Give its checksum (sha256, or checksums_url), or download it and take it as source.file."},
	{Is: workdir.ErrNoSpace, Do: "Nothing was made. Set TMPDIR to a folder with more space. A source that is not compressed as a whole, without a checksum, is read from its server without a copy."},
	{Is: decompress.ErrMemory, Do: "Nothing was made. Compress the source with a smaller window (`zstd` without --long, `xz -9` or less)."},
	{Is: decompress.ErrCorrupt, Do: "Nothing was made. Fetch the source again, and compare its checksum."},
	{Is: conversion.ErrTooSmall, Do: "Images are never cut off: leave size out, or raise it."},
}
