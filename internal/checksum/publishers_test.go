// SPDX-License-Identifier: MPL-2.0

package checksum

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// published is a list in the form of a publisher, for files of ours whose content
// is their path without ./ in front.
type published struct {
	list  string   // its name
	text  string   // with {ALGORITHM NAME}, and {ALGORITHM NAME ^} in capitals
	found []string // algorithm, name asked for, path on the server, content
	// Names that it does not have, or not once.
	missing, ambiguous []string
}

const armored = "-----BEGIN PGP SIGNATURE-----\nVersion: GnuPG v2\n\niQIzBAEBCgAdFiEEAAAAAAAAAAAAAAAAAAAAAAAAAAAFAmAAAAAACgkQAAAAAAAA\nAAAAAA==\n=AAAA\n-----END PGP SIGNATURE-----\n"

var publishers = map[string]published{
	"Ubuntu": {
		list: "SHA256SUMS", text: "{sha256 server.img} *server.img\n{sha256 server.ova} *server.ova\n{sha256 server.manifest} *server.manifest\n",
		found: []string{"sha256 server.img - server.img", "sha256 server.ova - server.ova"}, missing: []string{"server", "img", "erver.img", "*server.img"},
	},
	"Ubuntu, of MD5": {list: "MD5SUMS", text: "{md5 server.img} *server.img\n", found: []string{"md5 server.img - server.img"}},
	"Debian": {
		list: "SHA512SUMS", text: "{sha512 generic.qcow2}  generic.qcow2\n{sha512 generic.raw}  generic.raw\n{sha512 generic.tar.xz}  generic.tar.xz\n",
		found: []string{"sha512 generic.raw - generic.raw"},
	},
	"Fedora": {
		list:  "Fedora-Cloud-99-x86_64-CHECKSUM",
		text:  "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# Cloud.qcow2: 1234 bytes\nSHA256 (Cloud.qcow2) = {sha256 Cloud.qcow2}\n# Cloud.tar.gz: 99 bytes\nSHA256 (Cloud.tar.gz) = {sha256 Cloud.tar.gz}\n" + armored,
		found: []string{"sha256 Cloud.qcow2 - Cloud.qcow2", "sha256 Cloud.tar.gz - Cloud.tar.gz"}, missing: []string{"Cloud"},
	},
	"Rocky": {
		list: "CHECKSUM", text: "# R-1-Base.qcow2: 1 bytes\nSHA256 (R-1-Base.qcow2) = {sha256 R-1-Base.qcow2}\n# R-1.latest.qcow2: 1 bytes\nSHA256 (R-1.latest.qcow2) = {sha256 R-1-Base.qcow2}\n",
		found: []string{"sha256 R-1.latest.qcow2 - R-1-Base.qcow2"},
	},
	"AlmaLinux": {
		list: "CHECKSUM", text: "# A.qcow2: 1 bytes\n{sha256 A.qcow2}  A.qcow2\n# A.iso: 1 bytes\n{sha256 A.iso}  A.iso\n", found: []string{"sha256 A.qcow2 - A.qcow2"},
	},
	"CentOS Stream":  {list: "C.qcow2.SHA256SUM", text: "# C.qcow2: 1 bytes\nSHA256 (C.qcow2) = {sha256 C.qcow2}\n", found: []string{"sha256 C.qcow2 - C.qcow2"}},
	"openSUSE":       {list: "Leap.qcow2.sha256", text: "{sha256 Leap.qcow2}  Leap.qcow2\n", found: []string{"sha256 Leap.qcow2 - Leap.qcow2"}},
	"openSUSE, link": {list: "Leap.qcow2.sha256", text: "{sha256 Leap-Build1.qcow2}  Leap-Build1.qcow2\n", found: []string{"sha256 Leap-Build1.qcow2 - Leap-Build1.qcow2"}, missing: []string{"Leap.qcow2"}},
	"openSUSE, signed": {
		list: "Leap.raw.xz.sha256", text: "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{sha256 Leap.raw.xz}  Leap.raw.xz\n" + armored,
		found: []string{"sha256 Leap.raw.xz - Leap.raw.xz"},
	},
	"Arch":               {list: "Arch.qcow2.SHA256", text: "{sha256 Arch.qcow2}  Arch.qcow2\n", found: []string{"sha256 Arch.qcow2 - Arch.qcow2"}},
	"Arch, BLAKE2b":      {list: "Arch.qcow2.b2", text: "{blake2b Arch.qcow2}  Arch.qcow2\n", found: []string{"blake2b Arch.qcow2 - Arch.qcow2"}},
	"Arch, lists":        {list: "b2sums.txt", text: "{blake2b Arch.iso}  Arch.iso\n{blake2b boot.tar.zst}  boot.tar.zst\n", found: []string{"blake2b Arch.iso - Arch.iso"}},
	"Alpine":             {list: "alpine.qcow2.sha512", text: "{sha512 alpine.qcow2}  alpine.qcow2\n", found: []string{"sha512 alpine.qcow2 - alpine.qcow2"}},
	"Alpine, bare":       {list: "alpine.qcow2.sha512", text: "{sha512 alpine.qcow2}", found: []string{"sha512 alpine.qcow2 - alpine.qcow2"}},
	"Alpine, bare SHA-2": {list: "alpine.qcow2.sha256", text: "{sha256 alpine.qcow2}\n", found: []string{"sha256 alpine.qcow2 - alpine.qcow2"}},
	"bare, of Windows":   {list: "disk.vhd.sha256", text: "\ufeff{sha256 disk.vhd ^}\r\n", found: []string{"sha256 disk.vhd - disk.vhd"}},
	"bare, BLAKE2b":      {list: "disk.raw.b2sum", text: "{blake2b disk.raw}\n", found: []string{"blake2b disk.raw - disk.raw"}},
	"Gentoo": {
		list:  "g.qcow2.DIGESTS",
		text:  "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n# BLAKE2B HASH\n{blake2b g.qcow2}  g.qcow2\n# SHA512 HASH\n{sha512 g.qcow2}  g.qcow2\n# BLAKE2B HASH\n{blake2b g.CONTENTS.gz}  g.CONTENTS.gz\n# SHA512 HASH\n{sha512 g.CONTENTS.gz}  g.CONTENTS.gz\n" + armored,
		found: []string{"sha512 g.qcow2 - g.qcow2", "blake2b g.qcow2 - g.qcow2", "sha512 g.CONTENTS.gz - g.CONTENTS.gz"},
	},
	"Flatcar": {
		list: "f.img.bz2.DIGESTS", text: "# MD5 HASH\n{md5 f.img.bz2}  f.img.bz2\n# SHA1 HASH\na9993e364706816aba3e25717850c26c9cd0d89d  f.img.bz2\n# SHA512 HASH\n{sha512 f.img.bz2}  f.img.bz2\n",
		found: []string{"sha512 f.img.bz2 - f.img.bz2"},
	},
	"FreeBSD": {list: "CHECKSUM.SHA512", text: "SHA512 (F.qcow2.xz) = {sha512 F.qcow2.xz}\nSHA512 (F.raw.xz) = {sha512 F.raw.xz}\n", found: []string{"sha512 F.raw.xz - F.raw.xz"}},
	"OpenBSD": {list: "SHA256", text: "SHA256 (BUILDINFO) = {sha256 BUILDINFO}\nSHA256 (o.img) = {sha256 o.img}\n", found: []string{"sha256 o.img - o.img"}},
	"OpenBSD, signed": {
		list: "SHA256.sig", text: "untrusted comment: verify with o-1-base.pub\nRWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nSHA256 (o.img) = {sha256 o.img}\n",
		found: []string{"sha256 o.img - o.img"},
	},
	"NetBSD": {list: "SHA512", text: "MD5 (n.img.gz) = {md5 n.img.gz}\nSHA512 (n.img.gz) = {sha512 n.img.gz}\n", found: []string{"sha512 n.img.gz - n.img.gz"}},
	"Slackware": {
		list: "CHECKSUMS.md5", text: "These are the MD5 message digests for the files in this directory.\nTo use these, run: \"tail +13 CHECKSUMS.md5 | md5sum -c\"\n\n{md5 a/s.iso}  ./a/s.iso\n{md5 b/s.iso}  ./b/s.iso\n{md5 ANNOUNCE}  ./ANNOUNCE\n",
		found: []string{"md5 s.iso pub/a/s.iso a/s.iso", "md5 b/s.iso - b/s.iso", "md5 ANNOUNCE - ANNOUNCE"}, ambiguous: []string{"s.iso"},
	},
	"with folders": {
		list: "sha256sum.txt", text: "{sha256 raw/disk.img}  raw/disk.img\n{sha256 cloud/disk.img}  cloud/disk.img\n",
		found: []string{"sha256 disk.img v1/cloud/disk.img cloud/disk.img", "sha256 raw/disk.img - raw/disk.img"}, ambiguous: []string{"disk.img"},
	},
	"escaped, in capitals, of Windows": {
		list: "SHA256SUMS", text: "\ufeff\\{sha256 a\\b.img ^} *a\\\\b.img\r\n{sha256 c.img ^} *c.img\r\n", found: []string{`sha256 a\b.img - a\b.img`, "sha256 c.img - c.img"},
	},
	"in base64":       {list: "SHA256", text: "SHA256 (d.img) = {sha256 d.img =}\n", found: []string{"sha256 d.img - d.img"}},
	"a line of prose": {list: "README", text: "The SHA256 checksum of all images is below.\n\nsha256sum:\n{sha256 p.img}  p.img\n", found: []string{"sha256 p.img - p.img"}},
	"certutil": {
		list: "disk.vhd.txt", text: "SHA256 hash of disk.vhd:\r\n{sha256 disk.vhd}\r\nCertUtil: -hashfile command completed successfully.\r\n",
		found: []string{"sha256 disk.vhd - disk.vhd"},
	},
}

