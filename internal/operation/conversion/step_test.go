// SPDX-License-Identifier: MPL-2.0

package conversion

import (
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/checksum"
)

// Nothing that grants access is noted, and nothing is to be guessed from a hash.
func TestStepWithoutSecrets(t *testing.T) {
	t.Parallel()
	step := func(url, list string) (hash, uri string) {
		t.Helper()
		j := &job{Request: Request{Source: Reference{URL: url, ChecksumsURL: list, Format: "qcow2"}}, want: checksum.Sums{"sha256": "ab"}}
		s, err := j.step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Source.Digest["sha256"] != "ab" || !s.Fresh || len(s.Tools) > 0 {
			t.Errorf("it is %+v", s)
		}
		return s.Arguments, s.Source.URI
	}
	plain, uri := step("https://example.org/a/b.qcow2", "https://example.org/SUMS")
	if uri != "https://example.org/a/b.qcow2" {
		t.Errorf("it comes from %s", uri)
	}
	secret, uri := step("https://me:geheim@example.org/a/b.qcow2?token=geheim#geheim", "https://me:geheim@example.org/SUMS?x=geheim")
	if strings.Contains(uri, "geheim") || secret != plain {
		t.Errorf("it comes from %s, %s, not %s", uri, secret, plain)
	}
	if other, _ := step("https://example.org/a/c.qcow2", "https://example.org/SUMS"); other == plain {
		t.Error("another source has the same hash")
	}
	if odd, uri := step("https://exa mple/%zz?token=geheim", ""); strings.Contains(odd+uri, "geheim") {
		t.Error(uri)
	}
}
