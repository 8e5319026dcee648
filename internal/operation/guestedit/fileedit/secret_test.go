// SPDX-License-Identifier: MPL-2.0

package fileedit

import (
	"bytes"
	"strings"
	"testing"

	"github.com/terraform-provider-rbd/terraform-provider-rbd/internal/rbd"
)

func TestCompareSecrets(t *testing.T) {
	key := bytes.Repeat([]byte{7}, keySize)
	old := printOf(key, "/f", []byte("old secret"))
	for name, tc := range map[string]struct {
		s     Secret
		cur   *file
		want  string // content to write; "-" for no write
		unmet string
	}{
		"new file":              {Secret{Content: ptr("a secret")}, nil, "a secret", "does not exist"},
		"new file, planned":     {Secret{}, nil, "-", "does not exist"},
		"first version":         {Secret{Content: ptr("a secret")}, regular("x"), "a secret", "not written yet"},
		"first version holds":   {Secret{Content: ptr("a secret")}, regular("a secret"), "-", ""},
		"written before":        {Secret{Content: ptr("a secret"), Print: old, key: key}, regular("old secret"), "-", ""},
		"read":                  {Secret{Print: old, key: key}, regular("old secret"), "-", ""},
		"changed":               {Secret{Content: ptr("a secret"), Print: old, key: key}, regular("x"), "a secret", "not what was written"},
		"changed, read":         {Secret{Print: old, key: key}, regular("x"), "-", "not what was written"},
		"changed to what it is": {Secret{Content: ptr("a secret"), Print: old, key: key}, regular("a secret"), "-", ""},
		"no key":                {Secret{Content: ptr("a secret"), Print: old}, regular("old secret"), "a secret", "the key for that is gone"},
		"no print, read":        {Secret{key: key}, regular("old secret"), "-", "not written yet"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Edit{Path: "/f", Secret: &tc.s}.compare(tc.cur)
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			unmet := strings.Join(o.Unmet, "; ")
			if !strings.Contains(unmet, tc.unmet) || tc.unmet == "" && unmet != "" {
				t.Errorf("unmet %q, want %q", unmet, tc.unmet)
			}
			if strings.Contains(unmet, "secret") || strings.ContainsAny(unmet, "0123456789") {
				t.Errorf("the content, or its length, is shown: %q", unmet)
			}
			if o.Write != (tc.want != "-") || o.Write && string(o.Content) != tc.want {
				t.Errorf("write %v %q, want %q", o.Write, o.Content, tc.want)
			}
		})
	}
}

// A print is of one file, and of one key; a clone's copy of a key is none.
func TestPrints(t *testing.T) {
	a, b := bytes.Repeat([]byte{7}, keySize), bytes.Repeat([]byte{8}, keySize)
	seen := map[string]bool{}
	for _, key := range [][]byte{a, b} {
		for _, path := range []string{"/f", "/g"} {
			for _, content := range []string{"", "x"} {
				seen[string(printOf(key, path, []byte(content)))] = true
			}
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d prints of 8 differ", len(seen))
	}
	label := strings.Repeat("07", keySize)
	for value, want := range map[string][]byte{label + ":id": a, label + ":parent": nil, label: nil, "07:id": nil, "": nil} {
		e := []Edit{{Path: "/f", Secret: &Secret{}}}
		findKeys(rbd.Image{ID: "id", Metadata: map[string]string{"terraform-provider-rbd." + keyLabelOf("/f"): value}}, e)
		if !bytes.Equal(e[0].Secret.key, want) {
			t.Errorf("%q: key %x, want %x", value, e[0].Secret.key, want)
		}
	}
}

// The revision follows the version, and says nothing of the content.
func TestRevisionOfSecrets(t *testing.T) {
	revision := func(version int64, content string) string {
		return Revision("id", []Edit{{Path: "/f", Secret: &Secret{Version: version, Content: &content}}})
	}
	if revision(1, "a") != revision(1, "b") || revision(1, "a") == revision(2, "a") {
		t.Error("the revision does not follow the version alone")
	}
	if got := Revision("id", []Edit{{Path: "/f", Content: ptr("a")}}); got != "1d95fb4dd814" {
		t.Errorf("the revision of what is no secret is %s now", got)
	}
}
