// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"reflect"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/operation/conversion"
	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/provider/sizetype"
)

// Every argument of the resource reaches the operation, and what that tells the
// state.
func TestRequest(t *testing.T) {
	t.Parallel()
	text, yes := types.StringValue, types.BoolValue(true)
	var m model
	m.Name, m.Pool, m.Namespace, m.DataPool = text("name"), text("pool"), text("ns"), text("data")
	m.Size, m.MaxSourceSize = sizetype.New(1<<30), sizetype.New(2<<30)
	m.VerifyContent, m.Sparsify = yes, yes
	src := sourceModel{
		File: text("file"), Image: text("image"), URL: text("url"), Format: text("format"), MD5: text("1"), SHA256: text("2"), SHA512: text("3"),
		ChecksumsURL: text("list"), PublishedName: text("published"), ArchiveMember: text("member"), AllowBackingChain: yes, AllowAnyContent: yes,
	}
	want := conversion.Request{
		Source: conversion.Reference{
			File: "file", Image: "image", URL: "url", Format: "format", Sums: checksum.Sums{"md5": "1", "sha256": "2", "sha512": "3"},
			ChecksumsURL: "list", PublishedName: "published", ArchiveMember: "member", AllowBackingChain: true, AllowAnyContent: true,
		},
		Target: m.RBDSpec(), Layout: m.Layout(), MaxSourceBytes: 2 << 30, VerifyContent: true, Sparsify: true, Token: m.token(src),
	}
	if got := m.request(src); !reflect.DeepEqual(got, want) || got.Layout.SizeBytes != 1<<30 || got.Layout.DataPool != "data" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for revision, want := range map[string]types.String{"": types.StringNull(), "etag:1": text("etag:1")} {
		if m.set(conversion.Result{Revision: revision}); !m.SourceRevision.Equal(want) {
			t.Errorf("%q: %s", revision, m.SourceRevision)
		}
	}
	if got := (infoModel{File: text("f"), Image: text("i"), ArchiveMember: text("m"), Format: text("raw")}).reference(); !reflect.DeepEqual(got, conversion.Reference{File: "f", Image: "i", ArchiveMember: "m", Format: "raw"}) {
		t.Errorf("got %+v", got)
	}
}
