// SPDX-License-Identifier: MPL-2.0

package checksum

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sumOf is a checksum of text, in hex.
func sumOf(algorithm, text string) string {
	h, err := New(algorithm)
	if err != nil {
		panic(err)
	}
	_, _ = h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// Lists in the ways that publishers write them. Every file's content is its path.
func TestFindInSections(t *testing.T) {
	s := func(algorithm string) string { return sumOf(algorithm, "f") }
	plain := func(algorithm, file string) string { return s(algorithm) + "  " + file + "\n" }
	sha1 := strings.Repeat("a9", 20)
	whirlpool, other := strings.Repeat("1b", 64), strings.Repeat("77", 64)
	gentoo := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n# BLAKE2B HASH\n" + plain("blake2b", "f") + other + "  f.CONTENTS.gz\n# SHA512 HASH\n" + plain("sha512", "f") +
		other + "  f.CONTENTS.gz\n-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAdFiEE\n-----END PGP SIGNATURE-----\n"
	for what, tc := range map[string]struct {
		list string
		want Wanted
		algo string // the strongest; with none, it is an error
		err  error
	}{
		"SHA1 first":             {sha1 + "  f\n" + plain("sha512", "f"), Wanted{}, "sha512", nil},
		"MD5 first":              {plain("md5", "f") + plain("sha256", "f"), Wanted{}, "sha256", nil},
		"tagged, weakest first":  {"MD5 (f) = " + s("md5") + "\nSHA1 (f) = " + sha1 + "\nBLAKE2b (f) = " + s("blake2b") + "\nSHA512 (f) = " + s("sha512") + "\n", Wanted{}, "sha512", nil},
		"SHA3 as long as SHA2":   {"SHA3-256 (f) = " + s("sha3-256") + "\nSHA256 (f) = " + s("sha256") + "\n", Wanted{}, "sha256", nil},
		"SHA3 alone":             {"SHA3-256 (f) = " + s("sha3-256") + "\n", Wanted{}, "sha3-256", nil},
		"SHA3 by its length":     {"SHA3 (f) = " + s("sha3-512") + "\n", Wanted{}, "sha3-512", nil},
		"SHA2-512":               {"SHA2-512 (f) = " + s("sha512") + "\n", Wanted{}, "sha512", nil},
		"openssl":                {"SHA2-256(f)= " + s("sha256") + "\n", Wanted{}, "sha256", nil},
		"cksum --base64":         {"SHA256 (f) = WAWfKA/f/sFq+CaK5Pl0Dtc0zQn5wmL1V6aTrh/oaTc=\n", Wanted{}, "sha256", errors.New("of another content")},
		"sections":               {"# BLAKE2B\n" + plain("blake2b", "f") + "\n# SHA512\n" + plain("sha512", "f"), Wanted{}, "sha512", nil},
		"headings with colons":   {"MD5:\n" + plain("md5", "f") + "SHA-256:\n" + plain("sha256", "f"), Wanted{}, "sha256", nil},
		"headings of markdown":   {"## SHA3-512 checksums\n" + plain("sha3-512", "f") + "**MD5**\n" + plain("md5", "f"), Wanted{}, "sha3-512", nil},
		"whirlpool":              {"# WHIRLPOOL HASH\n" + whirlpool + "  f\n# SHA512 HASH\n" + plain("sha512", "f"), Wanted{}, "sha512", nil},
		"whirlpool alone":        {"# WHIRLPOOL HASH\n" + whirlpool + "  f\n", Wanted{}, "", errors.New("can't be verified: whirlpool")},
		"Gentoo's DIGESTS":       {gentoo, Wanted{}, "sha512", nil},
		"Gentoo's Manifest":      {"DIST f 7 BLAKE2B " + s("blake2b") + " SHA512 " + s("sha512") + "\n", Wanted{}, "sha512", nil},
		"Debian's Release":       {"Origin: x\nMD5Sum:\n " + s("md5") + "      7 f\nSHA256:\n " + s("sha256") + "      7 f\nAcquire-By-Hash: yes\n", Wanted{}, "sha256", nil},
		"Debian's dsc":           {"Checksums-Sha256:\n " + s("sha256") + " 7 f\nFiles:\n " + s("md5") + " 7 f\n", Wanted{}, "sha256", nil},
		"Debian's changes":       {"Files:\n " + s("md5") + " 7 misc optional f\nChecksums-Sha256:\n " + s("sha256") + " 7 f\n", Wanted{}, "sha256", nil},
		"Fedora's":               {"# f: 7 bytes\nSHA256 (f) = " + s("sha256") + "\n", Wanted{}, "sha256", nil},
		"BSD's -r":               {s("sha256") + " f\n", Wanted{}, "sha256", nil},
		"tabs":                   {s("sha256") + "\tf\n", Wanted{}, "sha256", nil},
		"byte order mark, CRLF":  {"\ufeff" + s("sha256") + " *f\r\n", Wanted{}, "sha256", nil},
		"bare":                   {s("sha512") + "\n", Wanted{List: "f.sha512"}, "sha512", nil},
		"bare with a label":      {"sha256: " + s("sha256") + "\nMD5 = " + s("md5") + "\n", Wanted{}, "sha256", nil},
		"from standard input":    {s("sha256") + "  -\n", Wanted{}, "sha256", nil},
		"two bare ones":          {s("sha256") + "\n" + sumOf("sha256", "g") + "\n", Wanted{}, "", ErrAmbiguous},
		"bare beside named ones": {s("sha256") + "\n" + sumOf("sha256", "g") + "  g\n", Wanted{}, "", ErrNotListed},
		"B2SUMS":                 {plain("blake2b", "f"), Wanted{List: "B2SUMS"}, "blake2b", nil},
		"b2sum without a word":   {plain("blake2b", "f") + plain("sha512", "f"), Wanted{}, "", ErrAmbiguous},
		"section of other digits": {
			"# SHA256\n" + plain("sha512", "f"), Wanted{}, "", ErrAmbiguous},
		"before the signed part": {
			sumOf("sha256", "g") + "  f\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + plain("sha256", "f") + "-----BEGIN PGP SIGNATURE-----\n", Wanted{}, "sha256", nil},
		"behind the signed part": {
			"-----BEGIN PGP SIGNED MESSAGE-----\n\n" + plain("sha256", "g") + "-----BEGIN PGP SIGNATURE-----\n" + plain("sha256", "f"), Wanted{}, "", ErrNotListed},
		"a signed part without an end": {"-----BEGIN PGP SIGNED MESSAGE-----\n\n" + plain("sha256", "f"), Wanted{}, "", errUnsigned},
		"dash-escaped": {
			"-----BEGIN PGP SIGNED MESSAGE-----\n\n- ----- SHA3-256 -----\n" + plain("sha3-256", "f") + "-----BEGIN PGP SIGNATURE-----\n", Wanted{}, "sha3-256", nil},
	} {
		t.Run(what, func(t *testing.T) {
			tc.want.Name = "f"
			got, err := Find(strings.NewReader(tc.list), tc.want)
			switch {
			case tc.algo == "":
				if err == nil || !errors.Is(err, tc.err) && !strings.Contains(err.Error(), tc.err.Error()) {
					t.Errorf("%v, %v; want %v", got, err, tc.err)
				}
			case err != nil || got.Strongest()[tc.algo] == "":
				t.Errorf("%v, %v", got, err)
			case tc.err == nil && got.Strongest()[tc.algo] != s(tc.algo):
				t.Errorf("%v is of something else", got)
			}
		})
	}
}

// The same name in several folders.
func TestFindInFolders(t *testing.T) {
	list := func(files ...string) (text string) {
		for _, f := range files {
			text += sumOf("sha256", f) + "  " + f + "\n"
		}
		return text
	}
	two := list("./a/f", "b/f")
	for what, tc := range map[string]struct {
		list string
		want Wanted
		file string // empty where it is ambiguous
	}{
		"no path":                        {two, Wanted{Name: "f"}, ""},
		"relative to the list":           {two, Wanted{Name: "f", Path: "x/a/f", Relative: "a/f"}, "./a/f"},
		"list elsewhere":                 {two, Wanted{Name: "f", Path: "x/b/f"}, "b/f"},
		"other folder":                   {two, Wanted{Name: "f", Path: "x/c/f"}, ""},
		"half a name of a folder":        {two, Wanted{Name: "f", Path: "xa/f"}, ""},
		"by name":                        {two, Wanted{Name: "b/f"}, "b/f"},
		"one folder":                     {list("a/f", "g"), Wanted{Name: "f", Path: "x/f", Relative: "f"}, "a/f"},
		"beside the list":                {list("f", "a/f"), Wanted{Name: "f", Path: "x/f", Relative: "f"}, "f"},
		"below the list":                 {list("f", "a/f"), Wanted{Name: "f", Path: "x/a/f", Relative: "a/f"}, "a/f"},
		"either may be meant":            {list("f", "a/f"), Wanted{Name: "f", Path: "x/a/f"}, ""},
		"nested, either may be meant":    {list("a/f", "x/a/f"), Wanted{Name: "f", Path: "y/x/a/f"}, ""},
		"nested":                         {list("a/f", "x/a/f"), Wanted{Name: "f", Path: "y/x/a/f", Relative: "x/a/f"}, "x/a/f"},
		"by whole path of the server":    {list("/srv/a/f", "/srv/b/f"), Wanted{Name: "f", Path: "srv/b/f"}, "/srv/b/f"},
		"the same twice is no ambiguity": {list("a/f") + list("a/f"), Wanted{Name: "f"}, "a/f"},
	} {
		got, err := Find(strings.NewReader(tc.list), tc.want)
		if tc.file == "" {
			if !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%s: %v, %v", what, got, err)
			}
		} else if err != nil || got["sha256"] != sumOf("sha256", tc.file) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}

func TestFindInTooLongAList(t *testing.T) {
	long := strings.NewReader(strings.Repeat(strings.Repeat("x", 79)+"\n", MaxListBytes/80+1))
	if _, err := Find(long, Wanted{Name: "f"}); !errors.Is(err, ErrListTooLong) {
		t.Errorf("got %v", err)
	}
}

// What the tools on this machine write of files with odd names is read back.
func TestFindInToolsLists(t *testing.T) {
	names := []string{"disk.qcow2", "a name", "*star", "back\\slash", "new\nline", "(x) = y", "ünï", " space", "tail) = 00"}
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"md5sum", "sha256sum -b", "sha512sum", "sha384sum", "b2sum", "sha512sum --tag", "b2sum --tag", "cksum -a sha256", "cksum -a sha512 --untagged", "openssl dgst -sha3-256"} {
		t.Run(tool, func(t *testing.T) {
			command := strings.Fields(tool)
			for _, name := range names {
				if command[0] == "openssl" && strings.ContainsAny(name, "\n\\") {
					continue // it escapes nothing
				}
				args := append(slices.Clone(command[1:]), "--", name)
				if command[0] == "openssl" {
					args = append(slices.Clone(command[1:]), "./"+name)
				}
				cmd := exec.Command(command[0], args...)
				cmd.Dir = dir
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %v", cmd, err)
				}
				got, err := Find(bytes.NewReader(out), Wanted{Name: name, List: command[0]})
				if err != nil {
					t.Errorf("%q in %q: %v", name, out, err)
					continue
				}
				for algorithm, sum := range got {
					if sum != sumOf(algorithm, name) {
						t.Errorf("%q in %q: %s is %s", name, out, algorithm, sum)
					}
				}
			}
		})
	}
}