// filled puts the checksums into the text of a list.
func filled(t *testing.T, text string) string {
	t.Helper()
	for {
		before, rest, ok := strings.Cut(text, "{")
		if !ok {
			return text
		}
		words, after, _ := strings.Cut(rest, "}")
		w := strings.Fields(words)
		sum := sumOf(w[0], w[1])
		switch {
		case len(w) == 2:
		case w[2] == "^":
			sum = strings.ToUpper(sum)
		case w[2] == "=":
			b, err := hex.DecodeString(sum)
			if err != nil {
				t.Fatal(err)
			}
			sum = base64.StdEncoding.EncodeToString(b)
		}
		text = before + sum + after
	}
}

// Lists as publishers ship them: every file is found with its own checksums.
func TestFindInPublishersLists(t *testing.T) {
	for who, p := range publishers {
		text := filled(t, p.text)
		for _, found := range p.found {
			w := strings.Fields(found)
			want := Wanted{Name: w[1], List: p.list}
			if w[2] != "-" {
				want.Path = w[2]
			}
			got, err := Find(strings.NewReader(text), want)
			if err != nil || got[w[0]] != sumOf(w[0], w[3]) {
				t.Errorf("%s: %s: %v, %v", who, found, got, err)
			}
		}
		for _, name := range p.missing {
			if got, err := Find(strings.NewReader(text), Wanted{Name: name, List: p.list}); !errors.Is(err, ErrNotListed) {
				t.Errorf("%s: %s: %v, %v", who, name, got, err)
			}
		}
		for _, name := range p.ambiguous {
			if got, err := Find(strings.NewReader(text), Wanted{Name: name, List: p.list}); !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%s: %s: %v, %v", who, name, got, err)
			}
		}
	}
}

// What a list has instead is named, bounded.
func TestNotListedNames(t *testing.T) {
	sum := sumOf("sha256", "x")
	long := strings.Repeat("n", 300)
	for text, want := range map[string]string{
		"":                                 ", which has no names of files",
		sum + "  a\n" + sum + "  a\x1b[2J": `, which has "a", "a\x1b[2J"`,
		sum + "  " + long:                  `, which has "` + long[:200] + `"`,
		strings.Join([]string{sum + "  1", sum + "  2", sum + "  3", sum + "  4", sum + "  5", sum + "  6", sum + "  7", sum + "  8", sum + "  9", sum + "  0"}, "\n"): `"8", and more`,
	} {
		_, err := Find(strings.NewReader(text), Wanted{Name: "disk"})
		if !errors.Is(err, ErrNotListed) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