// writers write a line as a tool does, of a name that the tool need not escape.
var writers = map[string]func(algorithm, sum, file string) string{
	"GNU text":   func(_, sum, file string) string { return sum + "  " + file },
	"GNU binary": func(_, sum, file string) string { return sum + " *" + file },
	"BSD": func(algorithm, sum, file string) string {
		return strings.ToUpper(algorithm) + " (" + file + ") = " + sum
	},
	"openssl": func(algorithm, sum, file string) string {
		return strings.ToUpper(algorithm) + "(" + file + ")= " + sum
	},
}

// Whatever files are in a list, in whichever syntax and order: each is found with
// its own checksums, and what is not there is not found.
func TestFindWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-zA-Z0-9._ ()=+@*-]{0,12}[a-z0-9]`)
		files := rapid.SliceOfNDistinct(name, 1, 6, func(s string) string { return s }).Draw(t, "files")
		algos := rapid.SliceOfNDistinct(rapid.SampledFrom(byStrength), 1, 4, func(s string) string { return s }).Draw(t, "algorithms")
		syntax := rapid.SampledFrom([]string{"GNU text", "GNU binary", "BSD", "openssl"}).Draw(t, "syntax")
		newline := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "newline")
		folder := rapid.SampledFrom([]string{"", "./", "a/", "./a/b/"}).Draw(t, "folder")
		var lines []string
		for _, algorithm := range algos {
			lines = append(lines, "# "+strings.ToUpper(algorithm)+" HASH")
			for _, f := range files {
				lines = append(lines, writers[syntax](algorithm, sumOf(algorithm, f), folder+f))
			}
		}
		if rapid.Bool().Draw(t, "signed") {
			lines = append(append([]string{signedBegin, "Hash: SHA512", ""}, lines...), signatureBegin, "", "abc", "-----END PGP SIGNATURE-----")
		}
		list := strings.Join(lines, newline) + newline
		wanted := rapid.SampledFrom(files).Draw(t, "wanted")
		got, err := Find(strings.NewReader(list), Wanted{Name: wanted})
		if err != nil || len(got) != len(algos) {
			t.Fatalf("%v, %v in\n%s", got, err, list)
		}
		for algorithm, sum := range got {
			if sum != sumOf(algorithm, wanted) {
				t.Fatalf("%s: %s in\n%s", algorithm, sum, list)
			}
		}
		if got, err := Find(strings.NewReader(list), Wanted{Name: wanted + "~"}); !errors.Is(err, ErrNotListed) {
			t.Fatalf("%v, %v", got, err)
		}
	})
}

// Whatever a server sends as its list: no checksum comes out that can't be one.
func FuzzFind(f *testing.F) {
	sum := fmt.Sprintf("%x", sha256.Sum256(nil))
	for _, seed := range []string{
		sum + "  f\n", "\\" + sum + " *a\\nf\n", "SHA256 (f) = " + sum, "# SHA512\n" + sum + " f", signedBegin + "\n\n- " + sum + " f\n" + signatureBegin,
		"DIST f 1 SHA256 " + sum, "SHA256:\n " + sum + " 1 f", sum, "\ufeff" + sum + "\r\n", "SHA3(f)=AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		f.Add(seed, "f", "a/f")
	}
	f.Fuzz(func(t *testing.T, list, name, path string) {
		got, err := Find(strings.NewReader(list), Wanted{Name: name, Path: path, Relative: path, List: name})
		if (err == nil) != (len(got) > 0) {
			t.Fatalf("%v, %v", got, err)
		}
		for algorithm, sum := range got {
			if err := Check(algorithm, sum); err != nil {
				t.Fatal(err)
			}
		}
	})
}
